"""`correct`: a person's correction of a link, a kind, a false feature."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store
from xctgraph.cli.output import write_json
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from xctgraph.ingest.correct import Corrected

app = typer.Typer(no_args_is_help=True, help="Correct links, kinds and false features; kept when a scan is ingested anew.")

A = Annotated[str, typer.Argument(help="Feature as sample/t/label, e.g. S1/3/17.", show_default=False)]
B = Annotated[str, typer.Argument(help="Feature of the scan before or after.", show_default=False)]
Author = Annotated[str | None, typer.Option("--author", help="Who corrects.", show_default="$USER, else git's user.name")]
Reason = Annotated[str, typer.Option("--reason", help="Why.", show_default=False)]


@app.command()
def link(
    a: A,
    b: B,
    reason: Reason,
    author: Author = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Link two features of scans that follow one another."""
    from xctgraph.ingest import correct

    with open_store(store, graph=graph) as opened:
        _report(correct.link(opened, a, b, author=_author(author), reason=reason), f"linked {a} and {b}", store, json_=json_)


@app.command()
def unlink(
    a: A,
    b: B,
    reason: Reason,
    author: Author = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Remove the link between two features."""
    from xctgraph.ingest import correct

    with open_store(store, graph=graph) as opened:
        _report(correct.unlink(opened, a, b, author=_author(author), reason=reason), f"unlinked {a} and {b}", store, json_=json_)


@app.command()
def kind(
    feature: A,
    kind: Annotated[str, typer.Argument(help="inclusion, pore, fracture, or a kind that is in the store.", show_default=False)],
    reason: Reason,
    author: Author = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Give a feature another kind."""
    from xctgraph.ingest import correct

    with open_store(store, graph=graph) as opened:
        done = correct.kind(opened, feature, kind, author=_author(author), reason=reason)
        _report(done, f"{feature} is of the kind {kind}", store, json_=json_)


@app.command()
def drop(
    feature: A,
    reason: Reason,
    author: Author = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Remove a false feature."""
    from xctgraph.ingest import correct

    with open_store(store, graph=graph) as opened:
        _report(correct.drop(opened, feature, author=_author(author), reason=reason), f"dropped {feature}", store, json_=json_)


@app.command()
def undo(
    job: Annotated[str, typer.Argument(help="Job of the correction (its first characters do), or `last`.", show_default=False)],
    reason: Reason,
    author: Author = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Take a correction back."""
    from xctgraph.ingest import correct

    with open_store(store, graph=graph) as opened:
        done = correct.undo(opened, job, author=_author(author), reason=reason)
        _report(done, "taken back", store, json_=json_)


def _author(given: str | None) -> str:
    """The author given, else the user's name, else that of git."""
    if given is not None:
        return given
    name = os.environ.get("USER", "")
    git = shutil.which("git")
    if not name and git is not None:
        name = subprocess.run([git, "config", "user.name"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 fixed words
    if not name:
        try:
            name = getpass.getuser()
        except (KeyError, OSError) as error:
            raise InputError("a correction needs an author: give --author NAME") from error
    return name


def _report(done: Corrected, what: str, store: Path, *, json_: bool) -> None:
    if json_:
        write_json({"job_id": done.job_id, "changed_tracks": done.changed_tracks, "warnings": done.warnings})
        return
    for warning in done.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    where = "" if store == DEFAULT_STORE else f" --store {store}"
    typer.echo(f"{what} (job {done.job_id[:8]}); {done.changed_tracks} features of later scans came to another track")
    if what != "taken back":
        typer.echo(f"Take it back: xctgraph correct undo {done.job_id[:8]} --reason …{where}")
