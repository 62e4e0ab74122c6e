"""Placing a scan in the time series: links to the scans before and after it, and what follows from them for all later ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import correspondence, rows, tracks
from xctgraph.ingest.correspondence import Links, ScanSide
from xctgraph.store import Transaction, ids
from xctgraph.store.labels import Labels

REFERENCE = ("ref_z", "ref_y", "ref_x")


@dataclass(frozen=True)
class Placed:
    """What placing a scan changed.

    `n_links` counts the links to the scan before and the scan after, `changed_tracks` the features of later scans that came
    to another track; `warnings` are doubts about the links.
    """

    n_links: int
    changed_tracks: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Neighbour:
    t: int
    side: ScanSide


def place(
    tx: Transaction,
    origin: rows.Origin,
    scan_row: pa.Table,
    features: pa.Table,
    labels: Labels,
    spacing: tuple[float, float, float],
    max_drift: float | None,
) -> Placed:
    """Stage a scan with its links, and bring tracks and the reference frame of it and all later scans up to date.

    Links of a pair of scans depend on these two alone: only those to the scan before and the scan after are made.
    A scan between two others takes the place of their direct link.

    Parameters
    ----------
    scan_row, features
        Rows of `scans` and `features` of the scan, without `previous_scan_id`, `track_id` and the reference frame.
    spacing
        Edge lengths of a voxel (z, y, x) in um.
    max_drift
        Largest drift looked for in um; None for half the volume.
    """
    held = tx.manifest().scans(origin.sample)
    times = sorted({*held, origin.t})
    here = times.index(origin.t)
    before = times[here - 1] if here > 0 else None
    after = times[here + 1] if here + 1 < len(times) else None
    warnings: list[str] = []
    n_links = 0

    def neighbour(t: int) -> _Neighbour:
        runs = tx.read("label_runs", sample=origin.sample, t=t)
        features_of_t = tx.read("features", sample=origin.sample, t=t)
        return _Neighbour(t, ScanSide(features_of_t, Labels.from_table(runs, labels.shape), spacing))

    here_side = _Neighbour(origin.t, ScanSide(features, labels, spacing))
    pairs = [] if before is None else [(neighbour(before), here_side)]
    pairs += [] if after is None else [(here_side, neighbour(after))]
    for a, b in pairs:
        links = _link(tx, origin, a, b, max_drift)
        n_links += links.next.num_rows
        warnings += [f"links t = {a.t} to {b.t}: {warning}" for warning in links.warnings]
    if after is None:
        tx.drop("next", sample=origin.sample, t=origin.t)
        tx.drop("fields", sample=origin.sample, t=origin.t)
    _put_scan(tx, origin, scan_row, before, after)
    tx.put("features", _fill(features, None), sample=origin.sample, t=origin.t)
    changed = _follow(tx, origin, times, here)
    tx.put(
        "tracks",
        _tracks(tx, origin.sample, origin.t, before, appended=after is None and origin.t not in held),
        sample=origin.sample,
    )
    return Placed(n_links, changed, tuple(warnings))


def _tracks(tx: Transaction, sample: str, t: int, before: int | None, *, appended: bool) -> pa.Table:
    columns = ("feature_id", "track_id", "t", "kind")
    if appended and before is not None:
        # A beamtime appends: what that costs must not grow with the scans that are there.
        previous, features = (tx.read("features", sample=sample, t=u, columns=columns) for u in (before, t))
        return tracks.extended(tx.read("tracks", sample=sample), previous, tx.read("next", sample=sample, t=before), features)
    links = tx.read("next", sample=sample, columns=["source", "target"])
    return tracks.table(tx.read("features", sample=sample, columns=columns), links)


def _link(tx: Transaction, origin: rows.Origin, a: _Neighbour, b: _Neighbour, max_drift: float | None) -> Links:
    links = correspondence.link(a.side, b.side, max_drift=max_drift)
    dt = b.t - a.t
    edges = rows.edges(links.next, ids.scan_id(origin.sample_no, a.t), ids.scan_id(origin.sample_no, b.t))
    for name, table in (("next", edges), ("fields", links.field)):
        tx.put(name, table.append_column("dt", pa.repeat(pa.scalar(dt, pa.int32()), table.num_rows)), sample=origin.sample, t=a.t)
    return links


def _put_scan(tx: Transaction, origin: rows.Origin, scan_row: pa.Table, before: int | None, after: int | None) -> None:
    def with_previous(row: pa.Table, t: int | None) -> pa.Table:
        previous = pa.scalar(None if t is None else ids.scan_id(origin.sample_no, t), pa.int64())
        row = row.drop_columns(["previous_scan_id"]) if "previous_scan_id" in row.column_names else row
        return row.append_column("previous_scan_id", pa.repeat(previous, row.num_rows))

    tx.put("scans", with_previous(scan_row, before), sample=origin.sample, t=origin.t)
    if after is not None:
        tx.put("scans", with_previous(tx.read("scans", sample=origin.sample, t=after), origin.t), sample=origin.sample, t=after)


def _follow(tx: Transaction, origin: rows.Origin, times: list[int], here: int) -> int:
    """Carry track ids and reference positions through the scans from the one before `here` on; count changed tracks."""
    start = max(0, here - 1)
    # In one go: each read looks through the whole manifest.
    fields = tx.read("fields", sample=origin.sample)
    by_scan = {t: fields.filter(pc.equal(fields["t"], t)) for t in times[:-1]}
    chain = [by_scan[t] for t in times[:start]]
    carried = tx.read("features", sample=origin.sample, t=times[start])
    if start == 0:
        carried, _ = _store_followed(tx, origin, times[0], carried, carried["feature_id"].to_numpy(), _positions(carried))
    changed = 0
    for t_a, t_b in pairwise(times[start:]):
        chain.append(by_scan[t_a])
        found = tx.read("features", sample=origin.sample, t=t_b)
        track = tracks.assign(carried, tx.read("next", sample=origin.sample, t=t_a), found)
        reference = correspondence.to_reference(_positions(found), chain)
        carried, n_changed = _store_followed(tx, origin, t_b, found, track, reference)
        changed += n_changed if t_b != origin.t else 0
    return changed


def _store_followed(
    tx: Transaction, origin: rows.Origin, t: int, features: pa.Table, track: NDArray[np.int64], reference: NDArray[np.float64]
) -> tuple[pa.Table, int]:
    n_changed = int(np.count_nonzero(features["track_id"].to_numpy() != track))
    followed = _fill(features, (track, reference))
    if not followed.equals(features):
        tx.put("features", followed, sample=origin.sample, t=t)
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
