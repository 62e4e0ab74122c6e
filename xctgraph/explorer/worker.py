"""The process that answers questions: started by `workers`, ended by a kill.

Each request is a `Task`. Two messages go back: `None` when the graph is up to date and the clock of the question may run, then
the bytes of the answer or the error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from xctgraph.explorer import formats
from xctgraph.queries import catalogue, dialect, whole
from xctgraph.store import Store, open_store
from xctgraph.store.errors import EngineError, XctGraphError


@dataclass(frozen=True)
class Start:
    """What a worker is told first."""

    store: Path
    graph: str | None
    seconds: float


@dataclass(frozen=True)
class Task:
    """One question: Cypher, SQL, or a query of the library by its name, and how the answer is wanted."""

    language: Literal["cypher", "sql", "question"]
    text: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    form: formats.Format = "page"
    rows: int = 1_000


Answer: TypeAlias = bytes | XctGraphError


def main(connection: Connection) -> None:
    """Answer until the connection is closed."""
    # The server and those who only look must stay quick: this process waits for them, and goes first where memory ends.
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start = connection.recv()
    except EOFError:
        return
    with open_store(start.store, graph=start.graph, server_seconds=start.seconds) as store:
        while True:
            try:
                task = connection.recv()
            except EOFError:
                return
            connection.send(_answered(store, task, connection))


def answer(store: Store, task: Task) -> pa.Table:
    """Rows of the answer.

    Raises
    ------
    QueryError
        If the question is wrong.
    EngineError
        If there is no engine to answer it.
    """
    if task.language == "question":
        return catalogue.find(task.text).run(store, **task.parameters)
    if task.language == "sql":
        return store.sql(task.text, task.parameters or None)
    return store.cypher(whole.spelled_out(task.text), **task.parameters)


def _answered(store: Store, task: Task, connection: Connection) -> Answer:
    try:
        # Bringing a projection up to date may take long, and is no fault of the question.
        if task.language == "sql":
            store.sql("SELECT 1")
        else:
            store.cypher("RETURN 1 AS one")
        connection.send(None)
        started = time.perf_counter()
        table = answer(store, task)
        about: dict[str, object] = {"seconds": round(time.perf_counter() - started, 4)}
        if task.language == "cypher":
            asked = whole.spelled_out(task.text)
            about["warnings"] = [str(finding) for finding in dialect.check(asked)]
            if asked != task.text:
                about["asked"] = asked
        return formats.encode(table, task.form, rows=task.rows, about=about)
    except XctGraphError as error:
        return _portable(error)
    except (MemoryError, pa.ArrowException) as error:
        return EngineError(f"the answer could not be made: {type(error).__name__}: {error}")


def _portable(error: XctGraphError) -> XctGraphError:
    # A cause from an engine may not survive the way to the other process.
    plain = error.with_traceback(None)
    plain.__cause__ = plain.__context__ = None
    return plain


if __name__ == "__main__":
    # A server that was killed waits for no answer.
    with Connection(int(sys.argv[1])) as opened, contextlib.suppress(ConnectionError):
        main(opened)
