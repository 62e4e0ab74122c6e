"""`explore`: the web page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, StorePath
from xctgraph.store.errors import MissingExtra


def explore(
    store: StorePath = DEFAULT_STORE,
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one.", min=0, max=65535)] = 8765,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; for any but this machine's own, a token is printed.")
    ] = "127.0.0.1",
    graph: GraphUri = None,
) -> None:
    """Look at the store in a browser: the scene, features, questions, a console."""
    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            raise MissingExtra(package, "web", "the explorer")
    from xctgraph.explorer.serve import serve

    def announce(address: str) -> None:
        typer.echo(address)
        typer.echo("Ctrl-C ends it.", err=True)

    serve(store, graph=graph, host=host, port=port, announce=announce)
