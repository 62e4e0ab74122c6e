"""Text stays text, whatever it holds."""

from __future__ import annotations

import json
import math

import plotly.graph_objects as go
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.page import parse
from xctgraph.analysis import html

NASTY = st.text(alphabet=st.sampled_from("<>&\"'/!-x= \n]") | st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")))


@settings(deadline=None, max_examples=50)
@given(text=NASTY)
def test_text_survives(text: str) -> None:
    page = parse(html.paragraph(text) + html.details(text, html.code(text, text)) + html.definitions({text: text}))
    assert page.all("p")[0].text == text
    assert page.all("summary")[0].text == text
    assert page.all("code")[0].text == text.strip()
    assert page.all("pre")[0].attributes["aria-label"] == text
    assert (page.all("dt")[0].text, page.all("dd")[0].text) == (text, text)


@settings(deadline=None, max_examples=50)
@given(text=NASTY)
def test_tables_and_figures_survive(text: str) -> None:
    table = pa.table({"name": [text, None], "gap": [1.5, None], "count": [1234567, 2]})
    page = parse(html.table(table, text, {"gap": "um"}))
    assert [h.text for h in page.all("th", scope="col")] == ["name", "gap / µm", "count"]
    assert [c.text for c in page.all("td")] == [text, "1.5", "1,234,567", "–", "–", "2"]
    assert page.all("caption")[0].text == text
    plot = go.Figure(go.Scatter(x=[1], y=[2], name=text)).update_layout(height=123)
    page = parse(html.figure(plot, text, text, "f"))
    assert page.all("div", id="f")[0].attributes["aria-label"] == text
    assert page.all("figcaption")[0].text == text
    data = json.loads(page.all("script", type="application/json")[0].text)
    assert data["data"][0]["name"] == text


def test_long_table_says_what_is_cut() -> None:
    page = parse(html.table(pa.table({"track_id": list(range(10**9, 10**9 + 100))}), "Tracks."))
    assert len(page.all("td")) == html.SHOWN
    assert page.all("td")[0].text == "1000000000"
    assert page.all("caption")[0].text == f"Tracks. First {html.SHOWN} of 100 rows."


def test_empty_table() -> None:
    page = parse(html.table(pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}), "None."))
    assert [(c.text, c.attributes["colspan"]) for c in page.all("td")] == [("no rows", "2")]


NUMBERS = {
    "0": 0,
    "1,234,567": 1234567,
    "12.35": 12.3456,
    "1,235": 1234.6,
    "0.0001234": 0.0001234,
    "1.234e-05": 0.00001234,
    "-2.500e+09": -2.5e9,
    "–": math.nan,
}


@pytest.mark.parametrize("shown", NUMBERS, ids=str)
def test_numbers(shown: str) -> None:
    assert html.number(NUMBERS[shown]) == shown
