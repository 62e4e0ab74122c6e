"""A series of small label volumes that never move, and in memory what a store of it must hold after any corrections.

Nine cubes at fixed places; the first five are in every scan, so that the displacement is known; the last two share faces.
A scan is a set of cubes. Everything expected is computed from voxels by brute force, or from names: without any code of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from xctgraph.ingest import config
from xctgraph.store import Store

SHAPE = (30, 32, 34)
GAP = 9.0
CUBES = [(3, 4, 5, 3), (5, 20, 8, 4), (14, 12, 22, 5), (22, 5, 12, 3), (23, 24, 24, 4), (4, 26, 27, 2), (13, 25, 4, 3),
         (12, 3, 3, 4), (13, 4, 7, 2)]  # fmt: skip
ALWAYS, OPTIONAL = range(5), range(5, 9)
KINDS = ["pore" if name % 3 == 1 or name == 8 else "inclusion" for name in range(9)]

Key = tuple[int, int]
"""A feature: scan and cube."""


def voxels(name: int) -> NDArray[np.int64]:
    z, y, x, edge = CUBES[name]
    return np.stack(np.meshgrid(*(np.arange(k, k + edge) for k in (z, y, x)), indexing="ij"), axis=-1).reshape(-1, 3)


_GAPS = {(a, b): float(cdist(voxels(a), voxels(b)).min()) for a in range(9) for b in range(a + 1, 9)}


def write(folder: Path, t: int, names: Iterable[int]) -> Path:
    """Label volume of a scan: cube k has the label k + 1."""
    volume = np.zeros(SHAPE, np.uint8)
    for name in names:
        volume[tuple(voxels(name).T)] = name + 1
    path = folder / f"scan_{t}_{'-'.join(map(str, sorted(names)))}.npy"
    np.save(path, volume)
    return path


def dataset(folder: Path, scans: dict[int, Iterable[int]]) -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 1},
            "segmentation": {"method": "labels", "kinds": {k + 1: kind for k, kind in enumerate(KINDS)}},
            "proximity": {"gap_um": GAP, "cluster_gap_um": 5},
            "scan": [{"t": t, "path": str(write(folder, t, names))} for t, names in scans.items()],
        },
        origin="test",
    )


@dataclass
class Said:
    action: str
    feature: Key
    other: Key | None = None
    kind: str | None = None
    job: str = ""


@dataclass
class Series:
    """What is in the store: the cubes of each scan, and the corrections in the order in which they were made."""

    scans: dict[int, set[int]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    def kept(self, t: int) -> list[int]:
        gone = {one.feature for one in self.said if one.action == "drop"}
        return sorted(name for name in self.scans[t] if (t, name) not in gone)

    def features(self) -> list[Key]:
        return [(t, name) for t in sorted(self.scans) for name in self.kept(t)]

    def kind(self, key: Key) -> str:
        given = [one.kind for one in self.said if one.action == "kind" and one.feature == key]
        return given[-1] or "" if given else KINDS[key[1]]

    def uid(self, key: Key) -> str:
        """The label is the rank of the first voxel among all cubes of the scan, dropped ones among them."""
        order = sorted(self.scans[key[0]], key=lambda name: CUBES[name][:3])
        return f"S1/{key[0]}/{order.index(key[1]) + 1}"

    def near(self) -> set[tuple[str, str, float]]:
        return {
            (*sorted((self.uid((t, a)), self.uid((t, b)))), round(_GAPS[a, b], 9))  # type: ignore[misc]
            for t in self.scans
            for a in self.kept(t)
            for b in self.kept(t)
            if a < b and _GAPS[a, b] <= GAP
        }

    def touches(self) -> set[tuple[str, str]]:
        return {
            tuple(sorted((self.uid((t, 7)), self.uid((t, 8)))))  # type: ignore[misc]
            for t in self.scans
            if {7, 8} <= set(self.kept(t)) and self.kind((t, 7)) != self.kind((t, 8))
        }

    def links(self) -> list[tuple[Key, Key]]:
        found = []
        for a, b in pairwise(sorted(self.scans)):
            same = {
                (name, name) for name in self.kept(a) if name in self.kept(b) and self.kind((a, name)) == self.kind((b, name))
            }
            for one in self.said:
                if one.other is not None and (one.feature[0], one.other[0]) == (a, b):
                    pair = (one.feature[1], one.other[1])
                    if pair[0] in self.kept(a) and pair[1] in self.kept(b):
                        same = same | {pair} if one.action == "link" else same - {pair}
            found += [((a, x), (b, y)) for x, y in sorted(same)]
        return found

    def events(self) -> set[tuple[str, str, str]]:
        links = self.links()
        rows = set()
        for a, b in links:
            children, parents = sum(x == a for x, _ in links), sum(y == b for _, y in links)
            rows.add((self.uid(a), self.uid(b), "split" if children > 1 else "merge" if parents > 1 else "continue"))
        return rows

    def tracks(self) -> dict[str, str]:
        """First feature of the track of each feature: links that neither split nor merge carry it on."""
        before = {b: a for a, b, event in self.events() if event == "continue"}
        track: dict[str, str] = {}
        for key in self.features():
            uid = self.uid(key)
            track[uid] = track[before[uid]] if uid in before else uid
        return track

    def table(self) -> set[tuple[str, str, int, str, int]]:
        """uid, kind, volume, first feature of the track, first label of the cluster."""
        track = self.tracks()
        return {
            (self.uid(key), self.kind(key), CUBES[key[1]][3] ** 3, track[self.uid(key)], self._cluster(key))
            for key in self.features()
        }

    def _cluster(self, key: Key) -> int:
        members, grown = set(), {key[1]}
        while grown != members:
            members = set(grown)
            grown |= {b for b in self.kept(key[0]) for a in members if a != b and _GAPS[min(a, b), max(a, b)] <= 5}
        return min(int(self.uid((key[0], name)).split("/")[2]) for name in members)


def check(store: Store, model: Series, engine: str = "graph") -> None:
    """Every projection holds what the model says: `statistics` asks DuckDB, `graph` the graph engine of the store."""
    ask = _sql if engine == "statistics" else _cypher
    found = {key: {tuple(row.values()) for row in rows} for key, rows in ask(store).items()}
    assert found["features"] == model.table()
    assert {(*sorted(row[:2]), round(row[2], 9)) for row in found["near"]} == model.near()
    assert {tuple(sorted(row)) for row in found["touches"]} == model.touches()
    assert found["next"] == model.events()
    counts: dict[str, int] = {}
    for first in model.tracks().values():
        counts[first] = counts.get(first, 0) + 1
    assert found["tracks"] == set(counts.items())


def _cypher(store: Store) -> dict[str, list[dict[str, Any]]]:
    def rows(text: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = store.cypher(text).to_pylist()
        return answer

    pair = "RETURN a.uid AS a, b.uid AS b"
    return {
        "features": rows(
            "MATCH (f:Feature)-[:OF]->(t:Track), (c:Feature), (h:Feature) "
            "WHERE c.feature_id = f.cluster_id AND h.feature_id = t.track_id "
            "RETURN f.uid AS uid, f.kind AS kind, f.n_voxels AS n, h.uid AS track, c.label AS cluster"
        ),
        "near": rows(f"MATCH (a:Feature)-[e:NEAR]->(b:Feature) {pair}, e.gap AS gap"),
        "touches": rows(f"MATCH (a:Feature)-[:TOUCHES]->(b:Feature) {pair}"),
        "next": rows(f"MATCH (a:Feature)-[e:NEXT]->(b:Feature) {pair}, e.event AS event"),
        "tracks": rows("MATCH (t:Track), (h:Feature) WHERE h.feature_id = t.track_id RETURN h.uid AS uid, t.n_features AS n"),
    }


def _sql(store: Store) -> dict[str, list[dict[str, Any]]]:
    def rows(text: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = store.sql(text).to_pylist()
        return answer

    def edges(table: str, more: str = "") -> list[dict[str, Any]]:
        return rows(
            f"SELECT a.uid AS a, b.uid AS b{more} FROM {table} e JOIN features a ON a.feature_id = e.source "
            "JOIN features b ON b.feature_id = e.target"
        )

    return {
        "features": rows(
            "SELECT f.uid, f.kind, f.n_voxels, h.uid AS track, c.label FROM features f "
            "JOIN features h ON h.feature_id = f.track_id JOIN features c ON c.feature_id = f.cluster_id"
        ),
        "near": edges("near", ", e.gap"),
        "touches": edges("touches"),
        "next": edges("next", ", e.event"),
        "tracks": rows("SELECT h.uid, t.n_features FROM tracks t JOIN features h ON h.feature_id = t.track_id"),
    }
