"""Faults other than kills of the command itself: `python -m tests.faults.injections N` injects N of them and tells what was lost.

- `full`: the store lies on a tmpfs that has room for part of what the command writes.
- `read`: a volume is cut off while it is read.
- `two`: two processes run the command at once.
- `clock`: the clock jumps by up to years, back and forth, at every look at it.
- `worker`, `scheduler`, `client`: of an ingest by two Dask workers one is killed, or the scheduler, or the command.

After each the store opens, every part has its checksum and the rows are those before the command or those after it; the same
command, left alone, ends in the rows of an undisturbed run, and `doctor` finds nothing but leftovers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import distributed

from tests.faults import kills
from tests.faults.kills import Bench, ask, examine, rows
from xctgraph.ingest.distributed import cluster

DASK = ("worker", "scheduler", "client")
FAULTS = ("full", "read", "two", "clock", *DASK)
_COMMANDS = ("ingest", "replace", "drop")
_MOUNTABLE = os.geteuid() == 0


class Injections:
    """Injects faults into commands of a bench."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.bench = Bench(folder, None)
        self.folder = folder
        self.chance = chance
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        cluster.CONNECT_S = 3
        self.failed: Counter[str] = Counter()
        self.log = folder / "log"
        for command in _COMMANDS:
            store = self.bench.prepare(command)
            self.before[command] = ask(lambda store=store: rows(store))
            started = time.monotonic()
            assert self.bench.finish(self.bench.arguments(command, store)) == 0, self.log.read_text()
            self.seconds[command] = time.monotonic() - started
            self.after[command] = ask(lambda store=store: rows(store))
            shutil.rmtree(store)

    def inject(self, fault: str) -> tuple[str, str]:
        """Inject one fault; what the command did, and what is wrong afterwards, or nothing."""
        command = "ingest" if fault in DASK else self.chance.choice(_COMMANDS if fault != "read" else _COMMANDS[:2])
        with self._place(fault, command) as store:
            code = getattr(self, f"_{fault}")(command, store)
            said = self.log.read_text()
            if code not in (0, 1, 2, -signal.SIGKILL) or "Traceback" in said:
                return command, f"exit code {code} and {said!r}"
            self.failed[fault] += code != 0
            try:
                return command, self._after(command, store, code)
            except AssertionError as error:
                return command, str(error)

    def _after(self, command: str, store: Path, code: int) -> str:
        before, after = self.before[command], self.after[command]
        found = ask(lambda: rows(store))
        if found not in (before, after):
            return "rows that are neither those before nor those after"
        if code == 0 and found != after:
            return "the command ended well, but its rows are not there"
        again = self.bench.finish(self.bench.arguments(command, store))
        if again != (2 if command == "drop" and found == after else 0):
            return f"the same command ended with {again}: {self.log.read_text()!r}"
        if ask(lambda: rows(store)) != after:
            return "the same command ended in other rows than an undisturbed run"
        left = [what for what, _ in ask(lambda: examine(store, None, mend=False)) if not what.startswith("leftover")]
        return f"doctor at the end: {left}" if left else ""

    @contextmanager
    def _place(self, fault: str, command: str) -> Iterator[Path]:
        store = self.bench.prepare(command)
        try:
            yield store
        finally:
            shutil.rmtree(store, ignore_errors=True)

    def _run(self, arguments: list[str], meanwhile: Callable[[], None] = lambda: None) -> int:
        child = kills.start(arguments, self.log)
        meanwhile()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _full(self, command: str, store: Path) -> int:
        size = sum(file.stat().st_size + 4096 for file in store.rglob("*"))
        room = size + int(self.chance.uniform(0.02, 0.6) * size)
        small = Path(f"{store}.small")
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", small], check=True)
        try:
            shutil.copytree(store, small / "s")
            code = self._run(self.bench.arguments(command, small / "s"))
            shutil.rmtree(store)
            shutil.copytree(small / "s", store)
        finally:
            subprocess.run(["umount", "-l", small], check=True)
            small.rmdir()
        return code

    def _read(self, command: str, store: Path) -> int:
        volume = self.folder / ("scan_1.npy" if command == "ingest" else "other.npy")
        whole = volume.read_bytes()

        def cut() -> None:
            time.sleep(self.chance.uniform(0, self.seconds[command] * 0.6))
            os.truncate(volume, self.chance.randrange(1, len(whole)))

        try:
            return self._run(self.bench.arguments(command, store), cut)
        finally:
            volume.write_bytes(whole)

    def _two(self, command: str, store: Path) -> int:
        arguments = self.bench.arguments(command, store)
        first = kills.start(arguments, self.folder / "first")
        time.sleep(self.chance.uniform(0, self.seconds[command]))
        second = self._run(arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        # The one that is second may find the work done, be refused, or wait.
        return min(code, second)

    def _clock(self, command: str, store: Path) -> int:
        real = time.time
        time.time = lambda: real() + self.chance.uniform(-1e8, 1e8)
        try:
            return self._run(self.bench.arguments(command, store))
        finally:
            time.time = real

    def _worker(self, command: str, store: Path) -> int:
        return self._dask(command, store, lambda processes: processes[1])

    def _scheduler(self, command: str, store: Path) -> int:
        return self._dask(command, store, lambda processes: processes[0])

    def _client(self, command: str, store: Path) -> int:
        return self._dask(command, store, lambda processes: processes[-1])

    def _dask(self, command: str, store: Path, victim: Callable[[list[int]], int]) -> int:
        file = Path(f"{store}.json")
        processes = [_forked(lambda: _scheduler(file))]
        try:
            while not file.exists():
                time.sleep(0.02)
            processes += [_forked(lambda: _worker(file)) for _ in range(2)]
            child = kills.start([*self.bench.arguments(command, store), "--scheduler", str(file)], self.log)
            time.sleep(self.chance.uniform(0, 1.5 + self.seconds[command]))
            with suppress(ProcessLookupError):
                os.kill(victim([*processes, child]), signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            file.unlink(missing_ok=True)


def _forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        work()
    finally:
        os._exit(0)


def _scheduler(file: Path) -> None:
    async def serve() -> None:
        async with distributed.Scheduler(host="127.0.0.1", port=0, dashboard=False, scheduler_file=str(file)) as scheduler:
            await scheduler.finished()

    asyncio.run(serve())


def _worker(file: Path) -> None:
    async def serve() -> None:
        with tempfile.TemporaryDirectory() as own:
            async with distributed.Worker(scheduler_file=str(file), nthreads=1, local_directory=own, dashboard=False) as worker:
                await worker.finished()

    asyncio.run(serve())


def run(number: int, faults: tuple[str, ...], seed: int, folder: Path, limit: float) -> dict[str, Any]:
    """Inject faults in turn; how many of each, how many made the command fail, and what was lost."""
    chance = random.Random(seed)
    injections = Injections(folder, chance)
    done, lost = Counter[str](), list[str]()
    begun = time.monotonic()
    for k in range(number):
        fault = faults[k % len(faults)]
        command, wrong = injections.inject(fault)
        done[fault] += 1
        if wrong:
            lost.append(f"{fault} during {command}: {wrong}")
            print(lost[-1], file=sys.stderr, flush=True)
        if time.monotonic() > begun + limit:
            break
    return {
        "seed": seed,
        "injected": dict(done),
        "failed": dict(injections.failed),
        "seconds": round(time.monotonic() - begun, 1),
        "lost": lost,
    }


def main() -> None:
    """Parse the command line, inject, print what was seen as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("number", type=int)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=[f for f in FAULTS if f != "full" or _MOUNTABLE])
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which no more are injected")
    given = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="xctgraph-faults-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        found = run(given.number, tuple(given.faults), given.seed, Path(name), given.limit)
    print(json.dumps(found))
    sys.exit(1 if found["lost"] else 0)


if __name__ == "__main__":
    main()
