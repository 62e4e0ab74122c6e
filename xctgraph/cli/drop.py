"""`drop scan` and `drop sample`: taken out of a store."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store
from xctgraph.cli.limited import limited
from xctgraph.cli.output import Progress, write_json

if TYPE_CHECKING:
    from xctgraph.ingest.removal import Dropped

app = typer.Typer(no_args_is_help=True, help="Take a scan or a sample out of a store.")

Sample = Annotated[str, typer.Argument(help="Name of the sample.", show_default=False)]


@app.command()
@limited
def scan(
    sample: Sample,
    t: Annotated[int, typer.Argument(help="Index of the scan.", show_default=False)],
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Take out one scan.

    The scan before is linked to the scan after; tracks and the reference frame of later scans follow in the same commit.
    """
    from xctgraph.ingest import removal

    progress = Progress(quiet=json_)
    with open_store(store, graph=graph) as opened:
        try:
            dropped = removal.drop_scan(opened, sample, t, progress=progress)
        finally:
            progress.close()
        revision = opened.manifest().revision
    _report(dropped, f"scan t = {t} of sample {sample}", revision, json_=json_)


@app.command("sample")
@limited
def sample_(sample: Sample, store: StorePath = DEFAULT_STORE, graph: GraphUri = None, json_: Json = False) -> None:
    """Take out a sample with all its scans."""
    from xctgraph.ingest import removal

    progress = Progress(quiet=json_)
    with open_store(store, graph=graph) as opened:
        try:
            dropped = removal.drop_sample(opened, sample, progress=progress)
        finally:
            progress.close()
        revision = opened.manifest().revision
    _report(dropped, f"sample {sample} ({len(dropped.t)} scans)", revision, json_=json_)


def _report(dropped: Dropped, what: str, revision: int, *, json_: bool) -> None:
    if json_:
        write_json({**asdict(dropped), "revision": revision})
        return
    for warning in dropped.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    typer.echo(f"dropped {what}: {dropped.n_features} features; {dropped.n_links} NEXT made between its neighbours")
    if dropped.changed_tracks:
        typer.echo(f"{dropped.changed_tracks} features of later scans came to another track")
    typer.echo(f"the store is at revision {revision}; `xctgraph gc` frees the space once no reader needs the old revision")
