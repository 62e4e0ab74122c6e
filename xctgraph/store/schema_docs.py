"""`docs/schema.md`, made from the schema: `python -m xctgraph.store.schema_docs docs/schema.md` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from xctgraph.store.schema import DERIVED_EDGES, TABLES
from xctgraph.store.table import Table

_INTRODUCTION = """\
# Tables, nodes and relationships

Made from `xctgraph/store/schema.py` by `python -m xctgraph.store.schema_docs docs/schema.md`; do not edit.

Frames: *voxel* is the float voxel coordinate of the full dataset; *scan* is micrometres in that scan's own, deformed frame with
its origin at the centre of voxel (0, 0, 0); *reference* is micrometres in the frame of the sample's first scan. *Known at* says
when a value becomes known: with scan `t`, with the next scan (`t+1`), or only at the `end` of the series; a snapshot at `t` never
holds a value that is not known at `t`.

In Cypher a table with a label is a node and its columns are properties; a table with a relationship type is an edge from the node
whose key is `source` to the one whose key is `target`. In SQL (`statistics.duckdb`) every table that is marked so is a table.
"""


def markdown() -> str:
    """The whole page."""
    derived = ["## Relationships made from columns", "", "| type | from → to | made of | meaning |", "|---|---|---|---|"]
    derived += [
        f"| `{e.name}` | {e.edge_from} → {e.edge_to} | `{e.table}.{e.source}` → `{e.table}.{e.target}` | {e.meaning} |"
        for e in DERIVED_EDGES
    ]
    sections = [_INTRODUCTION, *(_section(table) for table in TABLES.values()), "\n".join(derived) + "\n"]
    return "\n".join(sections)


def _section(table: Table) -> str:
    facts = []
    if table.node:
        facts.append(f"node `{table.node}`")
    if table.edge:
        facts.append(f"relationship `{table.edge}` from {table.edge_from} to {table.edge_to}")
    if table.key:
        facts.append(f"key {', '.join(f'`{name}`' for name in table.key)}")
    facts.append("in SQL" if table.in_statistics else "in the parts only")
    if table.edge and len(table.graph_columns) < len(table.columns):
        facts.append(f"properties in Cypher: {', '.join(f'`{c.name}`' for c in table.graph_columns) or 'none'}")
    lines = [f"## {table.name}", "", table.meaning, "", "; ".join(facts) + ".", ""]
    lines += ["| column | type | unit | frame | null | known at | meaning |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {c.type} | {c.unit} | {c.frame} | {'yes' if c.nullable else ''} | {c.known_at} | {_cell(c.meaning)} |"
        for c in table.columns
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
