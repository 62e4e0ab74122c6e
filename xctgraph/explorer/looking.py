"""Routes that look at what the store holds; each is quick and asks no question of the user's own."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from xctgraph.explorer import binary, overview
from xctgraph.explorer.feature import feature, voxels
from xctgraph.explorer.formats import dump
from xctgraph.explorer.limits import Limits
from xctgraph.explorer.problems import RESPONSES
from xctgraph.explorer.scene import SIZE, Scenes
from xctgraph.store import Store

Sample = Annotated[str, Query(description="Name of the sample.", max_length=200)]
ScanIndex = Annotated[int, Query(description="Scan index.", ge=0, le=8191)]
Uid = Annotated[str, Query(description="sample/t/label of a feature.", max_length=300)]

# Answers are made as bytes: FastAPI's own way over models costs more than the queries.
_JSON: dict[str, Any] = {"response_class": Response, "responses": {200: {"content": {"application/json": {}}}}}
_BINARY: dict[str, Any] = {"response_class": Response, "responses": {200: {"content": {binary.MEDIA: {}}}}}


def router(store: Store, limits: Limits) -> APIRouter:
    """Routes on one store."""
    routes = APIRouter(prefix="/api", responses=RESPONSES)
    scenes = Scenes(store)
    schema_, questions_ = dump(overview.schema()), dump(overview.questions())

    @lru_cache(maxsize=1)
    def of_revision(_revision: int, _state: str) -> bytes:
        return dump(overview.overview(store, limits))

    @routes.get("/store", **_JSON)
    def store_() -> Response:
        """Samples, scans, columns, colours, limits."""
        newest = store.manifest()
        return _json(of_revision(newest.revision, newest.state))

    @routes.get("/revision")
    def revision() -> dict[str, int]:
        """Number of the newest revision: the page asks for it while an ingest runs beside."""
        return {"revision": store.manifest().revision}

    @routes.get("/schema", **_JSON)
    def schema() -> Response:
        """Nodes, relationships and tables."""
        return _json(schema_)

    @routes.get("/scene", **_BINARY)
    def scene(
        sample: Sample,
        t: ScanIndex,
        columns: Annotated[str, Query(description="Numeric columns, separated by commas.", max_length=2000)] = SIZE,
        start: Annotated[int, Query(description="Rank by size to begin with.", ge=0, le=2**31)] = 0,
        stop: Annotated[int | None, Query(description="Rank to end before.", ge=0, le=2**31)] = None,
    ) -> Response:
        """Columns of the features of a scan, largest first; see `xctgraph.explorer.binary`."""
        names = tuple(dict.fromkeys(name for name in columns.split(",") if name))
        return Response(scenes.columns(sample, t, names, start, stop), media_type=binary.MEDIA)

    @routes.get("/surfaces", **_BINARY)
    def surfaces(sample: Sample, t: ScanIndex) -> Response:
        """Surfaces of the fractures of a scan."""
        return Response(scenes.surfaces(sample, t), media_type=binary.MEDIA)

    @routes.get("/feature", **_JSON)
    def feature_(uid: Uid) -> Response:
        """Attributes, job, track, neighbours and links of a feature."""
        return _json(dump(feature(store, uid)))

    @routes.get("/crop", **_BINARY)
    def crop(uid: Uid) -> Response:
        """Grey values and voxels of a feature."""
        return Response(voxels(store, uid), media_type=binary.MEDIA)

    @routes.get("/studies", **_JSON)
    def studies() -> Response:
        """Stored results."""
        return _json(dump(store.read("studies").to_pylist()))

    @routes.get("/questions", **_JSON)
    def questions() -> Response:
        """The catalogue."""
        return _json(questions_)

    return routes


def _json(data: bytes) -> Response:
    return Response(data, media_type="application/json")
