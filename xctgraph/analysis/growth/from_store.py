"""Fronts and defects of a sample, from a store; the answer, as a study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis import study
from xctgraph.analysis.density import specimen
from xctgraph.analysis.growth import voxels
from xctgraph.analysis.growth.ahead import Defects
from xctgraph.analysis.growth.nulls import Material
from xctgraph.analysis.growth.result import QUESTION, Counted, Growth
from xctgraph.analysis.growth.sites import Floats, Sites
from xctgraph.analysis.growth.toward import radii, toward
from xctgraph.analysis.sample import only_sample
from xctgraph.store import Store
from xctgraph.store.errors import InputError

AXES = {"z": 0, "y": 1, "x": 2}


def toward_density(
    store: Store,
    *,
    sample: str | None = None,
    radius_um: float = 25.0,
    threshold_um: float | None = None,
    share: float = 0.5,
    seed: int = 0,
    n_shifts: int = 1999,
    n_draws: int = 199,
) -> Growth:
    """Whether the fractures of a sample extend toward regions of higher defect density.

    The density is counted in voxels, at all radii alike: at that of the stored fronts (scans.front_radius) it is their
    `local_density`. Where scans have no voxels, all radii take each defect as a sphere of its volume. So do the other nulls, with
    the defects where they were first seen, in the frame of the first scan.

    Parameters
    ----------
    store
        With `front_sites`.
    sample
        The only one where left out.
    radius_um
        Radius of the half-ball ahead, micrometres.
    threshold_um
        Least advance of a site that has advanced, micrometres; that of the stored fronts where left out.
    share
        Share that a site must leave behind to have advanced, of a front that moved everywhere; 0 for the threshold alone.
    seed
        Of all random draws.
    n_shifts, n_draws
        Shifts along the front; draws of the other null models.

    Returns
    -------
    Growth
        effect, interval, p, null, text, figure.

    Raises
    ------
    InputError
        If the sample is not in the store, a number is not positive, or there are too few front sites whose advance is known.
    """
    for name, value in {"radius_um": radius_um, "threshold_um": threshold_um, "n_shifts": n_shifts, "n_draws": n_draws}.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value!r} must be a positive number")
    if not 0 <= share < 1:
        raise InputError(f"share = {share!r} must be at least 0 and below 1")
    chosen = only_sample(store, sample)
    seen = read(store, chosen, radius_um)
    threshold = threshold_um if threshold_um is not None else seen.threshold
    (known,) = store.read("samples", sample=chosen).to_pylist()
    load = None if known["load_axis"] is None else np.eye(3)[AXES[known["load_axis"]]]
    return toward(
        seen.sites, seen.material, sample=chosen, radius_um=radius_um, threshold_um=threshold, share=share, seed=seed,
        n_shifts=n_shifts, n_draws=n_draws, load=load, densities=seen.densities, counted=seen.counted,
    )  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a store holds of the fronts of a sample whose advance is known.

    Attributes
    ----------
    sites : Sites
        With their density at the radius asked for; advanced as stored.
    densities : dict
        Density ahead (n,) of the sites by radius, micrometres.
    material : Material
    threshold : float
        Least advance of a site that has advanced, micrometres.
    counted : str
        Measure of the densities: "voxels" or "spheres".
    """

    sites: Sites
    densities: dict[float, Floats]
    material: Material
    threshold: float
    counted: Counted


def read(store: Store, sample: str, radius_um: float) -> Seen:
    """Fronts of a sample, what lies ahead of them at all radii that are scanned, and the defects.

    Raises
    ------
    InputError
        If no front site has a known advance.
    """
    rows = store.read("front_sites", sample=sample)
    features = store.read(
        "features",
        sample=sample,
        columns=["feature_id", "track_id", "t", "label", "kind", "volume", *_vector(""), *_vector("ref_")],
    )
    scans = store.read("scans", sample=sample).sort_by("t").to_pylist()
    threshold = max((s["front_threshold"] or 0.0 for s in scans), default=0.0)
    in_reference = _complete(rows) and _complete(features)
    moved = rows.filter(pc.is_valid(rows["advance_um"]))
    if not moved.num_rows:
        raise InputError(
            f"sample {sample!r} has {rows.num_rows} front sites, none of known advance: fronts need a fracture in "
            f"two scans that follow each other; `xctgraph query counts-and-volume-fraction` tells whether there is one"
        )
    material = Material(defects_of(features, reference=in_reference), specimen.window(store, sample, scans[0]["t"]))
    fronted = set(moved["t"].to_pylist())
    counted: Counted = "voxels" if all(s["has_voxels"] for s in scans if s["t"] in fronted) else "spheres"
    at = radii(radius_um)
    sites = sites_of(moved, features, reference=in_reference)
    if counted == "voxels":
        density = voxels.density(store, sample, moved, features, at)
    else:
        density = np.stack([material.ahead(sites, radius) for radius in at])
    own = density[at.index(radius_um)]
    # A smaller half-ball may hold no material where the larger one does: it tells nothing else.
    densities = {radius: np.where(np.isfinite(d), d, own)[np.isfinite(own)] for radius, d in zip(at, density, strict=True)}
    return Seen(sites.with_density(own).take(np.isfinite(own)), densities, material, threshold, counted)


def sites_of(rows: pa.Table, features: pa.Table, *, reference: bool) -> Sites:
    """Front sites, their density as stored.

    Parameters
    ----------
    rows : pyarrow.Table
        `front_sites` of one sample, of known advance.
    features : pyarrow.Table
        Columns feature_id and track_id: sites of one track are of one fracture.
    reference : bool
        Whether positions are taken in the frame of the first scan.
    """
    ids, tracks = features["feature_id"].to_numpy(), features["track_id"].to_numpy()
    order = np.argsort(ids)
    feature = rows["feature_id"].to_numpy()
    track = tracks[order[np.searchsorted(ids, feature, sorter=order)]]
    piece = np.stack([feature, rows["front"].to_numpy().astype(np.int64)], axis=1)
    return Sites(
        fracture=_numbered(track),
        front=np.unique(piece, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64),
        t=rows["t"].to_numpy().astype(np.int64),
        position=_points(rows, "ref_" if reference else ""),
        direction=_points(rows, "direction_"),
        arc=rows["arc"].to_numpy(),
        length=rows["front_length"].to_numpy(),
        density=_floats(rows, "local_density"),
        surface_distance=_floats(rows, "surface_distance"),
        opening=_floats(rows, "opening"),
        curvature=_floats(rows, "curvature"),
        advance=rows["advance_um"].to_numpy(),
        advanced=rows["advanced"].to_numpy(zero_copy_only=False).astype(np.bool_),
    )


def defects_of(features: pa.Table, *, reference: bool) -> Defects:
    """Inclusions and pores, each where its track was first seen."""
    rows = features.filter(pc.not_equal(features["kind"], "fracture")).sort_by([("track_id", "ascending"), ("t", "ascending")])
    track = rows["track_id"].to_numpy()
    first = np.diff(track, prepend=-1) != 0
    return Defects(_points(rows, "ref_" if reference else "")[first], rows["volume"].to_numpy()[first])


def _vector(prefix: str) -> list[str]:
    return [f"{prefix}{axis}" for axis in "zyx"]


def _points(rows: pa.Table, prefix: str) -> Floats:
    return np.stack([_floats(rows, name) for name in _vector(prefix)], axis=1)


def _floats(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].to_numpy(zero_copy_only=False), np.float64)


def _complete(rows: pa.Table) -> bool:
    return all(rows[name].null_count == 0 for name in _vector("ref_"))


def _numbered(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def keep(store: Store, found: Growth) -> str:
    """Add the result to the table `studies`; its `study_id`."""
    return study.record(
        store,
        command="analyze growth",
        question=QUESTION,
        sample=found.sample,
        parameters={
            "radius_um": found.radius_um,
            "threshold_um": found.threshold_um,
            "share": found.share,
            "counted": found.counted,
            "n_shifts": found.primary.n_shifts,
            "n_draws": found.nulls[-1].n,
            "null": found.null,
            "n_sites": found.primary.n_sites,
            "n_fractures": found.primary.n_fractures,
            "n_pairs": found.primary.n_pairs,
        },
        effect=found.effect,
        interval=found.interval,
        p=found.p,
        seed=found.seed,
    )
