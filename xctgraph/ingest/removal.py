"""Scans and samples taken out of a store, as if they had never been there."""

from __future__ import annotations

from dataclasses import dataclass

from xctgraph.ingest import history, rows
from xctgraph.store import Store, Transaction
from xctgraph.store.errors import InputError
from xctgraph.store.job import Job
from xctgraph.store.progress import Progress, silent


@dataclass(frozen=True)
class Dropped:
    """What was taken out.

    `n_features` features of the scans `t`; `n_links` counts the links made between the scans that are neighbours now,
    `changed_tracks` the features of later scans that came to another track; `warnings` are doubts about the links.
    """

    sample: str
    t: tuple[int, ...]
    n_features: int
    n_links: int
    changed_tracks: int
    warnings: tuple[str, ...]


def drop_scan(store: Store, sample: str, t: int, *, progress: Progress = silent) -> Dropped:
    """Take one scan out: the scan before is linked to the scan after, tracks and the reference frame follow in the same commit.

    The rows that stay are those of a series that never held the scan; the projections follow. What made the scan stays in `jobs`.

    Raises
    ------
    InputError
        If the store holds no such scan.
    EngineError
        If the graph engine cannot be reached or holds another store's graph; before any work.
    StoreLocked
        If another writer is at work.
    """
    store.engine.held()
    job = Job("drop scan", sample=sample, t=t, parameters={"sample": sample, "t": t})
    with store.write(job) as tx:
        _check(tx, sample, t)
        (row,) = tx.read("samples", sample=sample).to_pylist()
        n_features = sum(part.rows for part in tx.base.select("features", sample=sample, t=t))
        origin = rows.Origin(sample, row["sample_no"], t)
        progress(f"t = {t}: taking it out", 0, 0)
        spacing = (row["voxel_z"], row["voxel_y"], row["voxel_x"])
        later = next((u for u in tx.base.scans(sample) if u > t), None)
        drift = None if later is None else history.max_drift(tx, sample, later)
        placed = history.remove(tx, origin, spacing, drift)
    store.project(progress=progress)
    return Dropped(sample, (t,), n_features, placed.n_links, placed.changed_tracks, placed.warnings)


def drop_sample(store: Store, sample: str, *, progress: Progress = silent) -> Dropped:
    """Take a sample out with all its scans; what made them stays in `jobs`, and the projections follow.

    Raises
    ------
    InputError
        If the store holds no such sample.
    EngineError
        If the graph engine cannot be reached or holds another store's graph; before any work.
    StoreLocked
        If another writer is at work.
    """
    store.engine.held()
    with store.write(Job("drop sample", sample=sample, parameters={"sample": sample})) as tx:
        _check(tx, sample, None)
        times = tuple(tx.base.scans(sample))
        n_features = sum(part.rows for part in tx.base.select("features", sample=sample))
        for name in sorted({part.table for part in tx.base.select(sample=sample)} - {"jobs"}):
            tx.drop(name, sample=sample)
    store.project(progress=progress)
    return Dropped(sample, times, n_features, 0, 0, ())


def _check(tx: Transaction, sample: str, t: int | None) -> None:
    held = tx.base.samples()
    if sample not in held:
        raise InputError(f"the store holds no sample {sample!r}; it holds {', '.join(map(repr, held)) or 'none'}")
    times = tx.base.scans(sample)
    if t is not None and t not in times:
        raise InputError(
            f"the store holds no scan t = {t} of sample {sample!r}; it holds t = {', '.join(map(str, times)) or 'none'}"
        )
