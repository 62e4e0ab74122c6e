"""`graph load` and `graph status`: the graph engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, Json, StorePath, open_store
from xctgraph.cli.limited import limited
from xctgraph.cli.output import Progress, write_json
from xctgraph.store import limits
from xctgraph.store.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Bring a graph engine up to date; see where each stands.")

To = Annotated[
    str | None, typer.Option("--to", help="Neo4j URI; without it the embedded Ladybug is brought up to date.", show_default=False)
]
Offline = Annotated[
    Path | None,
    typer.Option(
        "--offline",
        help="Folder of a stopped Neo4j, or of its data only: a full load with Neo4j's import tool, quickest for millions.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="With --offline: replace whatever the database holds.")]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Memory to stay below, e.g. 2GB; with --offline that of the import tool beside its heap of 1 GB.",
        envvar=limits.MEMORY,
        show_default="80% of what is free; 2g",
    ),
]


@app.command()
@limited
def load(
    to: To = None,
    offline: Offline = None,
    overwrite: Overwrite = False,
    memory: Memory = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Bring an engine up to the newest revision of the store; an interrupted load goes on where it stopped."""
    progress = Progress(quiet=json_)
    if offline is not None:
        _load_offline(offline, store, progress, overwrite=overwrite, memory=memory or "2g", to=to, json_=json_)
        return
    if overwrite:
        raise InputError("--overwrite is for --offline HOME: a load over Bolt never replaces another graph")
    limits.restrict(memory=None if memory is None else limits.parse_bytes(memory))
    with open_store(store, graph=to) as opened:
        try:
            opened.project(statistics=False, progress=progress)
        finally:
            progress.close()
        engine = opened.engine.name
        revision = opened.manifest().revision
    _tell(engine, revision, json_=json_)


def _load_offline(
    home: Path, store: Path, progress: Progress, *, overwrite: bool, memory: str, to: str | None, json_: bool
) -> None:
    from xctgraph.store.neo4j_server import offline

    if to is not None:
        raise InputError("--to and --offline exclude each other: an offline load needs the server stopped")
    with open_store(store) as opened:
        try:
            folder = offline.Home(home.expanduser().resolve())
            wanted = offline.run(opened.path, folder, overwrite=overwrite, memory=memory, progress=progress)
        finally:
            progress.close()
    _tell("neo4j", wanted.revision, json_=json_)


def _tell(engine: str, revision: int, *, json_: bool) -> None:
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
