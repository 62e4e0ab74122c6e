"""The page in a real browser: every view, and what people do in it. The distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.web.conftest import serving
from tests.web.looked_at import drawn, keep
from xctgraph.store import open_store


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
