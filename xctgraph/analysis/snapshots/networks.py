"""NetworkX graphs and GraphML files: every value, with the units beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa

from xctgraph.analysis.snapshots.columns import KEYS, NODE_TYPES
from xctgraph.analysis.snapshots.subgraph import ENDS, Subgraph
from xctgraph.store import files

if TYPE_CHECKING:
    import networkx as nx

PREFIX = {"features": "f", "front_sites": "s", "regions": "r"}
"""Beginning of the name of a node, before its key: keys of two tables may be equal."""

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""


def to_networkx(graph: Subgraph) -> nx.MultiDiGraph:
    """A NetworkX graph of some nodes and edges.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes `f123` (features), `s123` (front sites), `r123` (regions) after their key, with every column and `node_type`;
        values that the store does not have are left out. Edges with `relation` and its columns; of undirected relations
        (NEAR, TOUCHES, ADJACENT) one per pair, as the store has them. `graph.graph["units"]` has the unit of each column, by
        `nodes` and `edges`.
    """
    import networkx as nx

    made = nx.MultiDiGraph(units=_units(_fields(iter([graph]))))
    for name, attributes in _nodes(graph):
        made.add_node(name, **attributes)
    for source, target, attributes in _edges(graph):
        made.add_edge(source, target, **attributes)
    return made


def write_graphml(parts: Callable[[], Iterator[Subgraph]], out: Path) -> tuple[int, int]:
    """Write a GraphML file with the nodes and edges of `to_networkx`, holding one part in memory at a time.

    The unit and meaning of a column are the `desc` of its `key`; for readers that leave these out (networkx), the attribute
    `units` of the graph has the units as JSON.

    Parameters
    ----------
    parts
        Gives the parts anew at each call: nodes are written in one pass and edges in another.
    out
        The file.

    Returns
    -------
    int, int
        Number of nodes and of edges.
    """
    counts = [0, 0]
    with files.new_file(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        fields = _fields(parts())
        keys = {column: f"d{i}" for i, column in enumerate(fields)}
        for (domain, name), field in fields.items():
            key, kind = keys[domain, name], _type(field.type)
            file.write(f'<key id="{key}" for="{domain}" attr.name={quoteattr(name)} attr.type="{kind}">')
            file.write(f"<desc>{escape(_described(field))}</desc></key>\n")
        file.write('<key id="units" for="graph" attr.name="units" attr.type="string"/>\n<graph edgedefault="directed">\n')
        file.write(f'<data key="units">{escape(json.dumps(_units(fields), ensure_ascii=False))}</data>\n')
        for part in parts():
            for name, attributes in _nodes(part):
                _element(file, f"node id={quoteattr(name)}", "node", attributes, keys)
                counts[0] += 1
        for part in parts():
            for source, target, attributes in _edges(part):
                _element(file, f"edge source={quoteattr(source)} target={quoteattr(target)}", "edge", attributes, keys)
                counts[1] += 1
        file.write("</graph>\n</graphml>\n")
    return counts[0], counts[1]


def _nodes(graph: Subgraph) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, rows in graph.nodes.items():
        key = KEYS[table][0]
        for row in _rows(rows):
            row["node_type"] = NODE_TYPES.get(table) or row["kind"]
            yield f"{PREFIX[table]}{row[key]}", row


def _edges(graph: Subgraph) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for relation, rows in graph.edges.items():
        a, b = (PREFIX[table] for table in ENDS[relation])
        for row in _rows(rows):
            source, target = row.pop("source"), row.pop("target")
            yield f"{a}{source}", f"{b}{target}", row | {"relation": relation}


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as mappings without the missing values."""
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield {name: value for name, value in row.items() if value is not None}


def _fields(parts: Iterator[Subgraph]) -> dict[tuple[str, str], pa.Field]:
    found = {("node", "node_type"): pa.field("node_type", pa.string(), metadata={"meaning": "kind, front_site or region"})}
    found["edge", "relation"] = pa.field("relation", pa.string(), metadata={"meaning": "relation of the schema"})
    for part in parts:
        for domain, tables in (("node", part.nodes), ("edge", part.edges)):
            for rows in tables.values():
                for field in rows.schema:
                    if domain == "node" or field.name not in ("source", "target"):
                        found.setdefault((domain, field.name), field)
    return found


def _units(fields: dict[tuple[str, str], pa.Field]) -> dict[str, dict[str, str]]:
    units: dict[str, dict[str, str]] = {"nodes": {}, "edges": {}}
    for (domain, name), field in fields.items():
        if unit := _unit(field):
            units[f"{domain}s"][name] = unit
    return units


def _unit(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"unit", b""), "utf-8")


def _described(field: pa.Field) -> str:
    meaning = (field.metadata or {}).get(b"meaning", b"").decode()
    return f"{meaning} [{_unit(field)}]" if _unit(field) else meaning


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "long"
    return "double" if pa.types.is_floating(kind) else "string"


def _element(file: TextIO, opening: str, domain: str, attributes: dict[str, Any], keys: dict[tuple[str, str], str]) -> None:
    data = "".join(f'<data key="{keys[domain, name]}">{_text(value)}</data>' for name, value in attributes.items())
    file.write(f"<{opening}>{data}</{domain}>\n")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value)) if isinstance(value, (int, float, str)) else escape(json.dumps(value, ensure_ascii=False))
