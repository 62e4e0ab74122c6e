"""Options of every command that works hard: how much memory, how many threads, where temporary files go."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from xctgraph.store import limits

Command = TypeVar("Command", bound=Callable[..., None])


def _memory(text: str | None) -> int | None:
    return None if text is None else limits.parse_bytes(text)


Memory = Annotated[
    str | None,
    typer.Option("--memory", help="Memory to stay below, e.g. 2GB.", envvar=limits.MEMORY, show_default="80% of what is free"),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Threads that work at once.", min=1, envvar=limits.WORKERS, show_default="all cores"),
]
Temporary = Annotated[
    Path | None, typer.Option("--tmp", help="Folder for temporary files.", envvar=limits.TEMPORARY, show_default="the system's")
]
_OPTIONS = {"memory": Memory, "workers": Workers, "tmp": Temporary}


def limited(command: Command) -> Command:
    """Give a command `--memory`, `--workers` and `--tmp`, as far as it has none of its own, and heed them before it begins."""
    own = inspect.signature(command)
    added = {name: option for name, option in _OPTIONS.items() if name not in own.parameters}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        found = {name: given.pop(name) for name in added}
        limits.restrict(memory=_memory(found.get("memory")), workers=found.get("workers"), temporary=found.get("tmp"))
        command(**given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, keyword, default=None, annotation=option) for name, option in added.items()]
    hints = get_type_hints(command, include_extras=True)
    kept = [one.replace(kind=keyword, annotation=hints[name]) for name, one in own.parameters.items()]
    run.__signature__ = own.replace(parameters=[*kept, *more])  # type: ignore[attr-defined]  # typer reads it, mypy does not know it
    run.__annotations__ = hints | added
    return run  # type: ignore[return-value]  # the same command, with more options
