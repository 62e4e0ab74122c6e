"""Queries on a store: what must be in it, and the schema of the answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests import factories
from tests.conformance import graphs
from xctgraph.queries import catalogue
from xctgraph.store import Store, open_store
from xctgraph.store.errors import QueryError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = graphs.rich(np.random.default_rng(7), "S1", 0, n_features=12)
    other = graphs.renumbered(graphs.rich(np.random.default_rng(8), "S2", 1, n_features=8), [1, 2, 5, 9])
    other["scans"]["near_gap"] = 30.0
    with open_store(tmp_path_factory.mktemp("queries") / "x.store", create=True) as opened:
        factories.fill(opened, made)
        factories.fill(opened, other)
        yield opened


def test_a_sample_that_is_not_there(store: Store) -> None:
    for query in catalogue.values():
        if any(p.name == "sample" for p in query.parameters):
            values = {"t": 0} if any(p.required for p in query.parameters) else {}
            with pytest.raises(QueryError, match=r"sample = 'S3': there is no such sample; .*Valid: S1, S2"):
                query.run(store, sample="S3", **values)


def test_a_scan_that_is_not_there(store: Store) -> None:
    with pytest.raises(QueryError, match=r"t = 7: there is no such scan; valid are 0 to 3, 5, 9"):
        catalogue["largest-features"].run(store, t=7)
    with pytest.raises(QueryError, match=r"t = 0: there is no such scan; valid are 1 to 2, 5, 9"):
        catalogue["largest-features"].run(store, t=0, sample="S2")


def test_a_kind_that_is_not_there(store: Store) -> None:
    with pytest.raises(QueryError, match="kind = 'pores': no feature is of this kind; did you mean 'pore'"):
        catalogue["track-growth"].run(store, kind="pores")
    with pytest.raises(QueryError, match="neighbour_kind = 'crack'"):
        catalogue["density-around-features"].run(store, t=1, neighbour_kind="crack")


def test_a_gap_beyond_the_stored_edges(store: Store) -> None:
    """An answer to it would count too few neighbours."""
    query = catalogue["fracture-growth-vs-density"]
    with pytest.raises(QueryError, match=r"radius_um = 35 um is larger than the 30 um .* t = 1 of sample 'S2': give at most 30"):
        query.run(store, radius_um=35)
    assert query.run(store, radius_um=35, sample="S1").num_rows > 0
    with pytest.raises(QueryError, match="gap_um = 41 um"):
        catalogue["neighbours"].run(store, feature="S1/0/1", gap_um="41 um")


def test_a_default_beyond_the_stored_edges_is_lowered(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = graphs.rich(np.random.default_rng(7), "S1", 0, n_features=5)
    made["scans"]["near_gap"] = 10.0
    query = catalogue["density-around-features"]
    with open_store(tmp_path_factory.mktemp("queries") / "x.store", create=True) as opened:
        factories.fill(opened, made)
        with pytest.raises(QueryError, match="gap_um = 25 um is larger than the 10 um"):
            query.run(opened, t=0, gap_um=25)
        assert query.run(opened, t=0).equals(query.run(opened, t=0, gap_um=10))
        assert query.run(opened, t=0).num_rows > 0


def test_features_by_uid_and_by_id(store: Store) -> None:
    query = catalogue["neighbours"]
    ids = store.read("features", sample="S2", t=5, columns=["uid", "feature_id"]).to_pylist()
    for row in ids:
        by_uid = query.run(store, feature=row["uid"], gap_um=30)
        assert by_uid.equals(query.run(store, feature=row["feature_id"], gap_um=30))
        assert by_uid.equals(query.run(store, feature=str(row["feature_id"]), gap_um=30))
    for wrong in ("S2/5/9999", "S9/0/1", 12345, "S2/5000/1"):
        with pytest.raises(QueryError, match="there is no such feature"):
            query.run(store, feature=wrong)
    with pytest.raises(QueryError, match="sample/t/label"):
        query.run(store, feature="S2/5")
    with pytest.raises(QueryError, match=r"not valid.*t is at most 8191"):
        query.run(store, feature="S2/99999/1")


def test_nothing_is_formatted_into_the_text(store: Store) -> None:
    for text in ("' OR 1 = 1 OR '", "S1' RETURN 1 //", "$kind", "S1`"):
        with pytest.raises(QueryError, match="there is no such sample"):
            catalogue["track-growth"].run(store, sample=text)


def test_answers_have_the_declared_schema(store: Store) -> None:
    given = {"feature": "S1/0/1", "t": 1}
    for name, query in catalogue.items():
        table = query.run(store, **{p.name: given[p.name] for p in query.parameters if p.required})
        assert table.schema.equals(query.schema, check_metadata=True)
        assert [f.metadata[b"meaning"].decode() for f in table.schema] == [c.meaning for c in query.columns]
        for column in query.columns:
            assert column.nullable or table[column.name].null_count == 0, (name, column.name)


def test_an_answer_without_rows_has_the_schema_too(store: Store) -> None:
    table = catalogue["features-by-attributes"].run(store, volume_min="1e9")
    assert table.num_rows == 0
    assert table.schema.equals(catalogue["features-by-attributes"].schema)


def test_an_empty_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_store(tmp_path_factory.mktemp("queries") / "x.store", create=True) as opened:
        assert catalogue["counts-and-volume-fraction"].run(opened).num_rows == 0
        assert catalogue["fracture-growth-vs-density"].run(opened).num_rows == 0
        with pytest.raises(QueryError, match="the store holds no scan"):
            catalogue["largest-features"].run(opened, t=0)
        with pytest.raises(QueryError, match="the store holds no scan"):
            catalogue["track-growth"].run(opened, sample="S1")
