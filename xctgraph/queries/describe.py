"""Pages about queries: one query as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xctgraph.queries.parameter import UNBOUNDED, Parameter

if TYPE_CHECKING:
    from xctgraph.queries.query import Query


def section(query: Query) -> str:
    """Question, source, parameters, columns, order, chart and Cypher text of a query."""
    lines = [f"## {query.name}", "", query.question, ""]
    lines += [f"From: {query.source}.", ""] if query.source else []
    lines += ["| parameter | valid | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{p.name}` | {p.valid} | {default(p)} | {p.meaning} |" for p in query.parameters]
    lines += ["", "| column | type | unit | null | meaning |", "|---|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {c.unit} | {'yes' if c.nullable else ''} | {_cell(c.meaning)} |" for c in query.columns]
    lines += [
        "",
        f"Rows are sorted by {', '.join(query.order)}. Chart: {query.chart}.",
        "",
        "```cypher",
        query.text.rstrip(),
        "```",
        "",
    ]
    return "\n".join(lines)


def default(parameter: Parameter) -> str:
    """Default of a parameter in words, with its unit."""
    value = parameter.default
    if value is None:
        return "required"
    if isinstance(value, float) and abs(value) >= UNBOUNDED:
        return "no bound"
    unit = parameter.unit if parameter.unit not in ("", "1") else ""
    text = f"{value:g} {unit}".strip() if isinstance(value, float) else f"`{value}`"
    if parameter.role == "gap":
        return f"{text}, {parameter.default_meaning}"
    if parameter.default_meaning:
        return f"{text}: {parameter.default_meaning}" if value not in ("", 0.0) else parameter.default_meaning
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
