"""Answers in a real browser: as a graph, highlighted in the scene, as charts; text stays text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import factories
from tests.web.conftest import Served, serving
from tests.web.looked_at import drawn, keep
from xctgraph.queries import catalogue
from xctgraph.store import open_store


def test_answer_as_a_graph(page: Page, features: pd.DataFrame, near: pd.DataFrame) -> None:
    edges = near[near.source.isin(features[features.t == 1].feature_id)].sort_values("gap")
    # About thirty, and none whose gap is that of one left out.
    limit = edges.gap.iloc[min(30, len(edges) - 1)]
    edges = edges[edges.gap < limit]
    page.goto("/#/console")
    statement = page.get_by_label("Statement")
    statement.fill(
        f"MATCH (f:Feature {{t: 1}})-[e:NEAR]-(g:Feature) WHERE e.gap < {float(limit)!r}\n"
        "RETURN f.feature_id AS a, g.feature_id AS b, e.gap AS gap"
    )
    statement.press("Control+Enter")
    page.locator("#as-graph").click()
    # Each edge is found from both of its ends.
    assert len(edges)
    about = features.set_index("feature_id")
    ends = edges.source.tolist() + edges.target.tolist()
    uids = {about.uid[i] for i in ends}
    expect(page.locator("#drawn")).to_have_text(
        f"{len(uids)} of {len(uids)} features and {len(edges)} of {len(edges)} links drawn"
    )
    nodes = page.locator("#graph .node")
    assert {href.removeprefix("#/feature?uid=").replace("%2F", "/") for href in attributes(nodes, "href")} == uids
    told = page.locator("#graph .link title").all_text_contents()
    assert {frozenset(text.split("\n")[0].split(" – ")) for text in told} == {
        frozenset((about.uid[a], about.uid[b])) for a, b in zip(edges.source, edges.target, strict=True)
    }
    assert all(re.search(r"\ngap(?: / µm)?: [\d.e-]+$", text) for text in told)
    kinds = {about.kind[i] for i in ends}
    assert len(set(attributes(nodes.locator("circle"), "fill"))) == len(kinds)
    assert page.evaluate(_OVERLAPS) == 0
    keep(page, "graph")
    assert "as=graph" in page.url

    # By keyboard: from the node that Tab reaches to another, to its page, and back by the address.
    first = page.locator("#graph .node[tabindex='0']")
    name = first.get_attribute("aria-label")
    first.focus()
    expect(page.locator("#node")).to_have_text(str(name))
    lit = page.locator("#graph .node:focus")
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
        if lit.get_attribute("aria-label") != name:
            break
    assert lit.get_attribute("aria-label") != name
    links = int(re.search(r"(\d+) links?$", str(lit.get_attribute("aria-label")))[1])
    expect(page.locator("#graph .link.lit")).to_have_count(links)
    target = str(lit.get_attribute("aria-label")).split(" · ")[0]
    page.keyboard.press("+")
    assert page.locator("#graph").get_attribute("viewBox") != "0 0 900 560"
    page.keyboard.press("0")
    assert page.locator("#graph").get_attribute("viewBox") == "0 0 900 560"
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text(target)
    page.go_back()
    page.locator("#run").click()
    expect(nodes).to_have_count(len(uids))
    page.locator("main h2").first.click()
    page.keyboard.press("g")
    expect(page.get_by_label("Answer", exact=True)).to_be_visible()
    assert "as=graph" not in page.url


def attributes(found: Locator, name: str) -> list[str]:
    return [str(one.get_attribute(name)) for one in found.all()]


# Pairs of nodes that lie upon each other.
_OVERLAPS = """() => {
    const at = [...document.querySelectorAll('#graph circle')].map((c) => [c.cx.baseVal.value, c.cy.baseVal.value]);
    return at.flatMap((a, i) => at.slice(0, i).filter((b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 4)).length;
}"""


def test_graph_of_lists_and_of_one_column(page: Page, features: pd.DataFrame, near: pd.DataFrame, served: Served) -> None:
    centre = int(near.source.mode()[0])
    around = {*near[near.source == centre].target, *near[near.target == centre].source}
    about = features.set_index("feature_id")
    page.goto("/#/console?as=graph")
    statement = page.get_by_label("Statement")
    statement.fill(
        f"MATCH (a:Feature {{feature_id: {centre}}})-[:NEAR]-(b:Feature)\n"
        "RETURN a.uid AS a, collect(b.feature_id) AS b, count(*) AS n"
    )
    statement.press("Control+Enter")
    n = len(around)
    expect(page.locator("#drawn")).to_have_text(f"{n + 1} of {n + 1} features and {n} of {n} links drawn")
    for title in page.locator("#graph .link title").all_text_contents():
        assert title.split("\n")[0].startswith(f"{about.uid[centre]} – ")
        assert title.endswith(f"\nn: {n}")

    # Features alone are linked by what the store holds.
    page.get_by_label("Language").select_option("sql")
    statement.fill(
        "SELECT feature_id, kind FROM features WHERE t < 2 AND kind <> 'pore' ORDER BY volume DESC, feature_id LIMIT 80"
    )
    statement.press("Control+Enter")
    solid = features[(features.t < 2) & (features.kind != "pore")]
    chosen = set(solid.sort_values(["volume", "feature_id"], ascending=[False, True]).feature_id[:80])
    with open_store(served.store) as store:
        tables = [store.read(name).to_pandas() for name in ("near", "touches", "next")]
    among = [int((rows.source.isin(chosen) & rows.target.isin(chosen)).sum()) for rows in tables]
    expect(page.locator("#drawn")).to_contain_text(
        f"{len(chosen)} of {len(chosen)} features and {sum(among)} of {sum(among)} links drawn; "
        "links are the NEAR, TOUCHES and NEXT"
    )
    for name, count in zip(("near", "touches", "next"), among, strict=True):
        expect(page.locator(f"#graph .link.{name}")).to_have_count(count)
    keep(page, "graph-of-store")

    # Whole nodes and relationships.
    page.get_by_label("Language").select_option("cypher")
    statement.fill(f"MATCH (a:Feature)-[e:NEAR]-(b:Feature) WHERE a.feature_id = {centre} RETURN a, e, b")
    statement.press("Control+Enter")
    expect(page.locator("#asked")).to_contain_text("e.gap AS `e_gap`")
    expect(page.locator("#drawn")).to_have_text(f"{n + 1} of {n + 1} features and {n} of {n} links drawn")
    page.get_by_label("Language").select_option("sql")

    # Counts are no features.
    statement.fill("SELECT t, count(*) AS n FROM features GROUP BY t ORDER BY t")
    statement.press("Control+Enter")
    expect(page.get_by_label("Answer", exact=True)).to_be_visible()
    expect(page.locator("#as-graph")).to_have_count(0)


def test_graph_says_what_it_leaves_out(browser: Browser, tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=300)
    made["scans"]["has_voxels"] = False
    path = tmp_path / "x.store"
    with open_store(path, create=True) as store:
        factories.fill(store, made, [0, 1])
    n = len(made["features"])
    assert n > 400
    with serving(path) as large:
        page = browser.new_page(base_url=large.url)
        page.goto("/#/console?as=graph&language=sql&text=SELECT list(feature_id) AS f FROM features")
        page.locator("#run").click()
        expect(page.locator("#drawn")).to_contain_text(f"400 of {n} features and")
        expect(page.locator("#graph .node")).to_have_count(400)
        page.locator("#highlight").click()
        drawn(page, 0)
        scans = made["features"].groupby("t").size()
        expect(page.locator(".status")).to_contain_text(f"{scans[0]} of {n} highlighted features in this scan, others in scan 1")
        page.close()


def test_highlight_is_an_address(page: Page, features: pd.DataFrame) -> None:
    ids = features[features.kind == "inclusion"].sort_values("volume", ascending=False)
    chosen = pd.concat([ids[ids.t == 2][:3], ids[ids.t == 0][:4]])
    wanted = ", ".join(f"'{uid}'" for uid in chosen.uid)
    page.goto("/#/console")
    page.get_by_label("Language").select_option("sql")
    page.get_by_label("Statement").fill(
        f"SELECT uid AS largest_uid, volume FROM features WHERE uid IN ({wanted}) ORDER BY t DESC, volume DESC"
    )
    page.locator("#run").click()
    expect(page.locator("#highlight")).to_have_text("Highlight 7 features in the scene")
    page.locator("main h2").first.click()
    page.keyboard.press("h")
    drawn(page, 2)
    expect(page.locator(".status")).to_contain_text("3 of 7 highlighted features in this scan, others in scan 0")
    rings = "() => document.getElementById('picture').data.filter((t) => t.marker?.symbol === 'circle-open').map((t) => [...t.x])"
    assert sorted(page.evaluate(rings)[0]) == pytest.approx(sorted(ids[ids.t == 2][:3].x), rel=1e-6)
    keep(page, "highlighted")
    # The address alone tells it, on a new page and after a step in time.
    page.goto(page.url.replace("#", "?again#"))
    drawn(page, 2)
    expect(page.locator(".status")).to_contain_text("3 of 7 highlighted features")
    page.keyboard.press("ArrowRight")
    drawn(page, 0)
    expect(page.locator(".status")).to_contain_text("4 of 7 highlighted features in this scan, others in scan 2")
    page.keyboard.press("Escape")
    expect(page.locator(".status")).not_to_contain_text("highlighted")
    assert "marks" not in page.url


def test_charts_are_those_of_the_catalogue(page: Page, features: pd.DataFrame) -> None:
    given = {"largest-features": "&t=1&limit=9", "size-distribution": "", "counts-and-volume-fraction": ""}
    for name, parameters in given.items():
        chart = catalogue[name].chart
        page.goto(f"/#/questions?name={name}{parameters}")
        expect(page.get_by_label("Kind of chart")).to_have_value(chart.kind)
        expect(page.get_by_label("Along x")).to_have_value(chart.x)
        expect(page.get_by_label("Along y")).to_have_value(chart.y)
        expect(page.get_by_label("Colour of the chart")).to_have_value(chart.colour)
    largest = features[features.t == 1].sort_values(["volume", "feature_id"], ascending=[False, True])[:9]
    page.goto("/#/questions?name=largest-features&t=1&limit=9")
    expect(page.locator(".chart .scatterlayer .point")).to_have_count(9)
    drawn_values = "() => document.querySelector('.chart').data.flatMap((t) => [...t.x].map((x, i) => [x, t.y[i]])).sort()"
    found = page.evaluate(drawn_values)
    np.testing.assert_allclose(
        sorted(map(tuple, found)), sorted(zip(largest.equivalent_diameter, largest.sphericity, strict=True)), rtol=1e-9
    )
    # Another column, and bars.
    page.get_by_label("Along y").select_option("volume")
    page.get_by_label("Kind of chart").select_option("bar")
    expect(page.locator(".chart .barlayer .point")).to_have_count(9)
    assert sorted(y for _, y in page.evaluate(drawn_values)) == pytest.approx(sorted(largest.volume))
    keep(page, "chart")


def test_text_is_no_markup(page: Page) -> None:
    evil = "<img src=x onerror=document.title=7><a href=''https://example.com''>x</a>"
    page.goto("/#/console?language=sql")
    page.get_by_label("Statement").fill(
        f"""SELECT '{evil}' || range AS "x<b>b</b>", range AS "y<a href='https://example.com'>a</a>", """
        f"'{evil}' || range % 2 AS colour, "
        "'SYNTH/0/1' AS a, 'SYNTH/0/' || (2 + range) AS b FROM range(9)"
    )
    page.locator("#run").click()
    page.locator(".charted summary").click()
    for kind in ("bar", "scatter"):
        page.get_by_label("Kind of chart").select_option(kind)
        page.get_by_label("Colour of the chart").select_option("colour")
        page.get_by_label("Along y").select_option(index=0)
        expect(page.locator(".chart .legendtext")).to_have_count(2)
        page.wait_for_timeout(300)
        assert page.locator("main img, .chart a, .chart b, .chart tspan[style*='bold']").count() == 0
    page.locator("#as-graph").click()
    expect(page.locator("#graph .link")).to_have_count(9)
    assert page.locator("main img, #graph b").count() == 0
    assert evil.replace("''", "'") in page.locator("#graph .link title").first.text_content()
