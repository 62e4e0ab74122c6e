"""What a store holds and what its tables mean, for menus and the schema panel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from plotly.colors import get_colorscale

import xctgraph
from xctgraph.analysis.style import DENSITY_SCALE, kind_colours
from xctgraph.explorer.limits import Limits
from xctgraph.explorer.scene import NUMERIC
from xctgraph.queries import Parameter, Query, catalogue
from xctgraph.queries.parameter import UNBOUNDED
from xctgraph.store import Store
from xctgraph.store.schema import DERIVED_EDGES, FEATURES, KINDS, TABLES
from xctgraph.store.table import Column

_SCAN = ("t", "time_s", "load_n", "strain", "near_gap", "density_radius", "suspect", "suspect_reason", "has_voxels")


def overview(store: Store, limits: Limits) -> dict[str, object]:
    """Samples with their scans, columns to colour by, colours and limits."""
    revision = store.manifest()
    counts = {(part.sample, part.t): part.rows for part in revision.select("features")}
    scans = store.read("scans", columns=["sample", *_SCAN], revision=revision).to_pylist()
    samples = store.read("samples", revision=revision).to_pylist()
    for sample in samples:
        sample["scans"] = [
            {name: scan[name] for name in _SCAN} | {"features": counts.get((scan["sample"], scan["t"]), 0)}
            for scan in scans
            if scan["sample"] == sample["sample"]
        ]
    return {
        "name": store.path.name,
        "version": xctgraph.__version__,
        "revision": revision.revision,
        "engine": store.engine.name,
        "samples": samples,
        "columns": [_column(FEATURES.column(name)) for name in NUMERIC],
        "colours": kind_colours(KINDS),
        "scale": get_colorscale(DENSITY_SCALE),
        "limits": {"seconds": limits.seconds, "rows": limits.rows},
    }


def schema() -> dict[str, object]:
    """Nodes, relationships and tables with their columns."""
    tables = TABLES.values()
    edges = [_edge(t.edge, t.edge_from, t.edge_to, t.meaning, t.graph_columns) for t in tables if t.edge]
    edges += [_edge(e.name, e.edge_from, e.edge_to, e.meaning, ()) for e in DERIVED_EDGES]
    return {
        "nodes": [
            {"name": t.node, "meaning": t.meaning, "columns": [_column(c) for c in t.graph_columns]} for t in tables if t.node
        ],
        "relationships": edges,
        "tables": [
            {"name": t.name, "meaning": t.meaning, "columns": [_column(c) for c in t.columns]} for t in tables if t.in_statistics
        ],
    }


def questions() -> list[dict[str, object]]:
    """The catalogue with what a form needs."""
    return [_question(query) for query in catalogue.values()]


def _question(query: Query) -> dict[str, object]:
    return {
        "name": query.name,
        "question": query.question,
        "cypher": query.text,
        "parameters": [_parameter(parameter) for parameter in query.parameters],
        "columns": [_column(column) for column in query.columns],
        "chart": asdict(query.chart),
    }


def _parameter(parameter: Parameter) -> dict[str, object]:
    low, high = (None if b is None or abs(b) >= UNBOUNDED else b for b in (parameter.minimum, parameter.maximum))
    default = parameter.default
    unbounded = isinstance(default, float) and abs(default) >= UNBOUNDED
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "role": parameter.role,
        "meaning": parameter.meaning,
        "unit": parameter.unit,
        "valid": parameter.valid,
        "required": parameter.required,
        "default": None if unbounded else default,
        "default_meaning": "no bound" if unbounded else parameter.default_meaning,
        "choices": list(parameter.choices),
        "minimum": low,
        "maximum": high,
    }


def _edge(name: str, source: str, target: str, meaning: str, columns: Iterable[Column]) -> dict[str, object]:
    return {"name": name, "from": source, "to": target, "meaning": meaning, "columns": [_column(c) for c in columns]}


def _column(column: Column) -> dict[str, object]:
    return {"name": column.name, "type": column.type, "unit": column.unit, "meaning": column.meaning}
