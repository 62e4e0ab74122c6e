"""Processes that answer questions, each with a limit of time and memory: what exceeds it is killed, whatever the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path

from xctgraph.explorer.limits import Busy, Cancelled, LimitReached, Limits
from xctgraph.explorer.worker import Answer, Start, Task
from xctgraph.store.errors import EngineError, XctGraphError

_POLL = 0.05


class Workers:
    """A few processes that answer questions in turn."""

    def __init__(self, store: Path, graph: str | None, limits: Limits) -> None:
        self._limits = limits
        self._start = Start(store, graph, limits.server_seconds)
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="question")
        self._idle = [_Process(self._start) for _ in range(limits.workers)]
        self._lock = threading.Lock()
        self._asked: dict[str, threading.Event] = {}

    def ask(self, key: str, task: Task) -> Future[bytes]:
        """Bytes of the answer, sometime; `key` is what it can be cancelled by.

        The future raises what the question raised, `LimitReached` or `Cancelled`.

        Raises
        ------
        Busy
            If too many questions wait already.
        QueryError
            If `key` is in use.
        """
        cancelled = threading.Event()
        with self._lock:
            if len(self._asked) >= self._limits.waiting + self._limits.workers:
                raise Busy(f"{len(self._asked)} questions wait for an answer: try again in some seconds")
            if key in self._asked:
                raise Busy(f"question {key!r} is being answered: wait for it, or cancel it")
            self._asked[key] = cancelled
        return self._threads.submit(self._answer, key, task, cancelled)

    def cancel(self, key: str) -> bool:
        """Stop a question; false where there is none of this key."""
        with self._lock:
            event = self._asked.get(key)
        if event is not None:
            event.set()
        return event is not None

    def close(self) -> None:
        """Stop all questions and end the processes."""
        with self._lock:
            for event in self._asked.values():
                event.set()
        self._threads.shutdown(wait=True)
        for process in self._idle:
            process.kill()

    def _answer(self, key: str, task: Task, cancelled: threading.Event) -> bytes:
        try:
            with self._process() as process:
                return process.ask(task, self._limits, cancelled)
        finally:
            with self._lock:
                del self._asked[key]

    @contextmanager
    def _process(self) -> Iterator[_Process]:
        with self._lock:
            process = self._idle.pop()
        try:
            yield process
        finally:
            with self._lock:
                self._idle.append(process if process.alive else _Process(self._start))


class _Process:
    """One child process."""

    def __init__(self, start: Start) -> None:
        self._connection, there = Pipe()
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-P", "-m", "xctgraph.explorer.worker", str(there.fileno())],
            pass_fds=(there.fileno(),),
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )
        there.close()
        # Here and not on the command line, where every user of the machine could read the password in the URI.
        self._connection.send(start)

    @property
    def alive(self) -> bool:
        """Whether it can take another question."""
        return self._process.poll() is None

    def ask(self, task: Task, limits: Limits, cancelled: threading.Event) -> bytes:
        """Bytes of the answer; the process is dead after anything but an answer or the question's own error."""
        try:
            if cancelled.is_set():
                raise Cancelled("the question was cancelled before it began")
            self._connection.send(task)
            message = self._receive(limits.memory, None, cancelled)
            if message is None:
                message = self._receive(limits.memory, limits.seconds, cancelled)
        except (EOFError, ConnectionError) as gone:
            self.kill()
            raise EngineError("the process that answers questions ended: it may have run out of memory; ask for less") from gone
        except XctGraphError:
            self.kill()
            raise
        if isinstance(message, XctGraphError):
            raise message
        assert message is not None  # noqa: S101  # None comes first only
        return message

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _receive(self, memory: int, seconds: float | None, cancelled: threading.Event) -> Answer | None:
        started, held = time.monotonic(), _resident(self._process.pid)
        while not self._connection.poll(_POLL):
            if cancelled.is_set():
                raise Cancelled("the question was cancelled")
            if seconds is not None and time.monotonic() - started > seconds:
                raise LimitReached(
                    f"stopped after {seconds:g} s, the limit: ask for less (name a scan with t, bound the length of paths, "
                    "count in place of listing), or use `xctgraph cypher` and `xctgraph sql`, which have no limit"
                )
            if _resident(self._process.pid) - held > memory:
                raise LimitReached(
                    f"stopped at {memory / 2**30:.3g} GiB of memory, the limit: ask for less, for example with LIMIT or a count"
                )
        received: Answer | None = self._connection.recv()
        return received


def _resident(pid: int) -> int:
    """Memory of a process in bytes; 0 where the system does not say."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
