"""The steps that apply a difference to a Neo4j database: rows of DuckDB, and the Cypher that writes a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xctgraph.store import ddl
from xctgraph.store.delta import Difference, Item

_ROWS = "UNWIND range(0, size($c0) - 1) AS i"


@dataclass(frozen=True)
class Step:
    """One kind of change to the nodes or edges of `item`.

    `query` gives the rows in an order that is the same each time, `n_rows` of them; `name` is unique among the steps of a
    difference. `columns` are those of the rows.
    """

    name: str
    item: Item
    verb: str
    query: str
    columns: tuple[str, ...]
    n_rows: int

    def statement(self, given: Sequence[str]) -> str:
        """Cypher that applies a batch of rows, of which only the columns `given` (the keys among them) hold any value."""
        if self.verb == "create":
            return _create(self.item, given)
        return _change(self.item, self.columns) if self.verb == "change" else _delete(self.item)

    @property
    def sparse(self) -> bool:
        """Whether a column without a value may be left out: not where it takes the place of one."""
        return self.verb == "create"

    @property
    def exact(self) -> bool:
        """Whether every row must find what it changes; nodes that are gone already do no harm."""
        return self.verb == "create" or self.item.ends is not None


def steps(difference: Difference) -> list[Step]:
    """Steps in an order in which each finds what it needs: old nodes and edges go, then nodes and edges come or change."""
    nodes = [item for item in difference.items if item.ends is None]
    edges = [item for item in difference.items if item.ends is not None]
    gone = [_step(difference, "delete", item, difference.deleted(item), item.keys) for item in nodes]
    # Many before few: a scan would take the edges to all its features with it, in one transaction.
    found = sorted(gone, key=lambda step: -step.n_rows)
    for item in edges:
        ordered = f"SELECT * FROM ({difference.deleted_between_kept(item)}) ORDER BY ALL"
        found.append(_step(difference, "delete", item, ordered, item.keys))
    for item in (*nodes, *edges):
        found.append(_step(difference, "create", item, difference.inserted(item), item.columns))
        names = difference.changed_properties(item)
        if names:
            columns = (*item.keys, *names)
            chosen = ", ".join(f'"{name}"' for name in columns)
            found.append(_step(difference, "change", item, f"SELECT {chosen} FROM ({difference.changed(item)})", columns))
    return [step for step in found if step.n_rows]


def _step(difference: Difference, verb: str, item: Item, query: str, columns: tuple[str, ...]) -> Step:
    return Step(f"{verb} {item.name}", item, verb, query, columns, difference.count(query))


def _create(item: Item, given: Sequence[str]) -> str:
    properties = ", ".join(f"`{name}`: $c{i}[i]" for i, name in enumerate(given) if item.ends is None or name not in item.keys)
    if item.ends is None:
        return f"{_ROWS} CREATE (:`{item.name}` {{{properties}}}) RETURN count(*)"
    return f"{_ROWS} {_ends(item)} CREATE (a)-[:`{item.name}` {{{properties}}}]->(b) RETURN count(*)"


def _delete(item: Item) -> str:
    if item.ends is None:
        return f"{_ROWS} {_find('n', item.name, 'c0')} DETACH DELETE n RETURN count(*)"
    return f"{_ROWS} {_ends(item)} MATCH (a)-[e:`{item.name}`]->(b) DELETE e RETURN count(*)"


def _change(item: Item, columns: Sequence[str]) -> str:
    keys = len(item.keys)
    assignments = ", ".join(f"x.`{name}` = $c{i}[i]" for i, name in enumerate(columns) if i >= keys)
    if item.ends is None:
        return f"{_ROWS} {_find('x', item.name, 'c0')} SET {assignments} RETURN count(*)"
    return f"{_ROWS} {_ends(item)} MATCH (a)-[x:`{item.name}`]->(b) SET {assignments} RETURN count(*)"


def _ends(item: Item) -> str:
    # Both ends are looked up first: a walk along the edges of one would be slow where that is a scan with all its features.
    a, b = item.ends or ("", "")
    return f"{_find('a', a, 'c0')} {_find('b', b, 'c1')}"


def _find(variable: str, label: str, column: str) -> str:
    # Statistics of an index lag behind a load: without the hint the planner may take it for empty, and scan it for every row.
    key = ddl.key_of(label)
    return f"MATCH ({variable}:`{label}` {{`{key}`: ${column}[i]}}) USING INDEX SEEK {variable}:`{label}`(`{key}`)"
