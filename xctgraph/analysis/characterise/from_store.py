"""Characterise a sample of a store, scan by scan; the answer, as a study."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from xctgraph.analysis import study
from xctgraph.analysis.characterise.notes import notes
from xctgraph.analysis.characterise.result import QUESTION, Characterisation
from xctgraph.analysis.characterise.scan import Scan, read
from xctgraph.analysis.characterise.series import Series
from xctgraph.analysis.sample import only_sample
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent

USUAL = ("fracture", "inclusion", "pore")
FEWEST_DRAWS = 99


def characterise(
    store: Store,
    *,
    sample: str | None = None,
    block_um: float | None = None,
    seed: int = 0,
    n_draws: int = 999,
    progress: Progress = silent,
) -> Characterisation:
    """Counts, sizes, shapes, directions, places and displacement of the features of every scan, by kind.

    Scans are read one after the other; the first and the one before stay in memory with the present one.

    Parameters
    ----------
    store
    sample
        The only one where left out.
    block_um
        Edge of the blocks that intervals are resampled by and profiles layered in, micrometres; left out, about 216 hold the
        material. Clusters should be smaller than a block.
    seed, n_draws
        Of the bootstraps and permutations.
    progress
        Called as work goes on.

    Raises
    ------
    InputError
        If the sample is not in the store or has no scan, or a number is not positive.
    """
    if block_um is not None and not (np.isfinite(block_um) and block_um > 0):
        raise InputError(f"block_um = {block_um!r} must be a positive number of micrometres")
    if n_draws < FEWEST_DRAWS:
        raise InputError(f"n_draws = {n_draws!r} are too few for 95 % intervals: give at least {FEWEST_DRAWS}")
    revision, chosen = store.manifest(), only_sample(store, sample)
    times = sorted(store.read("scans", sample=chosen, columns=["t"], revision=revision)["t"].to_pylist())
    if not times:
        raise InputError(f"sample {chosen!r} has no scan: run `xctgraph ingest` first")
    (about,) = store.read("samples", sample=chosen, revision=revision).to_pylist()
    found = set(USUAL)
    for t in times:
        found |= set(
            pc.unique(store.read("features", sample=chosen, t=t, columns=["kind"], revision=revision)["kind"]).to_pylist()
        )
    spacing = (float(about["voxel_z"]), float(about["voxel_y"]), float(about["voxel_x"]))
    series = Series(chosen, spacing, about["load_axis"] or "z", sorted(found), seed, n_draws)
    scans: list[Scan] = []  # the first and the last two: memory does not grow with the series
    for done, t in enumerate(times):
        progress(f"scan {t}", done, len(times))
        scan = read(store, chosen, t, block_um, revision)
        series.add(scan)
        if scans:
            earlier = scans[-1]
            between = [store.read(name, sample=chosen, t=earlier.t, revision=revision) for name in ("next", "fields")]
            series.add_next(earlier, scan, *(rows.filter(pc.equal(rows["dt"], t - earlier.t)) for rows in between))
        if len(scans) > 1 and t == times[-1]:
            series.add_change(scans[0], scan)
        scans = [*scans[:1], scan]
    progress("characterised", len(times), len(times))
    tables = series.tables()
    edge = scans[-1].blocks.edge
    return Characterisation(
        sample=chosen,
        spacing=spacing,
        load_axis=series.load,
        block_um=(float(edge[0]), float(edge[1]), float(edge[2])),
        revision=revision.revision,
        seed=seed,
        n_draws=n_draws,
        tables=tables,
        notes=notes(tables, spacing, about["load_axis"], store.read("scans", sample=chosen, revision=revision)),
    )


def keep(store: Store, found: Characterisation) -> str:
    """Add the result to the table `studies`; its `study_id`."""
    one = found.primary
    known = bool(one) and one["fraction_low"] is not None
    return study.record(
        store,
        command="analyze characterise",
        question=QUESTION,
        sample=found.sample,
        parameters={
            "effect": "volume fraction",
            "kind": one.get("kind"),
            "t": one.get("t"),
            "block_um": list(found.block_um),
            "n_draws": found.n_draws,
            "load_axis": found.load_axis,
            "text": found.text,
            "notes": list(found.notes),
        },
        effect=one.get("volume_fraction"),
        interval=(one["fraction_low"], one["fraction_high"]) if known else None,
        seed=found.seed,
    )
