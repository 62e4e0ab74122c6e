"""Routes that answer questions: the catalogue's and the user's own Cypher and SQL, each in a process that can be killed."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from xctgraph.explorer.formats import MEDIA, Format
from xctgraph.explorer.limits import Limits
from xctgraph.explorer.problems import RESPONSES
from xctgraph.explorer.worker import Task
from xctgraph.explorer.workers import Workers
from xctgraph.queries import catalogue

Value = str | int | float | bool | None | list[str | int | float | bool | None]
Key = Annotated[str, Field(pattern=r"^[\w-]{1,64}$", description="Name of the request, to cancel it by.")]

_FORMATS: dict[str, Any] = {"response_class": Response, "responses": {200: {"content": {media: {} for media in MEDIA.values()}}}}


class Asked(BaseModel):
    """Parameters of a question of the catalogue."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, Value] = Field(default_factory=dict, max_length=100)
    key: Key = Field(default_factory=secrets.token_hex)


class Statement(Asked):
    """Cypher or SQL of the user's own."""

    language: Literal["cypher", "sql"]
    text: str = Field(max_length=100_000)


FormatOption = Annotated[
    Format, Query(alias="format", description="page: the first rows; the others: the whole answer as a file.")
]


def router(workers: Workers, limits: Limits) -> APIRouter:
    """Routes on the processes that answer."""
    routes = APIRouter(prefix="/api", responses=RESPONSES)

    async def answered(key: str, task: Task, name: str) -> Response:
        found = await asyncio.wrap_future(workers.ask(key, task))
        headers = {} if task.form == "page" else {"content-disposition": f'attachment; filename="{name}.{task.form}"'}
        return Response(found, media_type=MEDIA[task.form], headers=headers)

    @routes.post("/questions/{name}", **_FORMATS)
    async def question(name: str, asked: Annotated[Asked, Body()], form: FormatOption = "page") -> Response:
        """Answer a question of the catalogue."""
        found = catalogue.find(name)
        given = {name: value for name, value in asked.parameters.items() if value is not None}
        found.parse(given)
        return await answered(asked.key, Task("question", found.name, given, form, limits.rows), found.name)

    @routes.post("/console", **_FORMATS)
    async def console(statement: Annotated[Statement, Body()], form: FormatOption = "page") -> Response:
        """Answer one read-only statement."""
        task = Task(statement.language, statement.text, statement.parameters, form, limits.rows)
        return await answered(statement.key, task, "answer")

    @routes.delete("/running/{key}")
    def cancel(key: str) -> dict[str, bool]:
        """Stop a question that is being answered, or waits; one that has just ended is no error."""
        return {"cancelled": workers.cancel(key)}

    return routes
