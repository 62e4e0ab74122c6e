"""Snapshots of a large store: against reading the same columns with pyarrow, and through the graph engines.

`python -m benchmarks.snapshots [--scans 50] [--features 100000] [--near 7] [--peers 4 20000]` prints the section of
docs/performance.md; 5 million features and 35 million NEAR by default.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from neo4j import GraphDatabase

from xctgraph.analysis import snapshots
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, KEYS, RELATIONS, X_COLUMNS
from xctgraph.analysis.snapshots.loader import NeighbourLoader
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.store import Job, Store, neo4j_server, open_store, schema
from xctgraph.store.ids import feature_id, scan_id

FEATURES = ["kind", *dict.fromkeys([*KEYS["features"], "region_id", *(c.name for c in X_COLUMNS["features"])])]
EDGES = {name: ["source", "target", *(c.name for c in EDGE_COLUMNS[schema.TABLES[name].edge])] for name in RELATIONS}
KINDS = np.array(["inclusion", "pore", "fracture"])
PEAK = """
import resource, sys
from xctgraph.analysis import snapshots
from xctgraph.store import open_store
for path in sys.argv[1:]:
    with open_store(path) as store:
        for graph in snapshots.iter_pyg(store):
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
READ, OURS = "pyarrow, the same columns of the parts", "`snapshots.iter_pyg`"


@dataclass(frozen=True)
class Timed:
    """Seconds by the clock and of the processor for one way, and the nodes and edges that it gave."""

    what: str
    seconds: float
    cpu: float
    found: tuple[int, int]


def fill(store: Store, scans: int, features: int, near: int, seed: int) -> None:
    """A sample of random features, with `near` NEAR for each in a scan, to others of the same scan."""
    rng = np.random.default_rng(seed)
    tracks = []
    with store.write(Job("benchmark", sample="S1")) as tx:
        tx.put("samples", _filled(rng, "samples", 1, {"sample": ["S1"], "sample_no": [0]}), sample="S1")
        for t in range(scans):
            ids = feature_id(0, t, np.arange(1, features + 1))
            same = {"sample": pa.repeat("S1", features), "t": np.full(features, t)}
            kind = KINDS[(rng.random(features)[:, None] > [0.8, 0.999]).sum(axis=1)]
            uid = [f"S1/{t}/{k}" for k in range(1, features + 1)]
            given = same | {
                "feature_id": ids,
                "scan_id": np.full(features, scan_id(0, t)),
                "label": ids - scan_id(0, t),
                "track_id": ids,
                "kind": kind,
                "uid": uid,
            }
            tx.put("features", _filled(rng, "features", features, given), sample="S1", t=t)
            source = np.repeat(np.arange(features), near)
            target = (source + rng.integers(1, min(features, 50_000), len(source))) % features
            pairs = np.unique(np.sort(np.stack([source, target], axis=1), axis=1), axis=0)
            ends = {"source": ids[pairs[:, 0]], "target": ids[pairs[:, 1]]}
            same = {"sample": pa.repeat("S1", len(pairs)), "t": np.full(len(pairs), t)}
            tx.put("near", _filled(rng, "near", len(pairs), ends | same), sample="S1", t=t)
            row = {"scan_id": [scan_id(0, t)], "sample": ["S1"], "t": [t], "near_gap": [1.0], "has_voxels": [False]}
            tx.put("scans", _filled(rng, "scans", 1, row), sample="S1", t=t)
            tracks.append(ids)
        tracked = {"track_id": np.concatenate(tracks), "sample": pa.repeat("S1", scans * features)}
        tx.put("tracks", _filled(rng, "tracks", scans * features, tracked), sample="S1")


def read(store: Store) -> tuple[int, int]:
    """What snapshots are made of, read with pyarrow, scan by scan."""
    revision, counts = store.manifest(), [0, 0]
    for t in revision.scans("S1"):
        counts[0] += store.read("features", sample="S1", t=t, columns=FEATURES, revision=revision).num_rows
        for name in ("near", "touches"):
            counts[1] += store.read(name, sample="S1", t=t, columns=EDGES[name], revision=revision).num_rows
    return counts[0], counts[1]


def tensors(store: Store) -> tuple[int, int]:
    """Every snapshot, one in memory at a time."""
    counts = [0, 0]
    for graph in snapshots.iter_pyg(store):
        counts[0] += graph.num_nodes
        counts[1] += graph.num_edges // 2
    return counts[0], counts[1]


def ladybug(store: Store) -> tuple[int, int]:
    """The same rows as Arrow tables of the embedded engine."""
    return _by_cypher(store, lambda text, t: store.cypher(text, t=t).num_rows)


@contextmanager
def neo4j_of(store: Store, uri: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """The same rows as data frames of the Neo4j driver, from an empty server that gets the store."""
    with open_store(store.path, graph=uri) as loaded:
        loaded.project(statistics=False)
    # It warns of every property that no row has.
    with GraphDatabase.driver(uri, notifications_min_severity="OFF") as driver, driver.session() as session:
        yield lambda: _by_cypher(store, lambda text, t: len(session.run(text, t=t).to_df()))


def run(scans: int, features: int, near: int, peers: tuple[int, int], seed: int, *, neo4j: bool) -> str:
    """The section of docs/performance.md; with `neo4j`, a server is started."""
    require_pyg()
    with _store(peers[0], peers[1], near, seed) as store:
        store.project(statistics=False)
        rows = [timed(READ, read, store), timed(OURS, tensors, store), timed("Ladybug, Arrow", ladybug, store)]
        if neo4j:
            with neo4j_server.running() as server, neo4j_of(store, server.uri) as ask:
                rows.append(timed("Neo4j, `result.to_df()`", lambda _: ask(), store))
    with _store(scans, features, near, seed) as store:
        large = [timed(READ, read, store), timed(OURS, tensors, store)]
        with _store(1, 50, 3, seed) as tiny:
            extra = streamed_mb(store, tiny)
        held = _megabytes(next(iter(snapshots.iter_pyg(store, t=0))))
    one = max(features * 33 // 20, 20)
    with _store(1, one, near, seed) as store:
        single = timed("one scan", tensors, store, repeats=3)
        rate, whole = loader(store, seed)
    return "\n\n".join(
        [
            "## Snapshots",
            "`python -m benchmarks.snapshots`: the ratio of snapshots is of the processor's time, which other programs on the "
            "machine disturb less than the clock's; that of the engines, which work in other processes or threads, is of the "
            f"clock's. Edges are NEAR, once per pair. {peers[0]} scans of {peers[1]:,} features, the same columns scan by scan:",
            markdown(rows),
            f"{scans} scans of {features:,} features, one in memory at a time:",
            markdown(large),
            f"While they are streamed the peak of memory is {extra:.0f} MB above that of a process that has made a snapshot of "
            f"50 features, the tensors of one scan ({held:.0f} MB) included. One scan of {one:,} features and "
            f"{single.found[1]:,} NEAR takes {single.seconds:.2f} s. From it the neighbour loader draws {rate / 1e6:.1f} million "
            "edges a second on one core (10 and 5 neighbours, 512 seeds), "
            f"{whole / 1e6:.1f} million with the tensors of each batch.",
        ]
    )


def streamed_mb(store: Store, tiny: Store) -> float:
    """Megabytes by which streaming all snapshots raises the peak of a process that has streamed those of a tiny store."""
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", PEAK, tiny.path, store.path], capture_output=True, check=True)
    before, after = map(float, found.stdout.split())
    return after - before


def loader(store: Store, seed: int, batches: int = 60) -> tuple[float, float]:
    """Edges that the neighbour loader draws per second of the processor, without and with the tensors of the batches."""
    (graph,) = snapshots.pyg(store)
    held = NeighbourLoader(graph, [10, 5], "inclusion", batch_size=512, shuffle=True, seed=seed)
    seeds = np.random.default_rng(seed).permutation(graph["inclusion"].num_nodes)
    chosen = [seeds[k : k + 512] for k in range(0, min(len(seeds), 512 * batches), 512)]
    held.sample(chosen[0])
    start = time.process_time()
    drawn = sum(len(rows) for part in chosen for _, rows in held.sample(part)[1].values())
    rate = drawn / max(time.process_time() - start, 1e-9)
    start, drawn = time.process_time(), 0
    for _, batch in zip(range(batches), held, strict=False):
        drawn += batch.num_edges
    return rate, drawn / max(time.process_time() - start, 1e-9)


def timed(what: str, call: Callable[[Store], tuple[int, int]], store: Store, repeats: int = 1) -> Timed:
    """The median of some calls."""
    seconds, cpu = [], []
    found = (0, 0)
    for _ in range(repeats):
        start, of_cpu = time.perf_counter(), time.process_time()
        found = call(store)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - of_cpu)
    return Timed(what, statistics.median(seconds), statistics.median(cpu), found)


def markdown(rows: list[Timed]) -> str:
    """Table with the ratio of each to the first."""
    lines = ["| way | s | s of the processor | ratio | nodes | edges |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = row.cpu / rows[0].cpu if row.what in (READ, OURS) else row.seconds / rows[0].seconds
        lines.append(f"| {row.what} | {row.seconds:.2f} | {row.cpu:.2f} | {ratio:.1f} | {row.found[0]:,} | {row.found[1]:,} |")
    return "\n".join(lines)


@contextmanager
def _store(scans: int, features: int, near: int, seed: int) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s", create=True) as store:
        fill(store, scans, features, near, seed)
        next(iter(snapshots.iter_pyg(store, t=0)))  # kernels are compiled
        yield store


def _by_cypher(store: Store, count: Callable[[str, int], int]) -> tuple[int, int]:
    columns = ", ".join(f"f.{name} AS {name}" for name in FEATURES)
    near = ", ".join(f"e.{name} AS {name}" for name in EDGES["near"][2:])
    found = [0, 0]
    for t in store.manifest().scans("S1"):
        found[0] += count(f"MATCH (f:Feature) WHERE f.t = $t RETURN {columns}", t)
        ends = "a.feature_id AS source, b.feature_id AS target"
        found[1] += count(f"MATCH (a:Feature)-[e:NEAR]->(b:Feature) WHERE a.t = $t RETURN {ends}, {near}", t)
    return found[0], found[1]


def _filled(rng: np.random.Generator, table: str, n: int, given: dict[str, object]) -> pa.Table:
    """Rows of a table: what is given, and random values by type elsewhere."""
    columns = dict(given)
    for column in schema.TABLES[table].columns:
        if column.name in columns or column.name == "job_id":
            continue
        if column.type == "float64":
            columns[column.name] = rng.random(n)
        elif column.type == "string":
            columns[column.name] = pa.repeat("text", n)
        elif column.type == "bool":
            columns[column.name] = rng.random(n) < 0.5
        elif column.nullable:
            columns[column.name] = pa.nulls(n, pa.int64())
        else:
            columns[column.name] = rng.integers(1, 1000, n)
    return pa.table(columns)


def _megabytes(graph: object) -> float:
    return sum(value.nbytes for part in graph.stores for value in part.values() if hasattr(value, "nbytes")) / 1e6


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=50)
    parser.add_argument("--features", type=int, default=100_000)
    parser.add_argument("--near", type=int, default=7)
    parser.add_argument("--peers", type=int, nargs=2, default=(4, 20_000))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(run(given.scans, given.features, given.near, tuple(given.peers), given.seed, neo4j=not neo4j_server.missing_tool()))


if __name__ == "__main__":
    main()
