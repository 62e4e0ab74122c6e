"""The application: routes on one store, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

import xctgraph
from xctgraph.explorer import asking, files, looking, problems
from xctgraph.explorer.access import Access, Guard, loopback
from xctgraph.explorer.limits import Limits
from xctgraph.explorer.workers import Workers
from xctgraph.store import open_store


def create_app(
    store: str | Path, *, graph: str | None = None, access: Access | None = None, limits: Limits | None = None
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    store
        Folder of the store.
    graph
        None for Ladybug, or the URI of a Neo4j server.
    access
        Who may ask; this machine where left out.
    limits
        How much one question may take.

    Raises
    ------
    StoreNotFound, StoreError, InputError
        As `open_store`.
    EngineError
        If the graph cannot be reached or made.
    """
    limits = limits or Limits()
    opened = open_store(store, graph=graph, server_seconds=limits.server_seconds)
    # Before the first user waits for it, and so that a graph that cannot be reached is said here.
    try:
        opened.cypher("RETURN 1 AS one")
        opened.sql("SELECT 1")
    except BaseException:
        opened.close()
        raise
    workers = Workers(opened.path, graph, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            workers.close()
            opened.close()

    app = FastAPI(
        title="xctgraph explorer",
        version=xctgraph.__version__,
        # Their pages load scripts from a content delivery network.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    problems.install(app)
    app.include_router(looking.router(opened, limits))
    app.include_router(asking.router(workers, limits))
    app.include_router(files.router())
    app.add_middleware(Guard, access=access or loopback())
    return app
