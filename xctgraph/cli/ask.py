"""`query`, `cypher` and `sql`: questions to a store."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store, pairs
from xctgraph.cli.output import Format, write_json, write_table

FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is written.")]
Out = Annotated[Path | None, typer.Option("--out", help="File for the answer in place of stdout.", show_default=False)]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="Parameter as NAME=VALUE; may be given several times.", show_default=False),
]


def literal(text: str) -> bool | int | float | str:
    """Read a value of the user's own Cypher: true, false, integer, number, otherwise text (quotes force text)."""
    if text in ("true", "false"):
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else text


def query(
    name: Annotated[str | None, typer.Argument(help="Name of a library question; see --list.", show_default=False)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the library.")] = False,
    show: Annotated[
        str | None, typer.Option("--show", help="Print a question's parameters and Cypher.", show_default=False)
    ] = None,
    param: Params = None,
    form: FormatOption = Format.table,
    json_: Json = False,
    out: Out = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
) -> None:
    """Ask a question of the library."""
    from xctgraph.queries import catalogue

    form = Format.json if json_ else form
    if list_:
        overview = catalogue.overview()
        on_screen = form is Format.table
        write_table(overview.select(["name", "question"]) if on_screen else overview, form, out)
        if on_screen:
            typer.echo("Parameters, columns and Cypher of one: xctgraph query --show NAME", err=True)
    elif show is not None:
        found = catalogue.find(show)
        if form is Format.json:
            write_json(
                {
                    "name": found.name,
                    "question": found.question,
                    "source": found.source,
                    "chart": asdict(found.chart),
                    "cypher": found.text,
                    "description": found.describe(),
                }
            )
        else:
            typer.echo(found.describe())
    elif name is None:
        raise typer.BadParameter("give the NAME of a question, --list or --show NAME")
    else:
        question = catalogue.find(name)
        given = pairs(param)
        question.parse(given)
        with open_store(store, graph=graph) as opened:
            write_table(question.run(opened, **given), form, out)


def cypher(
    text: Annotated[str, typer.Argument(help="Read-only Cypher.", show_default=False)],
    param: Params = None,
    form: FormatOption = Format.table,
    json_: Json = False,
    out: Out = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
) -> None:
    """Run your own Cypher, read-only."""
    from xctgraph.queries import dialect

    for finding in dialect.check(text):
        typer.echo(f"Warning: {finding}", err=True)
    values = {name: literal(value) for name, value in pairs(param).items()}
    with open_store(store, graph=graph) as opened:
        write_table(opened.cypher(text, **values), Format.json if json_ else form, out)


def sql(
    text: Annotated[str, typer.Argument(help="Read-only SQL (DuckDB).", show_default=False)],
    param: Params = None,
    form: FormatOption = Format.table,
    json_: Json = False,
    out: Out = None,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Run SQL over the flat record, read-only."""
    values = {name: literal(value) for name, value in pairs(param).items()}
    with open_store(store) as opened:
        write_table(opened.sql(text, values or None), Format.json if json_ else form, out)
