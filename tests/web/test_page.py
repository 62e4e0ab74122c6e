"""The page in a real browser: every view, and what people do in it. The distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests import factories
from tests.conftest import skip_unless_required
from tests.web.conftest import Served, serving
from xctgraph.explorer.limits import Limits
from xctgraph.queries import catalogue
from xctgraph.store import open_store

# WebGL by the processor: where there is no graphics card.
ARGUMENTS = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader"]
SCREENSHOTS = os.environ.get("XCTGRAPH_SCREENSHOTS")
# Machines that are busy with other things are slow, not wrong.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        skip_unless_required("REQUIRE_BROWSER", "there is no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def explorer(served: Served) -> Iterator[Served]:
    with serving(served.store, limits=Limits(seconds=20, rows=100)) as found:
        yield found


@pytest.fixture
def page(browser: Browser, explorer: Served) -> Iterator[Page]:
    """An empty page; fails where the console, the policy or the network complained."""
    context = browser.new_context(viewport={"width": 1400, "height": 860}, base_url=explorer.url)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A refused query is answered 400, which the browser reports itself.
        if message.type == "error" and "status of 400" not in message.text:
            complaints.append(message.text)

    opened.on("console", heard)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    # A request that a new page makes needless is no failure.
    opened.on(
        "requestfailed",
        lambda sent: None if sent.failure == "net::ERR_ABORTED" else complaints.append(f"{sent.url}: {sent.failure}"),
    )
    opened.on(
        "request",
        lambda request: None if request.url.startswith((explorer.url, "blob:", "data:")) else complaints.append(request.url),
    )
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def features(served: Served) -> pd.DataFrame:
    with open_store(served.store) as store:
        return store.read("features").to_pandas()


@pytest.fixture(scope="module")
def near(served: Served) -> pd.DataFrame:
    with open_store(served.store) as store:
        return store.read("near").to_pandas()


def keep(page: Page, name: str) -> None:
    """A screenshot, where XCTGRAPH_SCREENSHOTS names a folder."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def drawn(page: Page, t: int) -> None:
    expect(page.locator(f"#picture[data-t='{t}']")).to_be_visible()


def test_scene(page: Page, features: pd.DataFrame) -> None:
    page.goto("/")
    drawn(page, 0)
    first = features[features.t == 0]
    expect(page.locator(".status")).to_contain_text(f"{len(first)} of {len(first)} features drawn")
    kinds = dict(line.split("\n") for line in page.locator("aside label:has(input[type=checkbox])").all_inner_texts())
    assert {kind: int(n) for kind, n in kinds.items()} == first.groupby("kind").size().to_dict()
    keep(page, "scene")

    page.get_by_role("button", name="Add a filter").click()
    # Between two sizes, so that single precision does not matter.
    steps = np.sort(first.equivalent_diameter.unique())
    middle = len(steps) // 2
    limit = float(steps[middle - 1] + steps[middle]) / 2
    page.get_by_label("equivalent diameter, at least").fill(f"{limit:.6f}")
    passing = (first.equivalent_diameter > limit).sum()
    expect(page.locator(".status")).to_contain_text(f"{passing} pass the filters")
    assert f"filter=equivalent_diameter%3A{float(f'{limit:.6f}')}%3A" in page.url
    page.get_by_title("Remove this filter").click()
    expect(page.locator(".status")).not_to_contain_text("pass the filters")

    page.get_by_label("Colour by").select_option("local_density")
    expect(page.locator(".scale")).to_be_visible()
    assert "colour=local_density" in page.url


def test_pick_by_a_click_and_follow_through_time(page: Page, features: pd.DataFrame) -> None:
    page.goto("/#/scene?t=1")
    drawn(page, 1)
    # The largest of those that live on, alone on the screen, so that nothing covers it.
    here = features[(features.t == 1) & (features.kind == "inclusion")]
    later = features[(features.t == 2) & features.track_id.isin(here.track_id)]
    target = here[here.track_id.isin(later.track_id)].sort_values("equivalent_diameter").iloc[-1]
    page.goto(f"/#/scene?t=1&hidden=pore,fracture&filter=equivalent_diameter:{target.equivalent_diameter - 0.001}:")
    page.reload()
    drawn(page, 1)
    expect(page.locator("#picture canvas").first).to_be_visible()
    page.wait_for_timeout(500)
    left, top = _on_screen(page, target)
    page.mouse.move(left - 3, top)
    page.mouse.move(left, top, steps=4)
    expect(page.locator(".hover")).to_contain_text(target.uid)
    page.mouse.click(left, top)
    expect(page.locator("#picked")).to_have_text(target.uid)
    keep(page, "picked")
    page.keyboard.press("ArrowRight")
    drawn(page, 2)
    expect(page.locator("#picked")).to_have_text(later[later.track_id == target.track_id].uid.iloc[0])
    page.keyboard.press("f")
    expect(page.locator("main h1")).to_have_text(later[later.track_id == target.track_id].uid.iloc[0])


def _on_screen(page: Page, feature: pd.Series) -> tuple[float, float]:
    """Where plotly.js draws a point, from its matrices."""
    return page.evaluate(
        """([x, y, z]) => {
            const figure = document.getElementById('picture');
            const scene = figure._fullLayout.scene._scene;
            const {model, view, projection} = scene.glplot.cameraParams;
            const times = (m, v) => [0, 1, 2, 3].map((i) => [0, 1, 2, 3].reduce((sum, j) => sum + m[4 * j + i] * v[j], 0));
            const at = [x * scene.dataScale[0], y * scene.dataScale[1], z * scene.dataScale[2], 1];
            const [px, py, , w] = times(projection, times(view, times(model, at)));
            const box = figure.getBoundingClientRect();
            return [box.left + (1 + px / w) / 2 * box.width, box.top + (1 - py / w) / 2 * box.height];
        }""",
        [float(feature.x), float(feature.y), float(feature.z)],
    )


def test_time_plays(page: Page) -> None:
    page.goto("/#/scene?t=0")
    drawn(page, 0)
    page.get_by_title("Play (space)").click()
    for t in (1, 2, 0):
        drawn(page, t)
    page.get_by_title("Play (space)").click()
    expect(page.get_by_title("Play (space)")).to_have_attribute("aria-pressed", "false")


def test_box_selection(page: Page, features: pd.DataFrame) -> None:
    page.goto("/#/scene?t=0")
    drawn(page, 0)
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Box select").click()
    box = page.locator("#picture").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=3)
    page.mouse.up()
    expect(page.locator("aside")).to_contain_text("features selected")
    text = page.locator("aside p:has-text('selected')").inner_text()
    n = int(text.split()[0])
    first = features[features.t == 0]
    assert n == len(first)
    page.get_by_role("button", name="Only these").click()
    expect(page.locator(".status")).to_contain_text("pass the filters")
    keep(page, "selected")
    page.get_by_role("link", name="Console", exact=True).last.click()
    page.locator("#run").click()
    expect(page.get_by_label("Answer")).to_be_visible()


def test_feature(page: Page, features: pd.DataFrame) -> None:
    row = features[(features.kind == "inclusion") & (features.t == 1)].sort_values("volume").iloc[-1]
    page.goto(f"/#/feature?uid={row.uid}")
    expect(page.locator("main h1")).to_have_text(row.uid)
    volume = page.locator("tr", has=page.get_by_role("rowheader", name="volume", exact=True))
    assert float(volume.locator("td").nth(0).inner_text().replace(",", "")) == pytest.approx(row.volume, rel=1e-3)
    expect(volume.locator("td").nth(1)).to_have_text("µm³")
    expect(page.locator("#crops canvas")).to_have_count(3)
    expect(page.locator(".chart .scatterlayer .point")).to_have_count(int((features.track_id == row.track_id).sum()))
    lit = page.evaluate(
        "() => { const c = document.querySelector('#crops canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        "for (let i = 0; i < d.length; i += 4) n += d[i] === 255 && d[i + 1] === 196 && d[i + 2] === 0; return n; }"
    )
    assert lit > 3
    expect(page.locator("pre").filter(has_text=str(row.feature_id))).to_be_visible()
    keep(page, "feature")
    page.goto("/#/feature?uid=nobody")
    expect(page.get_by_role("alert").first).to_contain_text("not of the form sample/t/label")


def test_question_answered_and_downloaded(page: Page, features: pd.DataFrame) -> None:
    page.goto("/#/questions?name=largest-features")
    page.get_by_label("t *").select_option("1")
    page.get_by_label("limit").fill("5")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#rows")).to_contain_text("5 rows")
    largest = features[features.t == 1].sort_values(["volume", "feature_id"], ascending=[False, True]).uid[:5].tolist()
    uids = page.locator("td a").filter(has_text=re.compile("/1/")).all_inner_texts()
    assert uids == largest
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").click()
    assert started.value.suggested_filename == "largest-features.csv"
    assert pd.read_csv(started.value.path()).uid.tolist() == largest
    page.locator("summary", has_text="Show Cypher").click()
    expect(page.locator("details pre")).to_contain_text("MATCH")
    page.locator("#highlight").click()
    drawn(page, 1)
    expect(page.locator(".status")).to_contain_text("5 of 5 highlighted features in this scan")
    page.goto("/#/questions?name=counts-and-volume-fraction")
    expect(page.locator(".chart .scatterlayer .trace")).to_have_count(features.kind.nunique())
    keep(page, "question")


def test_console(page: Page, features: pd.DataFrame) -> None:
    page.goto("/#/console")
    statement = page.locator("#statement")
    statement.fill("MATCH (f:Feature) SET f.volume = 0")
    statement.press("Control+Enter")
    expect(page.locator("#refused")).to_contain_text("read-only")
    page.get_by_label("Language").select_option("sql")
    statement.fill("COPY features TO '/tmp/stolen.csv'")
    page.locator("#run").click()
    expect(page.locator("#refused")).to_contain_text("SQL is read-only")
    statement.fill("SELECT feature_id, kind, volume FROM features ORDER BY feature_id")
    page.locator("#run").click()
    total, cut = f"{len(features):,}", f"{len(features) - 100:,}"
    expect(page.locator("#cut")).to_have_text(
        f"The first 100 of {total} rows are here; {cut} are cut. A download holds all of them."
    )
    keep(page, "console")
    page.reload()
    expect(page.locator("#statement")).to_have_value("SELECT feature_id, kind, volume FROM features ORDER BY feature_id")
    expect(page.locator(".history li")).to_have_count(3)
    page.get_by_label("Statement").fill("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7")
    page.locator("#run").click()
    page.locator("#cancel").click()
    expect(page.locator("#refused")).to_contain_text("cancelled")


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


def test_studies_keys_and_themes(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/#/studies")
    expect(page.locator("main h1")).to_have_text("Studies")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    keep(page, "dark")
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    for number, view in enumerate(("Scene", "Feature", "Questions", "Console", "Studies"), 1):
        page.keyboard.press(str(number))
        expect(page.locator("nav a[aria-current=page]")).to_have_text(view)
        page.locator("nav").click(position={"x": 1, "y": 1})
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("1")
    drawn(page, 0)
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_timeout(500)
    keep(page, "dark-scene")


def test_page_follows_an_ingest(browser: Browser, tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2, n_features=30)
    made["scans"]["has_voxels"] = False
    path = tmp_path / "x.store"
    with open_store(path, create=True) as store, serving(path) as grows:
        other = browser.new_page(base_url=grows.url)
        other.goto("/")
        expect(other.locator("main h1")).to_have_text("Nothing here yet")
        for last in (0, 1):
            factories.fill(store, made, list(range(last + 1)))
            expect(other.locator(".time output")).to_contain_text(f"of {last + 1})", timeout=30_000)
        other.keyboard.press("ArrowRight")
        drawn(other, 1)
        other.goto(f"/#/feature?uid={made['features'].uid[0]}")
        expect(other.locator("#no-voxels")).to_contain_text("has no voxels")
        other.close()
