"""Whole nodes and relationships of a RETURN, spelled out as properties: engines return them as kinds of value that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xctgraph.queries import patterns
from xctgraph.queries.tokens import Clause, Token, queries, split, tokens
from xctgraph.store.ddl import edge_tables, key_of, node_tables
from xctgraph.store.schema import DERIVED_EDGES

_LABELS = {table.node for table in node_tables()}
_ENDS = {e.edge: (e.edge_from, e.edge_to) for e in edge_tables()} | {e.name: (e.edge_from, e.edge_to) for e in DERIVED_EDGES}
_MEASURED = {table.edge: tuple(c.name for c in table.graph_columns if not c.name.endswith("_id")) for table in edge_tables()}


def spelled_out(text: str) -> str:
    """`text` with `RETURN a, e` as `RETURN a.feature_id AS a_feature_id, e.gap AS e_gap, …`.

    A node becomes its key, a relationship its properties, or its type where it has none. What has no label or type to tell by
    stays, and so does everything else.
    """
    code = tokens(text)
    changes: list[tuple[Token, Token, str]] = []
    parts: list[list[Clause]] = [[]]
    for clause in next(queries(code), []):
        if clause.keyword == "UNION":
            parts.append([])
        parts[-1].append(clause)
    renamed = {t.text for i, t in enumerate(code) if i and code[i - 1].word == "AS"}
    for clauses in parts:
        properties = {name: value for name, value in _properties(clauses).items() if name not in renamed}
        for clause in clauses:
            if clause.keyword == "RETURN":
                changes += _changes(clause, properties)
    for first, last, replacement in reversed(changes):
        text = text[: first.start] + replacement + text[last.start + len(last.text) :]
    return text


def _properties(clauses: Sequence[Clause]) -> dict[str, tuple[str, ...]]:
    """Properties that stand for each variable of the patterns."""
    found: dict[str, tuple[str, ...]] = {}
    for clause in clauses:
        if clause.keyword not in {"MATCH", "OPTIONAL"}:
            continue
        code = patterns.pattern(clause)
        labels = {node.variable: node.label for node in patterns.nodes(code) if node.label in _LABELS}
        for edge, before, after in patterns.joined(code):
            ends = [_ENDS[name] for name in edge.types if name in _ENDS]
            if len(edge.types) == len(ends) == 1 and edge.steps is None and edge.variable:
                # One without properties of its own is told by its type.
                found[edge.variable] = _MEASURED.get(edge.types[0]) or (f"'{edge.types[0]}'",)
            if len(set(ends)) == 1 and (ends[0][0] == ends[0][1] or edge.direction != "none"):
                source, target = ends[0] if edge.direction != "left" else ends[0][::-1]
                labels = {before.variable: source, after.variable: target} | labels
        for variable, label in labels.items():
            if variable:
                found.setdefault(variable, (key_of(label),))
    return found


def _changes(clause: Clause, properties: dict[str, tuple[str, ...]]) -> Iterator[tuple[Token, Token, str]]:
    depth = clause.tokens[0].depth
    code = [t for t in clause.tokens[1:] if t.word != "DISTINCT"]
    end = next((i for i, t in enumerate(code) if t.depth == depth and t.word in {"ORDER", "SKIP", "LIMIT"}), len(code))
    for item in split(code[:end]):
        named = len(item) == 3 and item[1].word == "AS"
        if not item or not (named or len(item) == 1) or item[0].kind not in ("name", "quoted"):
            continue
        variable, alias = item[0].text, item[-1].text.strip("`")
        names = properties.get(variable.strip("`"))
        if names:
            yield item[0], item[-1], ", ".join(_item(variable, alias, name) for name in names)


def _item(variable: str, alias: str, name: str) -> str:
    return f"{name} AS `{alias}`" if name.startswith("'") else f"{variable}.{name} AS `{alias}_{name}`"
