"""The whole reference size: 30 scans of 165,000 features through neighbours, links, parts, all three projections, the library.

`python -m benchmarks.scale FOLDER [--scans 30] [--features 165000] [--skip-neo4j]` writes FOLDER/scale.md, stage by stage;
`--volume 1000,2160,2560` takes one true volume of that shape through everything in its place.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.labelling import THRESHOLD
from benchmarks.out_of_core import write_volume
from benchmarks.series import Series
from xctgraph.ingest import tables
from xctgraph.ingest.tables.config import TableDataset
from xctgraph.queries import catalogue
from xctgraph.store import Store, neo4j_server, open_store
from xctgraph.store.neo4j_server import offline
from xctgraph.store.progress import silent

Ask = Callable[[Store], pa.Table]


@dataclass(frozen=True)
class Stage:
    """What one stage took: seconds by the clock and of the processor, largest resident memory and disk in MB."""

    name: str
    seconds: float
    processor: float
    memory: float
    disk: float


@dataclass
class Log:
    """Stages, as they end; each is printed at once, since a run takes long."""

    folder: Path
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        # 5 resets the peak of the resident memory (proc(5)).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        start, processor = time.perf_counter(), time.process_time()
        yield
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = float(status.partition("VmHWM:")[2].split()[0]) / 1024
        self.stages.append(Stage(name, seconds, processor, peak, _megabytes(self.folder)))
        print(self.stages[-1], flush=True)

    def markdown(self) -> str:
        """The stages as a table."""
        lines = [
            "| stage | s | of our processor time, s | peak of our memory, MB | folder after it, MB |",
            "|---|---|---|---|---|",
        ]
        lines += [f"| {s.name} | {s.seconds:.1f} | {s.processor:.1f} | {s.memory:,.0f} | {s.disk:,.0f} |" for s in self.stages]
        return "\n".join(lines)


@dataclass(frozen=True)
class Timed:
    """Median milliseconds of one question on each engine, by name of the engine, and the rows of the answer."""

    name: str
    rows: int
    milliseconds: dict[str, float]


def run(folder: Path, series: Series, *, neo4j: bool) -> str:
    """Everything; the section of docs/performance.md."""
    log = Log(folder)
    raw, root, home = folder / "tables", folder / "x.store", folder / "neo4j"
    raw.mkdir(parents=True)
    with log.stage("features drawn and written as tables"):
        given = series.write(raw)
    scans: list[dict[str, object]] = given["scan"]  # type: ignore[assignment]  # the list of the dataset
    each: list[float] = []
    with open_store(root, create=True) as store:
        with log.stage(f"{series.scans - 1} scans: neighbours, links, tracks, parts"):
            each += [_append(store, given, scan) for scan in scans[:-1]]
        held = store.manifest()
        nodes, edges = _size(store)
        with log.stage("DuckDB"):
            store.project(graph=False)
        with log.stage("Ladybug"):
            store.project(statistics=False)
    if neo4j:
        with log.stage("Neo4j, offline (import tool, constraints, indexes, count)"):
            offline.run(root, offline.Home(home), overwrite=False, memory="4g", progress=silent)
    with open_store(root) as store:
        with log.stage("the last scan: neighbours, links, tracks, parts"):
            each.append(_append(store, given, scans[-1]))
        with log.stage("the last scan into DuckDB"):
            store.project(graph=False)
        with log.stage("the last scan into Ladybug"):
            store.project(statistics=False)
        f1 = _f1(store, series)
        asked = questions(store, _asks(store), "Ladybug", {})
    if neo4j:
        with neo4j_server.running(home, heap="4g") as server, open_store(root, graph=server.uri) as store:
            with log.stage("the last scan into Neo4j over Bolt"):
                store.project(statistics=False)
            asked = questions(store, _asks(store), "Neo4j", asked)
    shutil.rmtree(raw)
    growth = statistics.median(each[-3:]) / statistics.median(each[1:4])
    return "\n\n".join(
        [
            f"## {series.scans} scans of {series.features:,} features",
            f"`python -m benchmarks.scale`, seed {series.seed}: before the last scan {nodes:,} nodes and {edges:,} edges in "
            f"{len(held.parts):,} parts. Links of consecutive scans against the truth: F1 {f1:.5f}. Per scan "
            f"{min(each[1:]):.1f} to {max(each[1:]):.1f} s; the last ones {growth:.2f} times the second (medians of three).",
            log.markdown(),
            "Questions, median of three (of one, where it takes more than 5 s), milliseconds:",
            _table(asked),
        ]
    )


def true_volume(folder: Path, shape: tuple[int, int, int], seed: int, *, workers: int = 2, memory: str = "2GB") -> str:
    """One volume from HDF5 through everything, by the command line; the row of a table."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "volume.h5"
    write_volume(path, shape, seed, voxels=180, share=0.009, compressed=True)
    command = [sys.executable, "-m", "xctgraph.cli.main", "ingest", str(path), "--sample", "V", "--voxel-size", "1.63um"]
    options = ["--segmentation", f"threshold:{THRESHOLD}", "--workers", str(workers), "--memory", memory, "--json"]
    start = time.perf_counter()
    done = subprocess.run([*command, *options, "--store", str(folder / "v.store")], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    found = json.loads(done.stdout)["scans"][0]
    # Of the largest process; Linux counts in kB.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    voxels = shape[0] * shape[1] * shape[2]
    return (
        f"| {shape[2]} x {shape[1]} x {shape[0]} uint8, {path.stat().st_size / 1e9:.1f} GB compressed | {seconds:.0f} | "
        f"{voxels / seconds / 1e6:.0f} | {found['n_features']:,} | {found['n_near']:,} | {peak:,.0f} | "
        f"{_megabytes(folder / 'v.store'):,.0f} |"
    )


def questions(store: Store, asks: dict[str, Ask], engine: str, known: dict[str, Timed]) -> dict[str, Timed]:
    """Time each question, and keep what is known of other engines; the rows must be as many."""
    found = {}
    for name, ask in asks.items():
        times, rows = list[float](), 0
        # The first time warms up, unless it took so long that one is enough.
        while len(times) < 4 and sum(times) < 5000:
            start = time.perf_counter()
            rows = ask(store).num_rows
            times.append(1000 * (time.perf_counter() - start))
        times = times[1:] or times
        before = known.get(name)
        if before is not None and before.rows != rows:
            raise AssertionError(f"{name}: {rows} rows on {engine}, {before.rows} elsewhere")
        found[name] = Timed(name, rows, {**(before.milliseconds if before else {}), engine: statistics.median(times)})
        print(found[name], flush=True)
    return found


def _asks(store: Store) -> dict[str, Ask]:
    """All questions of the library, and three statements as one would write them by hand (research on engines)."""
    t = len(store.manifest().scans("S1")) // 2
    row = store.sql(
        "SELECT feature_id FROM features WHERE t = ? AND NOT border_touching ORDER BY feature_id LIMIT 1 OFFSET 1000", [t]
    )
    if not row.num_rows:
        row = store.sql("SELECT feature_id FROM features WHERE t = ? ORDER BY feature_id LIMIT 1", [t])
    feature = row["feature_id"][0].as_py()
    given = {"t": t, "feature": feature, "limit": 1000}

    def library(name: str) -> Ask:
        query = catalogue[name]
        required = {p.name: given[p.name] for p in query.parameters if p.required or p.name in ("limit", "t")}
        return lambda store: query.run(store, **required)

    def by_hand(text: str) -> Ask:
        return lambda store: store.cypher(text, feature=feature)

    return {name: library(name) for name in catalogue} | {
        "by hand: a feature by id": by_hand("MATCH (f:Feature {feature_id: $feature}) RETURN f.volume AS volume"),
        "by hand: neighbours": by_hand(
            "MATCH (f:Feature {feature_id: $feature})-[r:NEAR]-(d:Feature) WHERE r.gap <= 25.0 "
            "RETURN d.feature_id AS feature_id, r.gap AS gap"
        ),
        "by hand: what it became": by_hand(
            "MATCH p = (f:Feature {feature_id: $feature})-[:NEXT*1..30]->(g:Feature) "
            "RETURN g.feature_id AS feature_id, g.t AS t, g.volume AS volume ORDER BY t"
        ),
    }


def _append(store: Store, given: dict[str, object], scan: dict[str, object]) -> float:
    start = time.perf_counter()
    tables.ingest(store, TableDataset.model_validate({**given, "scan": [scan]}), project=False)
    return time.perf_counter() - start


def _size(store: Store) -> tuple[int, int]:
    held = store.manifest()
    nodes = sum(held.rows(table) for table in ("samples", "scans", "features", "tracks", "front_sites", "regions"))
    return nodes, sum(held.rows(table) for table in ("near", "touches", "next", "faces", "adjacent", "next_region"))


def _f1(store: Store, series: Series) -> float:
    """F1 of the links: two features of consecutive scans belong together where they have one identity."""
    right = found = true = 0
    before: tuple[np.ndarray, np.ndarray] | None = None
    for t in range(series.scans):
        features = store.read("features", sample="S1", t=t, columns=["feature_id", "source_label"])
        ids, identity = (features[name].to_numpy() for name in ("feature_id", "source_label"))
        if before is not None:
            links = store.read("next", sample="S1", t=t - 1, columns=["source", "target"])
            rows = [np.searchsorted(side, links[end].to_numpy()) for side, end in ((before[0], "source"), (ids, "target"))]
            right += int((before[1][rows[0]] == identity[rows[1]]).sum())
            found, true = found + links.num_rows, true + len(np.intersect1d(before[1], identity))
        before = ids, identity
    return 2 * right / max(1, found + true)


def _table(asked: dict[str, Timed]) -> str:
    engines = list(next(iter(asked.values())).milliseconds)
    lines = [f"| question | rows | {' | '.join(engines)} |", "|---|---|" + "---|" * len(engines)]
    lines += [
        f"| {one.name} | {one.rows:,} | {' | '.join(f'{one.milliseconds[e]:,.1f}' for e in engines)} |" for one in asked.values()
    ]
    return "\n".join(lines)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--features", type=int, default=165_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-neo4j", action="store_true")
    parser.add_argument("--volume", help="shape z,y,x of one true volume")
    given = parser.parse_args()
    if given.volume:
        z, y, x = map(int, given.volume.split(","))
        print("| volume | s | Mvoxel/s | features | NEAR | peak of memory, MB | store, MB |\n|---|---|---|---|---|---|---|")
        print(true_volume(given.folder, (z, y, x), given.seed))
        return
    text = run(given.folder, Series(given.features, given.scans, given.seed), neo4j=not given.skip_neo4j)
    (given.folder / "scale.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
