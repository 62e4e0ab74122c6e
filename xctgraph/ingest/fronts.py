"""Fractures of a scan into a revision: their geometry, patches and fronts; and the advance once the next scan is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import fractures, rows
from xctgraph.ingest.correspondence.field import Field, to_reference
from xctgraph.ingest.fractures.advance import Front, advances
from xctgraph.ingest.space import Space
from xctgraph.store import Transaction
from xctgraph.store.arrow import schema
from xctgraph.store.labels import Labels
from xctgraph.store.runs import voxels

TABLES = ("fracture_patches", "fracture_openings", "front_sites", "faces")
"""Tables of a scan that describe its fractures."""


def stage(
    tx: Transaction, origin: rows.Origin, scan_row: pa.Table, features: pa.Table, labels: Labels | None, space: Space
) -> pa.Table:
    """Stage what describes the fractures of a scan; returns its features with the columns that only fractures have.

    Parameters
    ----------
    scan_row
        Row of `scans`; its columns front_spacing, front_radius and patch_area say what is asked for.
    features
        Rows of `features`.
    labels
        Voxels of the features, of dropped ones too; None where they have none: then fractures have no front.
    """
    asked = _asked(tx, origin.sample, scan_row.to_pylist()[0])
    found = None
    if labels is not None and asked is not None and pc.any(pc.equal(features["kind"], fractures.KIND)).as_py():
        around = _surroundings(tx, origin, labels, space)
        found = fractures.find(features, around, asked)
    if found is None:
        for name in TABLES:
            tx.drop(name, sample=origin.sample, t=origin.t)
        return _with_geometry(features, None)
    base = origin.scan_id
    number = pa.array(base + np.arange(1, found.sites.num_rows + 1))
    sites = _of_feature(found.sites, base).append_column("site_id", number)
    for name, table in (
        ("fracture_patches", _of_feature(found.patches, base)),
        ("fracture_openings", _of_feature(found.openings, base)),
        ("front_sites", sites),
        ("faces", rows.edges(found.faces, base, base)),
    ):
        tx.put(name, table, sample=origin.sample, t=origin.t)
    return _with_geometry(features, found.geometry)


def advance(tx: Transaction, origin: rows.Origin, later: int | None, runs: pa.Table | None) -> None:
    """Stage how far the fronts of a scan have come by the next one; null where there is none or no displacement is known.

    Parameters
    ----------
    origin
        The earlier scan.
    later
        t of the next scan; None where there is none.
    runs
        Label runs of the earlier scan; None where it has no voxels.
    """
    sample, t = origin.sample, origin.t
    if not any(part.rows for part in tx.manifest().select("front_sites", sample=sample, t=t)):
        return
    sites = tx.read("front_sites", sample=sample, t=t)
    distance = np.full(sites.num_rows, np.nan)
    field = tx.read("fields", sample=sample, t=t)
    (scan,) = tx.read("scans", sample=sample, t=t).to_pylist()
    if later is not None and runs is not None and field.num_rows:
        distance[:] = _advances(tx, origin, later, runs, Field.from_table(field), sites)
    known = pa.array(distance, from_pandas=True)
    told = rows.with_column(sites, "advance_um", known)
    told = rows.with_column(told, "advanced", pc.greater_equal(known, scan["front_threshold"]))
    if not told.equals(sites):
        tx.put("front_sites", told, sample=sample, t=t)


def follow(tx: Transaction, origin: rows.Origin, chain: Sequence[pa.Table]) -> None:
    """Bring the reference positions of the front sites of a scan up to date."""
    sample, t = origin.sample, origin.t
    if not any(part.rows for part in tx.manifest().select("front_sites", sample=sample, t=t)):
        return
    sites = tx.read("front_sites", sample=sample, t=t)
    reference = to_reference(np.column_stack([sites[axis].to_numpy() for axis in "zyx"]), chain)
    told = sites
    for k, axis in enumerate("zyx"):
        told = rows.with_column(told, f"ref_{axis}", pa.chunked_array([pa.array(reference[:, k], from_pandas=True)]))
    if not told.equals(sites):
        tx.put("front_sites", told, sample=sample, t=t)


def _advances(
    tx: Transaction, origin: rows.Origin, later: int, runs: pa.Table, field: Field, sites: pa.Table
) -> NDArray[np.float64]:
    sample, t = origin.sample, origin.t
    (held,) = tx.read("samples", sample=sample, columns=["voxel_z", "voxel_y", "voxel_x"]).to_pylist()
    spacing = held["voxel_z"], held["voxel_y"], held["voxel_x"]
    order = [("feature_id", "ascending"), ("front", "ascending"), ("arc", "ascending")]
    number = pc.sort_indices(sites, order)
    old, new = Front.of(sites.take(number)), Front.of(tx.read("front_sites", sample=sample, t=later).sort_by(order))
    new = replace(new, points=field.back(new.points))
    links = tx.read("next", sample=sample, t=t, columns=["source", "target"]).to_pandas()
    kinds = [tx.read("features", sample=sample, t=u, columns=["feature_id", "label", "kind"]).to_pandas() for u in (t, later)]
    fractures_of = [kind.feature_id[kind.kind == fractures.KIND] for kind in kinds]
    successor = links[links.source.isin(fractures_of[0]) & links.target.isin(fractures_of[1])]
    went_on = links.source[~links.target.isin(fractures_of[1])]
    ended = kinds[0][~kinds[0].feature_id.isin(went_on) & (kinds[0].kind != fractures.KIND)]
    patches = tx.read("fracture_patches", sample=sample, t=t).to_pandas().set_index(["feature_id", "patch"])
    at = pd.MultiIndex.from_arrays([old.fracture, sites["patch"].take(number).to_numpy()])
    normal = patches.loc[at, ["normal_z", "normal_y", "normal_x"]].to_numpy()
    gone = runs.filter(pc.is_in(runs["label"], pa.array(ended.label.to_numpy(np.int32))))
    there = voxels(*(gone[name].to_numpy() for name in ("z", "y", "x_start", "x_stop"))) * np.asarray(spacing)
    distance = np.empty(sites.num_rows)
    voxel = float(np.cbrt(np.prod(spacing)))
    distance[number.to_numpy()] = advances(old, normal, new, successor.to_numpy(np.int64), there, voxel)
    return distance


def _asked(tx: Transaction, sample: str, scan: Mapping[str, Any]) -> fractures.Asked | None:
    """What is asked of fractures; None where the scan was stored before that could be asked."""
    if any(scan.get(name) is None for name in ("front_spacing", "front_radius", "patch_area")):
        return None
    (held,) = tx.read("samples", sample=sample, columns=["load_axis"]).to_pylist()
    axis = "zyx".index(held["load_axis"] or "z")
    return fractures.Asked(scan["front_spacing"], scan["front_radius"], scan["patch_area"], axis)


def _surroundings(tx: Transaction, origin: rows.Origin, labels: Labels, space: Space) -> fractures.Surroundings:
    z, y, x = ((low, low + n) for low, n in zip(space.origin, space.read_shape, strict=True))
    return fractures.Surroundings(labels, material(tx, origin.sample, origin.t, space.shape), (z, y, x), space.spacing)


def material(tx: Transaction, sample: str, t: int, shape: tuple[int, int, int]) -> Labels | None:
    """Voxels of the sample mask of a scan, all with label 1; None where it has none."""
    return mask(tx.read("material_runs", sample=sample, t=t), shape)


def mask(runs: pa.Table, shape: tuple[int, int, int]) -> Labels | None:
    """Voxels of a sample mask, all with label 1, from rows of `material_runs`; None where there are none."""
    if not runs.num_rows:
        return None
    return Labels.from_table(runs.append_column("label", pa.repeat(pa.scalar(1, pa.int32()), runs.num_rows)), shape)


def _of_feature(table: pa.Table, base: int) -> pa.Table:
    """The table with ids of features in place of labels."""
    ids = pa.array(base + table["label"].to_numpy().astype(np.int64))
    return table.drop_columns(["label"]).append_column("feature_id", ids)


def _with_geometry(features: pa.Table, geometry: pa.Table | None) -> pa.Table:
    """The features with the columns that only fractures have, null for all others."""
    wanted = schema("features")
    place = None if geometry is None else pc.index_in(features["label"], geometry["label"])
    for name in fractures.GEOMETRY:
        kind = wanted.field(name).type
        values = pa.nulls(features.num_rows, kind) if geometry is None else geometry[name].cast(kind).take(place)
        features = rows.with_column(features, name, values)
    return features
