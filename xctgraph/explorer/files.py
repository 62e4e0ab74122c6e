"""The files of the page, read once from the installed packages: no request names a path."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, Request, Response

_MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

_PLACE = b"<!-- styles of plotly.js -->\n"
_STYLE_ID = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')


@dataclass(frozen=True)
class File:
    """One file, plain and compressed."""

    media: str
    plain: bytes
    compressed: bytes
    etag: str

    def response(self, request: Request) -> Response:
        """The file, compressed where the browser takes that, or 304 where it has it."""
        headers = {"etag": self.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.compressed, media_type=self.media, headers=headers | {"content-encoding": "gzip"})
        return Response(self.plain, media_type=self.media, headers=headers)


def router() -> APIRouter:
    """`/` and `/static/NAME`; plotly.js comes from the installed wheel."""
    found = {path.name: _file(path.name, path.read_bytes()) for path in (files("xctgraph.explorer") / "static").iterdir()}
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    found["plotly.js"] = _file("plotly.js", plotly)
    found["index.html"] = _file("index.html", found["index.html"].plain.replace(_PLACE, _occupied(plotly)))
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def index(request: Request) -> Response:
        return found["index.html"].response(request)

    @routes.get("/static/{name}")
    def static(name: str, request: Request) -> Response:
        return found[name].response(request) if name in found else Response(status_code=404)

    return routes


def _occupied(plotly: bytes) -> bytes:
    """Empty elements with the ids of styles that plotly.js makes where it finds none, which our policy forbids."""
    ids = sorted(set(_STYLE_ID.findall(plotly)))
    return b"".join(b'<template id="%s"></template>\n' % identifier for identifier in ids)


def _file(name: str, content: bytes) -> File:
    media = _MEDIA[name.rpartition(".")[2]]
    return File(media, content, gzip.compress(content, 6, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:16]}"')
