"""What is made from the schema: Arrow schemas, the page, the data definition of the engines."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xctgraph.store import arrow, ddl, schema_docs
from xctgraph.store.errors import InputError
from xctgraph.store.schema import DERIVED_EDGES, TABLES

_ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = (_ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert page == schema_docs.markdown(), "run python -m xctgraph.store.schema_docs docs/schema.md"


def test_the_page_names_everything() -> None:
    page = schema_docs.markdown()
    for table in TABLES.values():
        assert f"## {table.name}\n" in page
        for column in table.columns:
            assert f"| `{column.name}` | {column.type} | {column.unit} |" in page
    for edge in DERIVED_EDGES:
        assert f"| `{edge.name}` |" in page


def test_units_meaning_and_time_of_knowledge_are_in_parquet(tmp_path: Path) -> None:
    pq.write_table(arrow.schema("tracks").empty_table(), tmp_path / "tracks.parquet")
    written = pq.read_schema(tmp_path / "tracks.parquet")
    assert written.field("t_last").metadata[b"known_at"] == b"end"
    pq.write_table(arrow.schema("features").empty_table(), tmp_path / "features.parquet")
    volume = pq.read_schema(tmp_path / "features.parquet").field("volume")
    assert (volume.metadata[b"unit"], volume.metadata[b"frame"], volume.nullable) == (b"um^3", b"scan", False)


def test_every_table_has_the_types_of_the_schema() -> None:
    for name, table in TABLES.items():
        made = arrow.schema(name)
        assert made.names == list(table.names)
        for column in table.columns:
            expected = {
                "int64": pa.int64(),
                "int32": pa.int32(),
                "float64": pa.float64(),
                "bool": pa.bool_(),
                "string": pa.utf8(),
            }
            assert made.field(column.name).type == expected[column.type]


def test_duckdb_creates_every_table_with_comments() -> None:
    with duckdb.connect() as database:
        for statement in ddl.duckdb():
            database.execute(statement)
        found = database.execute(
            "SELECT table_name, column_name, comment, is_nullable FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    expected = {(t.name, c.name, c.nullable) for t in TABLES.values() if t.in_statistics for c in t.columns}
    assert {(table, column, nullable) for table, column, _, nullable in found} == expected
    assert next(comment for t, c, comment, _ in found if (t, c) == ("features", "volume")).endswith("[um^3] (scan frame)")


def test_conform_fills_nullable_columns_and_defaults() -> None:
    made = arrow.conform(
        "tracks",
        {"track_id": np.array([5, 6], np.uint32), "kind": pa.array(["pore", "pore"]).dictionary_encode(), "t_first": [0, 1],
         "t_last": [1.0, 2.0], "n_features": [2, 2], "lineage_id": [5, 6]},
        {"sample": "S1", "job_id": "j"},
    )  # fmt: skip
    assert made.schema.equals(arrow.schema("tracks"), check_metadata=True)
    assert made["sample"].to_pylist() == ["S1", "S1"]
    assert made["t_last"].to_pylist() == [1, 2]
    scans = arrow.conform(
        "samples", {"sample": ["a"], "sample_no": [0], "voxel_z": [1], "voxel_y": [1], "voxel_x": [1], "job_id": ["j"]}
    )
    assert scans["material"].null_count == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kinds": ["pore"]}, "no column 'kinds'; did you mean 'kind'"),
        ({"kind": None}, "lacks the column 'kind'"),
        ({"kind": [None]}, "column 'kind' of table 'tracks' has 1 null"),
        ({"t_last": [1.5]}, "column 't_last' of table 'tracks' is double and cannot be stored as int32"),
        ({"t_last": [2**40]}, "column 't_last'"),
        ({"t_last": ["x"]}, "column 't_last'"),
        ({"kind": [3]}, "column 'kind' of table 'tracks' is int64"),
        ({"t_first": [1, 2]}, "data for table 'tracks' is no table"),
    ],
)
def test_conform_names_what_is_wrong(change: dict[str, object], words: str) -> None:
    data: dict[str, object] = {
        "track_id": [5],
        "kind": ["pore"],
        "t_first": [0],
        "t_last": [1],
        "n_features": [2],
        "lineage_id": [5],
    }
    data |= change
    data = {name: values for name, values in data.items() if values is not None}
    with pytest.raises(InputError, match=words):
        arrow.conform("tracks", data, {"sample": "S1", "job_id": "j"})


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(InputError, match="no table 'feature' in a store; did you mean 'features'"):
        arrow.schema("feature")
