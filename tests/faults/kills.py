"""Commands killed at random instants: `python -m tests.faults.kills N` kills N of them and tells what was lost.

One process imports everything and compiles the kernels; each command runs in a child forked from it, which is killed after a
delay that is uniform over the time of an undisturbed run. Then, in further children:

1. the store opens, every part has its checksum, and the rows are those before the command or those after it, nothing between;
2. `doctor` finds nothing, or only what `doctor --repair` mends (half of the time it is asked to, and then finds nothing);
3. the same command, left alone, ends in the rows of a run that was never killed; every fifth time `doctor` is asked again.

With `--signal TERM` (or INT) the command must besides say that it was interrupted, without a traceback.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import pickle
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xctgraph.cli.main import main as xctgraph
from xctgraph.ingest import config, pipeline
from xctgraph.store import health, open_store
from xctgraph.store.schema import TABLES

# How many of a hundred kills each command gets: those that take longest are killed least.
COMMANDS = {"ingest": 14, "replace": 12, "load": 18, "drop": 14, "backup": 20, "gc": 22}
_SHAPE = (12, 20, 20)
_HANGS_SECONDS = 300


@dataclass
class Tally:
    """What was seen: kills and how many of them hit a command at work, by command; what the store held after them."""

    kills: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


class Bench:
    """Stores to start from, and the commands that are killed on copies of them."""

    def __init__(self, folder: Path, graph: str | None) -> None:
        self.folder = folder
        self.graph = graph
        rng = np.random.default_rng(secrets.randbits(31))
        masks = [_mask(rng) for _ in range(2)]
        for t in range(3):
            np.save(folder / f"scan_{t}.npy", np.roll(masks[0], t, axis=2))
        np.save(folder / "other.npy", masks[1])
        for name, scans in (
            ("outer", {0: "scan_0.npy", 2: "scan_2.npy"}),
            ("middle", {1: "scan_1.npy"}),
            ("other", {1: "other.npy"}),
        ):
            (folder / f"{name}.toml").write_text(_toml(scans))
        self.bases = {"two": folder / "two", "three": folder / "three", "behind": folder / "behind"}
        # In this process, so that every child finds the modules imported and the kernels compiled.
        with open_store(self.bases["two"], create=True) as store:
            pipeline.ingest(store, config.load(folder / "outer.toml"))
            assert health.examine(store).healthy
        gc.collect()
        shutil.copytree(self.bases["two"], self.bases["three"])
        self._in_child("three", ["ingest", str(folder / "middle.toml")])
        # Its projections show the revision before; and a writer that was killed once left a part.
        shutil.copytree(self.bases["three"], self.bases["behind"])
        for name in ("graph.lbug", "statistics.duckdb"):
            shutil.copyfile(self.bases["two"] / name, self.bases["behind"] / name)
        (self.bases["three"] / "parts/near/S1/t00009-r000009-00000000.parquet").write_bytes(b"left over")
        self._in_child("two", ["backup", str(folder / "backup")])

    def start_of(self, command: str) -> str:
        return {"ingest": "two", "load": "behind"}.get(command, "three")

    def arguments(self, command: str, store: Path) -> list[str]:
        chosen = {
            "ingest": ["ingest", str(self.folder / "middle.toml")],
            "replace": ["ingest", str(self.folder / "other.toml"), "--replace"],
            "load": ["graph", "load"],
            "drop": ["drop", "scan", "S1", "1"],
            "backup": ["backup", f"{store}.backup"],
            "gc": ["gc", "--grace", "0s"],
        }[command]
        graph = [] if self.graph is None or command == "backup" else ["--to" if command == "load" else "--graph", self.graph]
        return [*chosen, "--store", str(store), *graph]

    def prepare(self, command: str) -> Path:
        """A fresh copy of the store that the command starts from."""
        store = self.folder / f"trial-{secrets.token_hex(4)}"
        shutil.copytree(self.bases[self.start_of(command)], store)
        if command == "backup":
            shutil.copytree(self.folder / "backup", f"{store}.backup")
        if self.graph is not None:
            _wipe(self.graph)
            if command != "load":
                self.finish([*self.arguments("load", store)])
        return store

    def finish(self, arguments: list[str]) -> int:
        child = start(arguments, self.folder / "log")
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _in_child(self, base: str, arguments: list[str]) -> None:
        code = self.finish([*arguments, "--store", str(self.bases[base])])
        assert code == 0, (arguments, (self.folder / "log").read_text())


def start(arguments: list[str], log: Path) -> int:
    """Run the command line in a forked child whose output goes to `log`; the child's number."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # so that a child that is not yet the command line just ends
    child = os.fork()
    if child:
        return child
    signal.alarm(_HANGS_SECONDS)
    code = 70
    try:
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv = ["xctgraph", *arguments]
        try:
            xctgraph()
            code = 0
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
        except BaseException:  # noqa: BLE001  # as the interpreter does
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def ask(question: Callable[[], Any]) -> Any:
    """Answer a question in a forked child, so that this process never holds a database."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(_HANGS_SECONDS)
        os.close(reading)
        try:
            answer: Any = ("answer", question())
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent reports it
            answer = ("error", f"{type(error).__name__}: {error}")
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not data:
        raise AssertionError(f"the child that was asked ended with {code}: {question}")
    kind, answer = pickle.loads(data)
    if kind == "error":
        raise AssertionError(answer)
    return answer


def rows(path: Path) -> str:
    """Digest of the rows of the newest revision, without what differs from run to run; checksums are compared, too."""
    digest = hashlib.sha256()
    with open_store(path) as store:
        store.verify()
        for table in TABLES:
            held = store.read(table)
            if table == "jobs":
                continue
            names = [name for name in held.column_names if name != "job_id"]
            lines = sorted(repr(row) for row in held.select(names).to_pylist())
            digest.update("\n".join([table, *lines]).encode())
    return digest.hexdigest()


def examine(path: Path, graph: str | None, *, mend: bool) -> list[tuple[str, bool]]:
    """Faults of the store as (what, repairable); `mend` repairs them first and gives what is left."""
    with open_store(path, graph=graph) as store:
        report = health.examine(store)
        if mend and report.faults:
            health.repair(store, report)
            report = health.examine(store)
        return [(f"{fault.kind}: {fault.where}: {fault.what}", fault.repairable) for fault in report.faults]


def run(
    kills: int, number: signal.Signals, seed: int, graph: str | None, commands: tuple[str, ...], folder: Path, limit: float
) -> dict[str, Any]:
    chance = random.Random(seed)
    bench = Bench(folder, graph)
    tally = Tally()
    before, after, seconds = {}, {}, {}
    for command in commands:
        store = bench.prepare(command)
        result = Path(f"{store}.backup") if command == "backup" else store
        before[command] = ask(lambda result=result: rows(result))
        started = time.monotonic()
        code = bench.finish(bench.arguments(command, store))
        seconds[command] = time.monotonic() - started
        assert code == 0, (command, (folder / "log").read_text())
        after[command] = ask(lambda result=result: rows(result))
        assert (before[command] == after[command]) == (command in ("load", "gc")), command
        _clear(folder, store)
    order = [command for command in commands for _ in range(COMMANDS[command])]
    chance.shuffle(order)
    begun = time.monotonic()
    for trial in range(kills):
        command = order[trial % len(order)]
        store = bench.prepare(command)
        delay = chance.uniform(0, seconds[command])
        wrong = _trial(bench, tally, command, store, delay, number, (before[command], after[command]), mend=trial % 2 == 0)
        if wrong:
            print(f"{command}: {wrong}", file=sys.stderr, flush=True)
            tally.lost.append(f"{command} killed after {delay:.3f} of {seconds[command]:.3f} s: {wrong}")
        _clear(folder, store)
        if time.monotonic() > begun + limit:
            break
    return {
        "seed": seed,
        "signal": number.name,
        "kills": dict(tally.kills),
        "while_at_work": dict(tally.hits),
        "held": dict(tally.held),
        "faults_named": dict(tally.faults),
        "undisturbed_seconds": {name: round(value, 2) for name, value in seconds.items()},
        "seconds": round(time.monotonic() - begun, 1),
        "lost": tally.lost,
    }


def _trial(
    bench: Bench,
    tally: Tally,
    command: str,
    store: Path,
    delay: float,
    number: signal.Signals,
    allowed: tuple[str, str],
    *,
    mend: bool,
) -> str:
    """Kill one command; what is wrong afterwards, or nothing."""
    log = bench.folder / "killed.log"
    child = start(bench.arguments(command, store), log)
    time.sleep(delay)
    os.kill(child, number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tally.kills[command] += 1
    tally.hits[command] += code != 0
    said = log.read_text() if log.exists() else ""
    if number is not signal.SIGKILL and (
        code not in (0, 1, -number) or "Traceback" in said or (code == 1 and "interrupted" not in said)
    ):
        return f"exit code {code} and {said!r}"
    result = Path(f"{store}.backup") if command == "backup" else store
    try:
        found = ask(lambda: rows(result))
        if found not in allowed:
            return "rows that are neither those before nor those after"
        tally.held["after" if found == allowed[1] else "before"] += 1
        faults = ask(lambda: examine(store, bench.graph, mend=mend))
        unnamed = [what for what, repairable in faults if mend or not repairable]
        if unnamed:
            return f"doctor: {unnamed}"
        tally.faults.update(what.partition(":")[0] for what, _ in faults)
        again = bench.finish(bench.arguments(command, store))
        said = (bench.folder / "log").read_text()
        done_before = command == "drop" and found == allowed[1]
        if again != (2 if done_before else 0):
            return f"the same command ended with {again}: {said!r}"
        if ask(lambda: rows(result)) != allowed[1]:
            return "the same command ended in other rows than an undisturbed run"
        if sum(tally.kills.values()) % 5:
            return ""
        left = [what for what, _ in ask(lambda: examine(store, bench.graph, mend=False)) if not what.startswith("leftover")]
        return f"doctor at the end: {left}" if left else ""
    except AssertionError as error:
        return str(error)


def _mask(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros(_SHAPE, np.uint8)
    for k, (z, y, x) in enumerate(rng.integers(1, np.array(_SHAPE) - 5, (6, 3))):
        mask[z : z + 2, y : y + 3, x : x + 2] = 1 + k % 2
    return mask


def _toml(scans: dict[int, str]) -> str:
    listed = "".join(f'[[scan]]\nt = {t}\npath = "{name}"\n' for t, name in scans.items())
    head = '[sample]\nid = "S1"\nvoxel_size_um = 1.0\n[segmentation]\nmethod = "mask"\n'
    return f'{head}kinds = {{1 = "inclusion", 2 = "pore"}}\n{listed}'


def _wipe(uri: str) -> None:
    from tests.conftest import wipe_neo4j

    ask(lambda: wipe_neo4j(uri))


def _clear(folder: Path, store: Path) -> None:
    for path in folder.glob(f"{store.name}*"):
        shutil.rmtree(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill commands at random instants and tell what was lost.")
    parser.add_argument("kills", type=int)
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--graph", help="URI of an empty Neo4j, in place of Ladybug")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which no more are killed")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=tuple(COMMANDS))
    given = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="xctgraph-faults-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        found = run(
            given.kills,
            signal.Signals[f"SIG{given.signal}"],
            given.seed,
            given.graph,
            tuple(given.commands),
            Path(name),
            given.limit,
        )
    print(json.dumps(found))
    sys.exit(1 if found["lost"] else 0)


if __name__ == "__main__":
    main()
