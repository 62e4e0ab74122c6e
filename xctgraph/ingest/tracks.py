"""Tracks: one physical defect through time, and lineages: tracks joined by splits and merges."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xctgraph.store.errors import InputError

Ints = NDArray[np.int64]


def assign(previous: pa.Table, links: pa.Table, features: pa.Table) -> Ints:
    """Track of each feature of a scan, from the tracks of the scan before and the links between the two.

    - `continue`: the track goes on, also where a pore became a fracture.
    - `split`, `merge`: the tracks of the parents end and each child starts one, except that a fracture carries its track on: of
      the links between fractures the one with the largest overlap passes the track from its parent to its child, then the next
      whose two ends are both still free; ties go to the larger child, then to the child first in z, y, x, then in feature_id.
    - `swallowed`: the track of the swallowed feature ends; that of the fracture is not concerned.
    - A feature without a parent starts a track.

    A track is named by its first feature, so adding later scans changes nothing here.

    Parameters
    ----------
    previous : pyarrow.Table
        Columns feature_id, track_id, kind of the earlier scan.
    links : pyarrow.Table
        Columns source, target (feature_id), event, overlap.
    features : pyarrow.Table
        Columns feature_id, kind, volume, z, y, x of the later scan.

    Returns
    -------
    (n,) int64
        track_id of each row of `features`.

    Raises
    ------
    InputError
        If a link joins a feature that is in neither table.
    """
    feature = features["feature_id"].to_numpy()
    track: Ints = feature.astype(np.int64, copy=True)
    source = _rows(previous["feature_id"].to_numpy(), links["source"].to_numpy(), "earlier")
    target = _rows(feature, links["target"].to_numpy(), "later")
    event = np.asarray(links["event"].to_numpy(), dtype=object)
    held = previous["track_id"].to_numpy()
    goes_on = event == "continue"
    track[target[goes_on]] = held[source[goes_on]]

    fracture_a = _is(previous["kind"], "fracture")
    fracture_b = _is(features["kind"], "fracture")
    carried = ((event == "split") | (event == "merge")) & fracture_a[source] & fracture_b[target]
    source, target, overlap = source[carried], target[carried], links["overlap"].to_numpy()[carried]
    child = [features[name].to_numpy()[target] for name in ("feature_id", "x", "y", "z")]
    order = np.lexsort([*child, -features["volume"].to_numpy()[target], -overlap])
    given, taken = np.zeros(previous.num_rows, np.bool_), np.zeros(features.num_rows, np.bool_)
    # Fractures that split or merge are a handful per scan.
    for k in order.tolist():
        if not given[source[k]] and not taken[target[k]]:
            given[source[k]] = taken[target[k]] = True
            track[target[k]] = held[source[k]]
    return track


def table(features: pa.Table, links: pa.Table) -> pa.Table:
    """One row per track.

    Parameters
    ----------
    features : pyarrow.Table
        Columns feature_id, track_id, t, kind of all scans of a sample.
    links : pyarrow.Table
        Columns source, target (feature_id) of all links of the sample.

    Returns
    -------
    pyarrow.Table
        track_id, kind (of its first feature), t_first, t_last, n_features, lineage_id (the smallest track_id of all tracks
        joined by links between them: splits, merges, swallowings), sorted by track_id.

    Raises
    ------
    InputError
        If a link joins a feature that is not in `features`, or a track is named by one.
    """
    feature = features["feature_id"].to_numpy()
    t = features["t"].to_numpy().astype(np.int64)
    track, member = np.unique(features["track_id"].to_numpy(), return_inverse=True)
    n = len(track)
    first = _rows(feature, track, "first")
    t_first, t_last = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
    np.minimum.at(t_first, member, t)
    np.maximum.at(t_last, member, t)
    a = member[_rows(feature, links["source"].to_numpy(), "earlier")]
    b = member[_rows(feature, links["target"].to_numpy(), "later")]
    kind = features["kind"].take(pa.array(first, pa.int64()))
    return pa.table({
        "track_id": pa.array(track, pa.int64()),
        "kind": kind,
        "t_first": pa.array(t_first, pa.int32()),
        "t_last": pa.array(t_last, pa.int32()),
        "n_features": pa.array(np.bincount(member, minlength=n), pa.int32()),
        "lineage_id": pa.array(_lineage(track, a, b), pa.int64()),
    })  # fmt: skip


def extended(held: pa.Table, previous: pa.Table, links: pa.Table, features: pa.Table) -> pa.Table:
    """The table of tracks with one scan more at the end of the series: what `table` gives, without reading all scans.

    Parameters
    ----------
    held : pyarrow.Table
        What `table` gave before.
    previous : pyarrow.Table
        Columns feature_id, track_id of the scan that was the last.
    links : pyarrow.Table
        Columns source, target (feature_id) of the links between that scan and the new one.
    features : pyarrow.Table
        Columns feature_id, track_id, t, kind of the new scan.

    Raises
    ------
    InputError
        If a link or track names a feature that is in neither table.
    """
    own = features["track_id"].to_numpy()
    starts = np.flatnonzero(own == features["feature_id"].to_numpy())
    old = held["track_id"].to_numpy()
    unordered = np.concatenate([old, own[starts]])
    order = np.argsort(unordered, kind="stable")
    track = unordered[order]
    n, t = len(track), features["t"].to_numpy()

    def joined(before: NDArray[np.generic], fresh: NDArray[np.generic]) -> NDArray[np.generic]:
        both: NDArray[np.generic] = np.concatenate([before, fresh])[order]
        return both

    t_first = joined(held["t_first"].to_numpy(), t[starts])
    t_last = np.array(joined(held["t_last"].to_numpy(), t[starts]))
    count = np.array(joined(held["n_features"].to_numpy(), np.zeros(len(starts), np.int32)))
    member = _rows(track, own, "first")
    t_last[member] = t
    np.add.at(count, member, 1)
    lineage = _rows(track, joined(held["lineage_id"].to_numpy(), own[starts]).astype(np.int64), "first")
    before = previous["track_id"].to_numpy()[_rows(previous["feature_id"].to_numpy(), links["source"].to_numpy(), "earlier")]
    after = own[_rows(features["feature_id"].to_numpy(), links["target"].to_numpy(), "later")]
    a = np.concatenate([np.arange(n), _rows(track, before, "first")])
    b = np.concatenate([lineage, _rows(track, after, "first")])
    kinds = pa.concat_arrays([*held["kind"].chunks, *features["kind"].take(pa.array(starts, pa.int64())).chunks])
    return pa.table({
        "track_id": pa.array(track, pa.int64()),
        "kind": kinds.take(pa.array(order, pa.int64())),
        "t_first": pa.array(t_first, pa.int32()),
        "t_last": pa.array(t_last, pa.int32()),
        "n_features": pa.array(count, pa.int32()),
        "lineage_id": pa.array(_lineage(track, a, b), pa.int64()),
    })  # fmt: skip


def _lineage(track: Ints, a: Ints, b: Ints) -> Ints:
    """Smallest track of the component of each, where the tracks at rows `a` and `b` are joined."""
    n = len(track)
    count, component = connected_components(coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n)), directed=False)
    smallest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(smallest, component, track)
    lineage: Ints = smallest[component]
    return lineage


def _rows(ids: Ints, wanted: Ints, which: str) -> Ints:
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids, wanted, sorter=order)
    found = np.zeros(len(wanted), np.bool_)
    inside = place < len(ids)
    found[inside] = ids[order[place[inside]]] == wanted[inside]
    if not found.all():
        missing = int(wanted[~found][0])
        raise InputError(
            f"feature {missing} is not among the {which} features: links, tracks and features must be of the same scans"
        )
    return np.asarray(order[place], dtype=np.int64)


def _is(kinds: pa.ChunkedArray, kind: str) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(kinds, kind).to_numpy(), dtype=np.bool_)
