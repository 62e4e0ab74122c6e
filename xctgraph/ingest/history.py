"""Placing a scan in the time series: links to the scans before and after it, and what follows from them for all later ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest import corrections, correspondence, rows, tracks
from xctgraph.ingest.corrections import Correction
from xctgraph.ingest.correspondence import Said, ScanSide
from xctgraph.ingest.space import Space
from xctgraph.store import Transaction, ids
from xctgraph.store.labels import Labels

REFERENCE = ("ref_z", "ref_y", "ref_x")


@dataclass(frozen=True)
class Placed:
    """What placing a scan changed.

    `n_links` counts the links to the scan before and the scan after, `changed_tracks` the features of later scans that came
    to another track; `warnings` are doubts about the links; `corrections` are those given, with what became of them.
    """

    n_links: int
    changed_tracks: int
    warnings: tuple[str, ...]
    corrections: list[Correction]


@dataclass(frozen=True)
class _Neighbour:
    t: int
    features: pa.Table
    side: ScanSide
    links_given: bool


def place(
    tx: Transaction,
    origin: rows.Origin,
    scan_row: pa.Table,
    features: pa.Table,
    labels: Labels | None,
    space: Space,
    max_drift: float | None,
    said: list[Correction],
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
    """
    times = sorted({*tx.read("scans", sample=origin.sample, columns=["t"])["t"].to_pylist(), origin.t})
    here = times.index(origin.t)
    before = times[here - 1] if here > 0 else None
    after = times[here + 1] if here + 1 < len(times) else None
    side = ScanSide.of(features, labels, space.spacing, space.shape)
    here_side = _Neighbour(origin.t, features, side, scan_row["links_given"][0].as_py())
    pairs = [] if before is None else [(_neighbour(tx, origin, before, space), here_side)]
    pairs += [] if after is None else [(here_side, _neighbour(tx, origin, after, space))]
    n_links, warnings, said = _link_all(tx, origin, pairs, max_drift, said)
    said = corrections.without_neighbours(said, set(pairwise(times)))
    if after is None:
        tx.drop("next", sample=origin.sample, t=origin.t)
        tx.drop("fields", sample=origin.sample, t=origin.t)
    _put_scan(tx, origin, scan_row, before, after)
    tx.put("features", _fill(features, None), sample=origin.sample, t=origin.t)
    changed = _follow(tx, origin, times, here)
    _put_tracks(tx, origin)
    return Placed(n_links, changed, warnings, said)


def relink(
    tx: Transaction, origin: rows.Origin, before: int, space: Space, max_drift: float | None, said: list[Correction]
) -> Placed:
    """Link a scan that is there anew to the scan `before` it, and bring tracks and reference frame up to date."""
    times = sorted(tx.read("scans", sample=origin.sample, columns=["t"])["t"].to_pylist())
    pair = (_neighbour(tx, origin, before, space), _neighbour(tx, origin, origin.t, space))
    n_links, warnings, said = _link_all(tx, origin, [pair], max_drift, said)
    changed = _follow(tx, origin, times, times.index(origin.t))
    _put_tracks(tx, origin)
    return Placed(n_links, changed, warnings, said)


def _neighbour(tx: Transaction, origin: rows.Origin, t: int, space: Space) -> _Neighbour:
    (scan,) = tx.read("scans", sample=origin.sample, t=t, columns=["has_voxels", "links_given"]).to_pylist()
    features = tx.read("features", sample=origin.sample, t=t)
    labels = None
    if scan["has_voxels"]:
        labels = Labels.from_table(tx.read("label_runs", sample=origin.sample, t=t), space.shape)
    return _Neighbour(t, features, ScanSide.of(features, labels, space.spacing, space.shape), scan["links_given"])


def _put_tracks(tx: Transaction, origin: rows.Origin) -> None:
    features = tx.read("features", sample=origin.sample, columns=["feature_id", "track_id", "t", "kind"])
    tx.put("tracks", tracks.table(features, tx.read("next", sample=origin.sample)), sample=origin.sample)


def _link_all(
    tx: Transaction,
    origin: rows.Origin,
    pairs: list[tuple[_Neighbour, _Neighbour]],
    max_drift: float | None,
    said: list[Correction],
) -> tuple[int, tuple[str, ...], list[Correction]]:
    n_links, warnings = 0, []
    for a, b in pairs:
        added, removed, said = corrections.of_pair(said, (a.t, a.features), (b.t, b.features))
        given = _given(tx, origin, a, b) if a.links_given and b.links_given else None
        links = correspondence.link(a.side, b.side, max_drift=max_drift, said=Said(given, added, removed))
        dt = b.t - a.t
        edges = rows.edges(links.next, ids.scan_id(origin.sample_no, a.t), ids.scan_id(origin.sample_no, b.t))
        for name, table in (("next", edges), ("fields", links.field)):
            column = pa.repeat(pa.scalar(dt, pa.int32()), table.num_rows)
            tx.put(name, table.append_column("dt", column), sample=origin.sample, t=a.t)
        n_links += edges.num_rows
        warnings += [f"links t = {a.t} to {b.t}: {warning}" for warning in links.warnings]
    return n_links, tuple(warnings), said


def _given(tx: Transaction, origin: rows.Origin, a: _Neighbour, b: _Neighbour) -> NDArray[np.int64]:
    """Links that came with the tables of two scans, as pairs of labels; those of dropped features are left out."""
    links = tx.read("given_links", sample=origin.sample, t=a.t).to_pandas()
    links = links[links["t_target"] == b.t]
    for neighbour, end in ((a, "source"), (b, "target")):
        names = neighbour.features.select(["source_label", "label"]).to_pandas()
        links = links.merge(names.rename(columns={"source_label": f"{end}_label", "label": end}), on=f"{end}_label")
    return np.ascontiguousarray(links[["source", "target"]].to_numpy(np.int64))


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
    chain = [tx.read("fields", sample=origin.sample, t=t) for t in times[:start]]
    carried = tx.read("features", sample=origin.sample, t=times[start])
    if start == 0:
        carried, _ = _store_followed(tx, origin, times[0], carried, carried["feature_id"].to_numpy(), _positions(carried))
    changed = 0
    for t_a, t_b in pairwise(times[start:]):
        chain.append(tx.read("fields", sample=origin.sample, t=t_a))
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
