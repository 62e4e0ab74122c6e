"""The `xctgraph` command: thin; every command calls one function of the parts."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

import xctgraph
from xctgraph.cli import (
    analyze,
    ask,
    correct,
    demo,
    drop,
    explore,
    export,
    graph,
    health,
    ingest,
    measure,
    pseudolabel,
    report,
    sample,
    synth,
    train,
)
from xctgraph.cli.common import DEBUG, Interrupted, complain
from xctgraph.cli.limited import limited
from xctgraph.store.errors import InputError, StoreNotFound, XctGraphError

app = typer.Typer(
    name="xctgraph",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Defects in 4D X-ray CT as a graph: ingest volumes, ask questions in Cypher and SQL, export snapshots.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"xctgraph {xctgraph.__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Take the options that stand before the command."""
    DEBUG.set(debug)


app.command("demo")(limited(demo.demo))
app.command("synth")(limited(synth.synth))
app.command("ingest")(limited(ingest.ingest))
app.command("measure")(limited(measure.measure))
app.command("info")(ingest.info)
app.command("sample")(limited(sample.sample))
app.command("train")(limited(train.train))
app.command("segment")(limited(train.segment))
app.command("pseudolabel")(limited(pseudolabel.pseudolabel))
app.command("query")(limited(ask.query))
app.command("cypher")(limited(ask.cypher))
app.command("sql")(limited(ask.sql))
app.command("report")(limited(report.report))
app.command("explore")(explore.explore)
app.command("doctor")(limited(health.doctor))
app.command("gc")(health.gc)
app.command("backup")(health.backup)
app.command("restore")(health.restore)
app.add_typer(analyze.app, name="analyze")
app.add_typer(correct.app, name="correct")
app.add_typer(graph.app, name="graph")
app.add_typer(export.app, name="export")
app.add_typer(drop.app, name="drop")


class _Signals:
    """Ctrl-C and SIGTERM become `Interrupted`, which libraries in C turn into an exception of their own: `came` tells."""

    def __init__(self) -> None:
        self.came = False

    def take(self) -> None:
        sys.unraisablehook = self._again
        self._set(self._come)

    def ignore(self) -> None:
        self._set(signal.SIG_IGN)

    def _set(self, handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handler)

    def _come(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        raise Interrupted

    def _again(self, lost: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a destructor: the signal is sent once more, a little later."""
        if lost.exc_type is not Interrupted:
            sys.__unraisablehook__(lost)
            return
        self.came = False
        later = threading.Timer(0.01, os.kill, [os.getpid(), signal.SIGTERM])
        later.daemon = True
        later.start()


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong usage or bad input."""
    # A reader that goes away (`| head`) is no failure of ours.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # its errors reach the user as ours
    signals = _Signals()
    try:
        try:
            signals.take()
            app()
        finally:
            signals.ignore()
    except (Exception, Interrupted) as error:  # what it does not know it raises again
        if DEBUG.get() and not isinstance(error, Interrupted):
            raise
        sys.exit(_explain(error, interrupted=signals.came))


def _explain(error: BaseException, *, interrupted: bool) -> int:
    """Say an error as one paragraph; the exit code."""
    if interrupted:
        complain("interrupted: what was committed stays, the scan at work was left out; the same command goes on from there")
        return 1
    if isinstance(error, XctGraphError):
        complain(str(error))
        return 2 if isinstance(error, InputError | StoreNotFound) else 1
    if isinstance(error, FileNotFoundError):
        complain(f"there is no {error.filename!r}: make its folder first, or give another path")
        return 2
    if isinstance(error, OSError | MemoryError):
        complain(f"{type(error).__name__}: {error}")
        return 1
    raise error


if __name__ == "__main__":
    main()
