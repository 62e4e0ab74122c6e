"""The catalogue: one entry per file, complete descriptions, errors that name the nearest."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from xctgraph.queries import Query, catalogue, dialect
from xctgraph.queries.chart import Chart
from xctgraph.queries.collection import Catalogue
from xctgraph.queries.tokens import split, tokens
from xctgraph.store.errors import QueryError


def test_every_file_has_an_entry_and_every_entry_a_file() -> None:
    names = [entry.name for entry in (files("xctgraph.queries") / "library").iterdir()]
    assert sorted(names) == sorted(f"{name}.cypher" for name in catalogue)
    assert len(catalogue) >= 30


def test_the_contract_of_the_design() -> None:
    (radius,) = (p for p in catalogue["fracture-growth-vs-density"].parameters if p.name == "radius_um")
    assert (radius.default, radius.unit, radius.kind) == (25.0, "um", "length")


@pytest.mark.parametrize("query", catalogue.values(), ids=list(catalogue))
class TestEachQuery:
    def test_text_is_portable(self, query: Query) -> None:
        assert dialect.check(query.text) == []

    def test_parameters_are_those_of_the_text(self, query: Query) -> None:
        used = {t.text[1:] for t in tokens(query.text) if t.kind == "parameter"}
        assert used == {p.name for p in query.parameters}
        assert len(used) == len(query.parameters)

    def test_columns_are_those_of_the_return(self, query: Query) -> None:
        returned = query.text[query.text.rindex("RETURN") : query.text.rindex("ORDER BY")]
        names = [item[-1].text for item in split(tokens(returned.removeprefix("RETURN")))]
        assert names == [c.name for c in query.columns]

    def test_everything_is_described(self, query: Query) -> None:
        assert "?" in query.question
        for parameter in query.parameters:
            assert parameter.meaning
            assert parameter.valid
            assert not parameter.required or parameter.minimum is not None or parameter.kind == "feature"
            if parameter.kind == "length":
                assert parameter.unit == "um"
        for column in query.columns:
            assert column.meaning
            assert column.type != "float64" or column.unit or column.name.startswith("intensity"), column.name
        page = query.describe()
        assert all(f"`{p.name}`" in page for p in query.parameters)
        assert query.text.rstrip() in page
        assert query.source in page
        assert f"Chart: {query.chart.kind}, x `{query.chart.x}`, y `{query.chart.y}`" in page

    def test_rows_have_a_total_order(self, query: Query) -> None:
        """The last column of the order is the last of the key of the rows, which SQL in the conformance suite sorts by too."""
        keys = {
            "feature_id",
            "track_id",
            "scan_id",
            "fracture_id",
            "cluster_id",
            "next_id",
            "part_id",
            "region_id",
            "kind",
            "other_kind",
            "dt",
        }
        assert query.order[-1] in keys | {"cos_min", "density_min", "n_neighbours"}
        assert query.text.rstrip().splitlines()[-1].startswith(("ORDER BY", "LIMIT"))
        assert (
            query.text.rstrip().splitlines()[-1 if "LIMIT" not in query.text.splitlines()[-1] else -2].endswith(query.order[-1])
        )

    def test_lookup_gives_the_same_query(self, query: Query) -> None:
        assert catalogue[query.name] is query is catalogue.find(query.name)


def test_a_chart_of_a_column_that_is_not_there() -> None:
    query = catalogue["largest-features"]
    with pytest.raises(QueryError, match=r"chart of query 'largest-features' draws 'volum', .*did you mean 'volume'"):
        replace(query, chart=Chart("bar", "uid", "volum"))


def test_unknown_names_are_errors_that_name_the_nearest() -> None:
    with pytest.raises(QueryError, match="no query 'largest-feature'; did you mean 'largest-features'") as caught:
        catalogue.find("largest-feature")
    assert not str(caught.value).startswith(("'", '"'))
    assert "nothing" not in catalogue
    assert catalogue.get("nothing") is None


def test_overview_lists_every_query() -> None:
    table = catalogue.overview()
    assert table["name"].to_pylist() == list(catalogue)
    rows = {row["name"]: row for row in table.to_pylist()}
    assert rows["largest-features"]["parameters"] == "t*, sample, kind, limit"
    assert rows["fracture-growth-vs-density"]["question"] == "Do fractures extend toward regions of higher defect density?"


def test_a_catalogue_is_a_mapping() -> None:
    some = Catalogue(list(catalogue.values())[:3])
    assert list(some) == list(catalogue)[:3]
    assert len(some) == 3
