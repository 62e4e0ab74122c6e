"""What a graph should hold, read from the Parquet files that the newest manifest lists, without the code under test."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xctgraph.store import Store
from xctgraph.store.schema import DERIVED_EDGES, TABLES

TYPES = {"int64": pa.int64(), "int32": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}


def parts(folder: Path, table: str) -> pd.DataFrame:
    """Rows of a table in the newest revision."""
    newest = max(folder.glob("manifest-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
    files = [p["path"] for p in json.loads(newest.read_text())["parts"] if p["table"] == table]
    frames = [pq.ParquetFile(folder / file).read() for file in files]
    names = [c.name for c in TABLES[table].columns]
    return pa.concat_tables(frames).to_pandas(types_mapper=pd.ArrowDtype) if frames else pd.DataFrame({n: [] for n in names})


def check_graph(store: Store) -> None:
    """Every node, relationship and property of the graph is that of the parts, and there is nothing else."""
    nodes = edges = 0
    for table in TABLES.values():
        frame = parts(store.path, table.name)
        if table.node:
            nodes += len(frame)
            names = [c.name for c in table.columns if c.in_graph]
            query = f"MATCH (n:{table.node}) RETURN " + ", ".join(f"n.{n} AS {n}" for n in names)
        elif table.edge:
            edges += len(frame)
            names = ["source", "target", *(c.name for c in table.columns if c.in_graph and c.name not in ("source", "target"))]
            query = edges_query(table.edge, table.edge_from, table.edge_to)
            query += "".join(f", e.{n} AS {n}" for n in names[2:])
        else:
            continue
        same_rows(store.cypher(query), frame[names], table.key, table.name)
    for edge in DERIVED_EDGES:
        frame = parts(store.path, edge.table)[[edge.source, edge.target]].dropna().set_axis(["source", "target"], axis=1)
        edges += len(frame)
        query = edges_query(edge.name, edge.edge_from, edge.edge_to)
        same_rows(store.cypher(query), frame, ("source", "target"), edge.name)
    assert store.cypher("MATCH (n) RETURN count(*) AS n")["n"].to_pylist() == [nodes + 1], (
        "the one more is the mark of the revision"
    )
    assert store.cypher("MATCH ()-[e]->() RETURN count(*) AS n")["n"].to_pylist() == [edges]


def edges_query(name: str, start: str, end: str) -> str:
    key = {t.node: t.key[0] for t in TABLES.values() if t.node}
    return f"MATCH (a:{start})-[e:{name}]->(b:{end}) RETURN a.{key[start]} AS source, b.{key[end]} AS target"


def check_statistics(store: Store) -> None:
    """Every table of the file, opened by plain DuckDB, holds what the parts hold."""
    store.sql("SELECT 1")
    with duckdb.connect(str(store.path / "statistics.duckdb"), read_only=True) as database:
        for table in TABLES.values():
            if table.in_statistics:
                frame = parts(store.path, table.name)
                found = database.sql(f"SELECT * FROM {table.name}").to_arrow_table()
                assert found.column_names == [c.name for c in table.columns]
                same_rows(found, frame, table.key, table.name, exact_types=False)


def same_rows(found: pa.Table, expected: pd.DataFrame, key: tuple[str, ...], what: str, *, exact_types: bool = True) -> None:
    """The same rows in any order, equal to the last bit, nulls where nulls are."""
    assert found.num_rows == len(expected), what
    assert found.column_names == list(expected.columns), what
    if not len(expected):
        return
    by = [(name, "ascending") for name in key]
    wanted = pa.Table.from_pandas(expected, preserve_index=False).sort_by(by)
    found = found.sort_by(by)
    for name in expected.columns:
        assert found[name].to_pylist() == wanted[name].to_pylist(), f"{what}.{name}"
        if exact_types and wanted[name].null_count < len(wanted):
            assert found[name].type == {pa.int32(): pa.int64(), pa.large_string(): pa.string()}.get(
                wanted[name].type, wanted[name].type
            ), name
