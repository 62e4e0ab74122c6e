"""What every command shares: where the store is, the debug switch, how errors are said."""

from __future__ import annotations

import os
import sys
import textwrap
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from xctgraph.store import Store

DEBUG: ContextVar[bool] = ContextVar("debug", default=False)

StorePath = Annotated[
    Path,
    typer.Option("--store", help="Folder of the store.", envvar="XCTGRAPH_STORE", show_default="./xct.store"),
]
GraphUri = Annotated[
    str | None,
    typer.Option(
        "--graph",
        help="Neo4j to use in place of the embedded Ladybug, e.g. bolt://localhost:7687 (NEO4J_USERNAME, NEO4J_PASSWORD).",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Dask scheduler whose workers measure: tcp://HOST:8786, or its scheduler file (.json).",
        envvar="XCTGRAPH_SCHEDULER",
        show_default=False,
    ),
]
Measured = Annotated[
    Path | None,
    typer.Option("--measured", help="Folder with measured scans: see xctgraph measure.", show_default="none, or in the store"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
DEFAULT_STORE = Path("xct.store")


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM; typer would turn a KeyboardInterrupt into a silent exit."""


def open_store(path: Path, *, create: bool = False, graph: str | None = None) -> Store:
    """Open the store, loading the store's code only now so that `--help` is quick."""
    from xctgraph.store import open_store as open_

    return open_(path, create=create, graph=graph)


def pairs(texts: list[str] | None) -> dict[str, str]:
    """Split options of the form NAME=VALUE."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{text!r} is not of the form NAME=VALUE, as in t=3")
        if name in found:
            raise InputError(f"{name} is given twice, as {found[name]!r} and {value!r}: give it once")
        found[name] = value
    return found


def complain(message: str) -> None:
    """Print an error as one paragraph on stderr."""
    width = max(60, os.get_terminal_size(sys.stderr.fileno()).columns) if sys.stderr.isatty() else 0
    text = f"Error: {' '.join(message.split())}"
    sys.stderr.write((textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False) if width else text) + "\n")
