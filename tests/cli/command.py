"""The command in this process: as quick as a call, with the exit code and the messages that a shell would see."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from xctgraph.cli.main import main


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Done:
    """Run `xctgraph ARGUMENTS`; whatever it raises but an exit would be a traceback, and goes on to the caller."""
    out, err = io.StringIO(), io.StringIO()
    with _own_signals(), pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["xctgraph", *arguments])
        try:
            main()
            code: object = 0
        except SystemExit as left:
            code = left.code
    return Done(code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue())


@contextmanager
def _own_signals() -> Iterator[None]:
    """Put back the handlers that the command sets."""
    numbers = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
