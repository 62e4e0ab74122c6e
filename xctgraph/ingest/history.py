"""Placing a scan in the time series, or taking it out: its links, and what follows from them for all later scans."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import corrections, correspondence, fronts, given, rows, summary, tracks
from xctgraph.ingest.corrections import Correction
from xctgraph.ingest.correspondence import Said, ScanSide
from xctgraph.ingest.space import Space
from xctgraph.ingest.volumes import region
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store import Transaction, ids, parts
from xctgraph.store.labels import Labels
from xctgraph.store.schema import TABLES

REFERENCE = ("ref_z", "ref_y", "ref_x")
LinkedAlready = Callable[[int, int], correspondence.Links | None]
_TRACKED = ("feature_id", "track_id", "t", "kind")
_TO_THE_NEXT_SCAN = ("next", "fields", "next_region")


@dataclass(frozen=True)
class Placed:
    """What placing a scan, or taking it out, changed.

    `n_links` counts the links made anew: to the scan before and the scan after, or between these two. `changed_tracks` counts
    the features of later scans that came to another track; `warnings` are doubts about the links; `corrections` are those
    given, with what became of them; `unregistered` are the warnings about pairs that were not linked, since no displacement
    explains them.
    """

    n_links: int
    changed_tracks: int
    warnings: tuple[str, ...]
    corrections: list[Correction]
    unregistered: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Neighbour:
    t: int
    features: pa.Table
    runs: pa.Table | None
    box: Box
    links_given: bool

    def side(self, box: Box, spacing: tuple[float, float, float]) -> ScanSide:
        """The scan in the frame of `box`: what lies outside of it takes no part, and the field is fitted to it alone."""
        return correspondence.side_in(box, self.features, self.runs, spacing)


def place(
    tx: Transaction,
    origin: rows.Origin,
    scan_row: pa.Table,
    features: pa.Table,
    labels: Labels | None,
    space: Space,
    max_drift: float | None,
    said: list[Correction],
    linked_already: LinkedAlready | None = None,
) -> Placed:
    """Stage a scan with its links, and bring tracks and the reference frame of it and all later scans up to date.

    Links of a pair of scans depend on these two alone: only those to the scan before and the scan after are made.
    A scan between two others takes the place of their direct link.

    Parameters
    ----------
    scan_row, features
        Rows of `scans` and `features` of the scan; `previous_scan_id`, `track_id` and the reference frame are set anew.
    labels
        Voxels of the features, of dropped ones too; None where they have none.
    max_drift
        Largest drift looked for in um; None for half the volume.
    said
        Corrections of the sample; those of links are applied.
    linked_already
        Gives the links of two scans that were found elsewhere.
    """
    held = tx.manifest().scans(origin.sample)
    times = sorted({*held, origin.t})
    here = times.index(origin.t)
    before = times[here - 1] if here > 0 else None
    after = times[here + 1] if here + 1 < len(times) else None
    runs = None if labels is None else labels.to_table()
    here_side = _Neighbour(origin.t, features, runs, region.stored(scan_row.to_pylist()[0]), scan_row["links_given"][0].as_py())
    pairs = [] if before is None else [(_neighbour(tx, origin.sample, before), here_side)]
    pairs += [] if after is None else [(here_side, _neighbour(tx, origin.sample, after))]
    linked = _link_all(tx, origin, pairs, space.spacing, max_drift, said, linked_already)
    said = corrections.without_neighbours(linked.said, set(pairwise(times)))
    if after is None:
        for name in _TO_THE_NEXT_SCAN:
            tx.drop(name, sample=origin.sample, t=origin.t)
    _put_scan(tx, origin, scan_row, before, after)
    tx.put("features", _fill(features, None), sample=origin.sample, t=origin.t)
    _put_advances(tx, origin, pairs)
    changed = _follow(tx, origin, times, here)
    appended = before is not None and after is None and origin.t not in held
    tracked = _extended_tracks(tx, origin, before) if appended else _tracks(tx, origin.sample)
    tx.put("tracks", tracked, sample=origin.sample)
    return Placed(linked.n_links, changed, linked.warnings, said, linked.unregistered)


def remove(tx: Transaction, origin: rows.Origin, spacing: tuple[float, float, float], max_drift: float | None) -> Placed:
    """Stage the removal of a scan: the scan before is linked to the scan after; tracks and the reference frame follow.

    The rows that stay are those of a series that never held the scan. The record of the sample stays, also without scans.

    Parameters
    ----------
    origin
        The scan; the store must hold it.
    spacing, max_drift
        As in `place`.
    """
    sample = origin.sample
    times = sorted(tx.read("scans", sample=sample, columns=["t"])["t"].to_pylist())
    here = times.index(origin.t)
    before = times[here - 1] if here > 0 else None
    after = times[here + 1] if here + 1 < len(times) else None
    for name in TABLES:
        if parts.per_scan(name) and name != "jobs":
            tx.drop(name, sample=sample, t=origin.t)
    if before is not None:
        for name in _TO_THE_NEXT_SCAN:
            tx.drop(name, sample=sample, t=before)
    times.remove(origin.t)
    warnings: tuple[str, ...] = ()
    n_links, said = 0, corrections.read(tx, sample)
    if before is not None and after is not None:
        pair = (_neighbour(tx, sample, before), _neighbour(tx, sample, after))
        linked = _link_all(tx, origin, [pair], spacing, max_drift, said)
        n_links, warnings, said = linked.n_links, linked.warnings, linked.said
        _put_advances(tx, origin, [pair])
    elif before is not None:
        fronts.advance(tx, replace(origin, t=before), None, None)
    said = corrections.without_neighbours(said, set(pairwise(times)))
    if after is not None:
        _put_previous(tx, origin, after, before)
    changed = _follow(tx, origin, times, here) if times else 0
    tx.put("tracks", _tracks(tx, sample), sample=sample)
    if not times:
        tx.drop("tracks", sample=sample)
    corrections.write(tx, sample, said)
    return Placed(n_links, changed, warnings, said)


def relink(
    tx: Transaction, origin: rows.Origin, before: int, space: Space, max_drift: float | None, said: list[Correction]
) -> Placed:
    """Link a scan that is there anew to the scan `before` it, and bring tracks and reference frame up to date."""
    times = sorted(tx.read("scans", sample=origin.sample, columns=["t"])["t"].to_pylist())
    pair = (_neighbour(tx, origin.sample, before), _neighbour(tx, origin.sample, origin.t))
    linked = _link_all(tx, origin, [pair], space.spacing, max_drift, said)
    _put_advances(tx, origin, [pair])
    changed = _follow(tx, origin, times, times.index(origin.t))
    tx.put("tracks", _tracks(tx, origin.sample), sample=origin.sample)
    return Placed(linked.n_links, changed, linked.warnings, linked.said, linked.unregistered)


def max_drift(tx: Transaction, sample: str, t: int) -> float | None:
    """Largest drift in um that a scan was ingested with; None for half the volume."""
    made_by = tx.read("scans", sample=sample, t=t, columns=["job_id"])["job_id"][0].as_py()
    jobs = tx.read("jobs", sample=sample, columns=["job_id", "parameters"]).to_pylist()
    parameters: dict[str, Any] = next((json.loads(job["parameters"]) for job in jobs if job["job_id"] == made_by), {})
    drift = (parameters.get("correspondence") or {}).get("max_drift_um")
    return None if drift is None else float(drift)


def _neighbour(tx: Transaction, sample: str, t: int) -> _Neighbour:
    (row,) = tx.read("scans", sample=sample, t=t).to_pylist()
    runs = tx.read("label_runs", sample=sample, t=t) if row["has_voxels"] else None
    return _Neighbour(t, tx.read("features", sample=sample, t=t), runs, region.stored(row), row["links_given"])


def _tracks(tx: Transaction, sample: str) -> pa.Table:
    features = tx.read("features", sample=sample, columns=_TRACKED)
    return tracks.table(features, tx.read("next", sample=sample, columns=["source", "target"]))


def _extended_tracks(tx: Transaction, origin: rows.Origin, before: int | None) -> pa.Table:
    """Tracks after the scan was appended. A beamtime appends: what that costs must not grow with the scans that are there."""
    sample = origin.sample
    previous, features = (tx.read("features", sample=sample, t=t, columns=_TRACKED) for t in (before, origin.t))
    return tracks.extended(tx.read("tracks", sample=sample), previous, tx.read("next", sample=sample, t=before), features)


class _Linked(NamedTuple):
    n_links: int
    warnings: tuple[str, ...]
    said: list[Correction]
    unregistered: tuple[str, ...]


def _link_all(
    tx: Transaction,
    origin: rows.Origin,
    pairs: list[tuple[_Neighbour, _Neighbour]],
    spacing: tuple[float, float, float],
    max_drift: float | None,
    said: list[Correction],
    linked_already: LinkedAlready | None = None,
) -> _Linked:
    n_links, warnings, unregistered = 0, list[str](), list[str]()
    for a, b in pairs:
        ends = (a.t, a.features), (b.t, b.features)
        added, removed, said = corrections.of_pair(said, *ends)
        known = given.of_pair(tx, origin.sample, *ends) if a.links_given and b.links_given else None
        box = region.around(a.box, b.box)
        # What was found elsewhere knows nothing of what a person said.
        links = linked_already(a.t, b.t) if linked_already and not said and known is None else None
        if links is None:
            sides = a.side(box, spacing), b.side(box, spacing)
            links = correspondence.link(*sides, max_drift=max_drift, said=Said(known, added, removed))
        field = links.field
        for axis, (low, _), step in zip("zyx", box, spacing, strict=True):
            field = correspondence.shifted(field, axis, low * step)
        dt = b.t - a.t
        edges = rows.edges(links.next, ids.scan_id(origin.sample_no, a.t), ids.scan_id(origin.sample_no, b.t))
        for name, table in (("next", edges), ("fields", field)):
            column = pa.repeat(pa.scalar(dt, pa.int32()), table.num_rows)
            tx.put(name, table.append_column("dt", column), sample=origin.sample, t=a.t)
        n_links += edges.num_rows
        told = [f"links t = {a.t} to {b.t}: {warning}" for warning in links.warnings]
        warnings += told
        unregistered += [] if links.registered else told
    return _Linked(n_links, tuple(warnings), said, tuple(unregistered))


def _put_advances(tx: Transaction, origin: rows.Origin, pairs: list[tuple[_Neighbour, _Neighbour]]) -> None:
    for a, b in pairs:
        fronts.advance(tx, replace(origin, t=a.t), b.t, a.runs)


def _put_scan(tx: Transaction, origin: rows.Origin, scan_row: pa.Table, before: int | None, after: int | None) -> None:
    tx.put("scans", _with_previous(scan_row, origin, before), sample=origin.sample, t=origin.t)
    if after is not None:
        _put_previous(tx, origin, after, origin.t)


def _put_previous(tx: Transaction, origin: rows.Origin, t: int, previous: int | None) -> None:
    row = _with_previous(tx.read("scans", sample=origin.sample, t=t), origin, previous)
    tx.put("scans", row, sample=origin.sample, t=t)


def _with_previous(row: pa.Table, origin: rows.Origin, t: int | None) -> pa.Table:
    previous = pa.scalar(None if t is None else ids.scan_id(origin.sample_no, t), pa.int64())
    row = row.drop_columns(["previous_scan_id"]) if "previous_scan_id" in row.column_names else row
    return row.append_column("previous_scan_id", pa.repeat(previous, row.num_rows))


def _follow(tx: Transaction, origin: rows.Origin, times: list[int], here: int) -> int:
    """Carry track ids, reference positions and regions through the scans from the one before `here` on; count changed tracks."""
    start = max(0, here - 1)
    # In one go: each read looks through the whole manifest.
    fields = tx.read("fields", sample=origin.sample)
    by_scan = {t: fields.filter(pc.equal(fields["t"], t)) for t in times[:-1]}
    chain = [by_scan[t] for t in times[:start]]
    carried = tx.read("features", sample=origin.sample, t=times[start])
    cells = summary.cells(tx, origin.sample, times[0])
    changed = 0
    if start == 0:
        track = carried["feature_id"].to_numpy()
        carried, n_changed = _store_followed(tx, replace(origin, t=times[0]), carried, track, cells, [])
        changed += n_changed if times[0] != origin.t else 0
    for t_a, t_b in pairwise(times[start:]):
        chain.append(by_scan[t_a])
        found = tx.read("features", sample=origin.sample, t=t_b)
        track = tracks.assign(carried, tx.read("next", sample=origin.sample, t=t_a), found)
        carried, n_changed = _store_followed(tx, replace(origin, t=t_b), found, track, cells, chain)
        changed += n_changed if t_b != origin.t else 0
        summary.link(tx, replace(origin, t=t_a), replace(origin, t=t_b))
    return changed


def _store_followed(
    tx: Transaction,
    origin: rows.Origin,
    features: pa.Table,
    track: NDArray[np.int64],
    cells: summary.Cells | None,
    chain: list[pa.Table],
) -> tuple[pa.Table, int]:
    n_changed = int(np.count_nonzero(features["track_id"].to_numpy() != track))
    followed = _fill(features, (track, correspondence.to_reference(_positions(features), chain)))
    followed = summary.stage(tx, origin, followed, cells, chain)
    fronts.follow(tx, origin, chain)
    if not followed.equals(features):
        tx.put("features", followed, sample=origin.sample, t=origin.t)
    return followed, n_changed


def _fill(features: pa.Table, values: tuple[NDArray[np.int64], NDArray[np.float64]] | None) -> pa.Table:
    """Set track ids and reference positions; without `values` each feature starts a track of its own."""
    track = features["feature_id"].to_numpy() if values is None else values[0]
    columns: dict[str, pa.Array] = {"track_id": pa.array(track, pa.int64())}
    for axis, name in enumerate(REFERENCE):
        columns[name] = pa.nulls(len(track), pa.float64()) if values is None else pa.array(values[1][:, axis], from_pandas=True)
    for name, column in columns.items():
        if name in features.column_names:
            features = features.set_column(features.column_names.index(name), name, column)
        else:
            features = features.append_column(name, column)
    return features


def _positions(features: pa.Table) -> NDArray[np.float64]:
    return np.column_stack([features[axis].to_numpy() for axis in "zyx"])
