"""Errors as one JSON shape: `{"error": {"type": …, "message": …}}`."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from xctgraph.explorer.limits import Busy, LimitReached
from xctgraph.queries.collection import UnknownQuery
from xctgraph.store.errors import EngineError, InputError, StoreError, XctGraphError

_LOG = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[XctGraphError], int], ...] = (
    (LimitReached, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnknownQuery, HTTPStatus.NOT_FOUND),
    (InputError, HTTPStatus.BAD_REQUEST),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE),
    (EngineError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class Told(BaseModel):
    """What went wrong."""

    type: str
    message: str


class Problem(BaseModel):
    """Body of every answer that is no success."""

    error: Told


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 411, 413, 415, 421, 422, 500, 503)
}


class NotThere(InputError):
    """What a request names is not in the store."""


def problem(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The one shape of an error."""
    return JSONResponse({"error": {"type": kind, "message": message}}, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Let every error of the application have the one shape."""
    app.add_exception_handler(XctGraphError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotThere):
        return problem(HTTPStatus.NOT_FOUND, "NotThere", str(error))
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(status, type(error).__name__, str(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{' '.join(map(str, item['loc'][1:])) or item['loc'][0]}: {item['msg']}" for item in found)
    return problem(HTTPStatus.BAD_REQUEST, "InputError", f"the request is not valid: {told}")


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    phrase = HTTPStatus(status).phrase
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return problem(status, phrase.replace(" ", ""), f"{phrase}: {request.method} {request.url.path}", headers)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    _LOG.error("a request failed", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", f"{type(error).__name__}: this is a fault of xctgraph")
