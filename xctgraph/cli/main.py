"""The `xctgraph` command: thin; every command calls one function of the parts."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

import xctgraph
from xctgraph.cli import ask, correct, demo, export, graph, ingest, synth
from xctgraph.cli.common import DEBUG, complain
from xctgraph.store.errors import InputError, XctGraphError

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


app.command("demo")(demo.demo)
app.command("synth")(synth.synth)
app.command("ingest")(ingest.ingest)
app.command("info")(ingest.info)
app.command("query")(ask.query)
app.command("cypher")(ask.cypher)
app.command("sql")(ask.sql)
app.add_typer(correct.app, name="correct")
app.add_typer(graph.app, name="graph")
app.add_typer(export.app, name="export")


class _Interrupted(BaseException):
    """Ctrl-C or SIGTERM; typer would turn a KeyboardInterrupt into a silent exit."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong usage or bad input."""
    # A reader that goes away (`| head`) is no failure of ours.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # its errors reach the user as ours
    try:
        app()
    except XctGraphError as error:
        if DEBUG.get():
            raise
        complain(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except _Interrupted:
        complain("interrupted: what was committed stays, the scan at work was left out; the same command goes on from there")
        sys.exit(1)
    except FileNotFoundError as error:
        if DEBUG.get():
            raise
        complain(f"there is no {error.filename!r}: make its folder first, or give another path")
        sys.exit(2)
    except (OSError, MemoryError) as error:
        if DEBUG.get():
            raise
        complain(f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
