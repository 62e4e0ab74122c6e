"""`graph load` and `graph status`: the graph engines."""

from __future__ import annotations

from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, Json, StorePath, open_store
from xctgraph.cli.output import Progress, write_json

app = typer.Typer(no_args_is_help=True, help="Bring a graph engine up to date; see where each stands.")

To = Annotated[
    str | None, typer.Option("--to", help="Neo4j URI; without it the embedded Ladybug is brought up to date.", show_default=False)
]


@app.command()
def load(to: To = None, store: StorePath = DEFAULT_STORE, json_: Json = False) -> None:
    """Bring an engine up to the newest revision of the store."""
    progress = Progress(quiet=json_)
    with open_store(store, graph=to) as opened:
        try:
            opened.project(statistics=False, progress=progress)
        finally:
            progress.close()
        engine = opened.engine.name
        revision = opened.manifest().revision
    if json_:
        write_json({"engine": engine, "revision": revision})
    else:
        typer.echo(f"{engine} is at revision {revision}")


@app.command()
def status(to: To = None, store: StorePath = DEFAULT_STORE, json_: Json = False) -> None:
    """Show the revision that the statistics and the graph engine hold."""
    with open_store(store, graph=to) as opened:
        rows = opened.status()
    if json_:
        write_json(
            [
                {"projection": r.projection, "revision": r.revision, "store_revision": r.store_revision, "current": r.current}
                for r in rows
            ]
        )
        return
    for row in rows:
        held = "nothing loaded" if row.revision is None else f"revision {row.revision}"
        typer.echo(
            f"{row.projection:12} {held:16} {'current' if row.current else f'behind the store (revision {row.store_revision})'}"
        )
