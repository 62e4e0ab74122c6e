from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.ingest import tracks
from xctgraph.store.errors import InputError

Feature = dict[str, object]
Link = dict[str, object]

EVENTS = ("continue", "split", "merge", "swallowed")
LINK_SCHEMA = pa.schema([("source", pa.int64()), ("target", pa.int64()), ("event", pa.string()), ("overlap", pa.int64())])


def scan(rng: np.random.Generator, t: int, n: int) -> list[Feature]:
    return [
        {
            "feature_id": t * 100 + k + 1,
            "t": t,
            "kind": str(rng.choice(["inclusion", "pore", "fracture"])),
            "volume": float(rng.integers(1, 3)),
            **dict(zip("zyx", rng.integers(0, 2, 3).astype(float).tolist(), strict=True)),
        }
        for k in range(n)
    ]


def random_links(rng: np.random.Generator, a: list[Feature], b: list[Feature]) -> list[Link]:
    """One-to-one continuations, and splits and merges among what is left, all events as the linking gives them."""
    links: list[Link] = []
    left_a, left_b = list(rng.permutation(len(a))), list(rng.permutation(len(b)))

    def join(i: int, j: int, event: str) -> None:
        overlap = int(rng.integers(0, 4))
        links.append({"source": a[i]["feature_id"], "target": b[j]["feature_id"], "event": event, "overlap": overlap})

    while left_a and left_b:
        event = str(rng.choice(EVENTS))
        if event == "split":
            i = left_a.pop()
            for _ in range(min(2, len(left_b))):
                join(i, left_b.pop(), event)
        elif event == "merge":
            j = left_b.pop()
            for _ in range(min(2, len(left_a))):
                join(left_a.pop(), j, event)
        else:
            join(left_a.pop(), left_b.pop() if event == "continue" else left_b[-1], event)
    return links


def walk(previous: dict[int, int], kinds: dict[int, object], links: list[Link], b: list[Feature]) -> dict[int, int]:
    """The rule in plain Python."""
    result = {int(f["feature_id"]): int(f["feature_id"]) for f in b}
    by_id = {f["feature_id"]: f for f in b}
    for link in links:
        if link["event"] == "continue":
            result[link["target"]] = previous[link["source"]]
    fractures = [
        link
        for link in links
        if link["event"] in ("split", "merge") and kinds[link["source"]] == by_id[link["target"]]["kind"] == "fracture"
    ]

    def rank(link: Link) -> tuple[object, ...]:
        child = by_id[link["target"]]
        return (-link["overlap"], -child["volume"], child["z"], child["y"], child["x"], child["feature_id"])

    gone: set[object] = set()
    for link in sorted(fractures, key=rank):
        ends = {("a", link["source"]), ("b", link["target"])}
        if not ends & gone:
            gone |= ends
            result[link["target"]] = previous[link["source"]]
    return result


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1))
def test_tracks_and_lineages_are_those_of_the_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scans = [scan(rng, t, int(rng.integers(0, 8))) for t in range(4)]
    current = {int(f["feature_id"]): int(f["feature_id"]) for f in scans[0]}
    everything, all_links = dict(current), []
    for a, b in pairwise(scans):
        links = random_links(rng, a, b)
        all_links += links
        kinds = {f["feature_id"]: f["kind"] for f in a}
        expected = walk(current, kinds, links, b)
        previous = pa.table({
            "feature_id": pa.array([f["feature_id"] for f in a], pa.int64()),
            "track_id": pa.array([current[int(f["feature_id"])] for f in a], pa.int64()),
            "kind": pa.array([f["kind"] for f in a], pa.string()),
        })  # fmt: skip
        found = tracks.assign(previous, pa.Table.from_pylist(links, LINK_SCHEMA), features(b))
        assert found.dtype == np.int64
        assert dict(zip([f["feature_id"] for f in b], found.tolist(), strict=True)) == expected
        current = expected
        everything |= expected
    flat = [f for one in scans for f in one]
    with_track = features(flat).append_column("track_id", pa.array([everything[int(f["feature_id"])] for f in flat], pa.int64()))
    table = tracks.table(with_track, pa.Table.from_pylist(all_links, LINK_SCHEMA)).to_pylist()
    assert table == lineages(flat, everything, all_links)


def lineages(flat: list[Feature], track: dict[int, int], links: list[Link]) -> list[dict[str, object]]:
    lineage = {k: k for k in track.values()}
    for _ in lineage:
        for link in links:
            ends = track[link["source"]], track[link["target"]]
            smallest = min(lineage[e] for e in ends)
            for e in ends:
                lineage[e] = smallest
    by_id = {f["feature_id"]: f for f in flat}
    rows = []
    for name in sorted(lineage):
        members = [f for f in flat if track[int(f["feature_id"])] == name]
        times = [f["t"] for f in members]
        rows.append({
            "track_id": name, "kind": by_id[name]["kind"], "t_first": min(times), "t_last": max(times),
            "n_features": len(members), "lineage_id": lineage[name],
        })  # fmt: skip
    return rows


def features(of: list[Feature]) -> pa.Table:
    types = {"feature_id": pa.int64(), "t": pa.int32(), "kind": pa.string(), "volume": pa.float64()}
    types |= dict.fromkeys("zyx", pa.float64())
    return pa.Table.from_pylist(of, pa.schema(list(types.items())))


def fracture(feature_id: int, volume: float = 1.0, z: float = 0.0) -> Feature:
    return {"feature_id": feature_id, "t": feature_id // 100, "kind": "fracture", "volume": volume, "z": z, "y": 0.0, "x": 0.0}


def carried(previous: list[int], links: list[tuple[int, int, str, int]], children: list[Feature]) -> list[int]:
    a = pa.table({"feature_id": previous, "track_id": [p + 1000 for p in previous], "kind": ["fracture"] * len(previous)})
    rows = [dict(zip(LINK_SCHEMA.names, link, strict=True)) for link in links]
    return tracks.assign(a, pa.Table.from_pylist(rows, LINK_SCHEMA), features(children)).tolist()


def test_a_fracture_carries_its_track_to_the_child_with_the_largest_overlap() -> None:
    split = [(1, 101, "split", 5), (1, 102, "split", 9)]
    assert carried([1], split, [fracture(101), fracture(102)]) == [101, 1001]
    tie = [(1, 101, "split", 5), (1, 102, "split", 5)]
    assert carried([1], tie, [fracture(101, 1.0), fracture(102, 2.0)]) == [101, 1001]
    assert carried([1], tie, [fracture(101, z=4.0), fracture(102, z=3.0)]) == [101, 1001]
    merge = [(1, 101, "merge", 5), (2, 101, "merge", 9)]
    assert carried([1, 2], merge, [fracture(101)]) == [1002]
    assert carried([1], [(1, 101, "swallowed", 50)], [fracture(101)]) == [101]


def test_adding_scans_changes_no_track_of_earlier_ones() -> None:
    a = pa.table({"feature_id": [1, 2], "track_id": [1, 2], "kind": ["pore", "pore"]})
    links = pa.Table.from_pylist([{"source": 2, "target": 101, "event": "continue", "overlap": 3}], LINK_SCHEMA)
    first = tracks.assign(a, links, features([fracture(101), fracture(102)]))
    assert first.tolist() == [2, 102]


def test_empty_scans() -> None:
    none = pa.Table.from_pylist([], LINK_SCHEMA)
    empty = features([]).append_column("track_id", pa.array([], pa.int64()))
    assert tracks.assign(empty, none, features([fracture(1)])).tolist() == [1]
    assert tracks.assign(empty, none, features([])).tolist() == []
    assert tracks.table(empty, none).num_rows == 0


def test_a_link_to_an_unknown_feature_is_named() -> None:
    with pytest.raises(InputError, match=r"feature 7 is not among the earlier features"):
        carried([1], [(7, 101, "continue", 1)], [fracture(101)])
    with pytest.raises(InputError, match=r"feature 109 is not among the later features"):
        carried([1], [(1, 109, "continue", 1)], [fracture(101)])


def test_extending_scan_by_scan_gives_the_whole_table(rng: np.random.Generator) -> None:
    """Random features, links and events: the table grown by one scan after another equals the one made of all scans."""
    previous: pa.Table | None = None
    held: pa.Table | None = None
    features: list[pa.Table] = []
    links: list[pa.Table] = []
    for t in range(6):
        n = int(rng.integers(1, 30))
        ids = t * 1000 + rng.permutation(np.arange(1, n + 1))
        scan = pa.table({
            "feature_id": ids, "kind": rng.choice(["inclusion", "pore", "fracture"], n), "volume": rng.uniform(1, 9, n),
            **{axis: rng.uniform(0, 9, n) for axis in "zyx"}, "t": pa.array(np.full(n, t), pa.int32()),
        })  # fmt: skip
        edges = pa.table({"source": pa.array([], pa.int64()), "target": pa.array([], pa.int64()),
                          "event": pa.array([], pa.string()), "overlap": pa.array([], pa.int64())})  # fmt: skip
        if previous is not None:
            m = min(n, previous.num_rows)
            source = rng.choice(previous["feature_id"].to_numpy(), m, replace=False)
            target = rng.choice(ids, m, replace=False)
            event = rng.choice(["continue", "split", "merge", "swallowed"], m, p=[0.6, 0.15, 0.15, 0.1])
            edges = pa.table({"source": source, "target": target, "event": event, "overlap": rng.integers(1, 9, m)})
        start = scan.append_column("track_id", pa.array(ids))
        track = tracks.assign(previous, edges, scan) if previous is not None else ids
        scan = start.set_column(start.column_names.index("track_id"), "track_id", pa.array(track))
        held = tracks.extended(held, previous, edges, scan) if held is not None else tracks.table(scan, edges)
        features.append(scan)
        links.append(edges)
        previous = scan
        assert held.equals(tracks.table(pa.concat_tables(features), pa.concat_tables(links)))
