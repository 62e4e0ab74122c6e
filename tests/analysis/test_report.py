"""The report says what the store holds, in words, and asks the network for nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tests import factories
from tests.analysis.page import Element, parse
from tests.cli.command import run
from tests.conftest import skip_unless_required
from xctgraph.analysis import answers, report
from xctgraph.analysis.report import small
from xctgraph.queries import catalogue
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

KINDS = ("inclusion", "pore", "fracture", "odd <kind>")
PROBE = """<script>
const seen = { violations: [], errors: [] };
addEventListener("securitypolicyviolation", (e) => seen.violations.push(e.blockedURI + " " + e.violatedDirective));
addEventListener("error", (e) => seen.errors.push(e.message));
setTimeout(() => {
  seen.resources = performance.getEntriesByType("resource").map((r) => r.name);
  document.documentElement.dataset.seen = JSON.stringify(seen);
}, 6000);
</script>"""


@pytest.fixture
def filled(tmp_path: Path, rng: np.random.Generator) -> tuple[Store, factories.Graph]:
    store = open_store(tmp_path / "xct.store", create=True)
    made = factories.graph(rng, sample="S&1", n_scans=3, n_features=40, kinds=KINDS)
    factories.fill(store, made, project=True)
    return store, made


@pytest.fixture
def page(filled: tuple[Store, factories.Graph], tmp_path: Path) -> Path:
    return report.write(filled[0], tmp_path / "out" / "report.html")


def sections(page: Path) -> dict[str, Element]:
    return {s.all("h2")[0].text: s for s in parse(page.read_text(encoding="utf-8")).all("section")}


def test_five_questions_with_answer_table_and_query(page: Path) -> None:
    found = sections(page)
    assert list(found)[5:] == [
        "What does the sample hold, and how does it change?", "What are small objects worth?", "Stored studies",
        "How far to trust this", "Methods", "What to try next",
    ]  # fmt: skip
    for question, name in zip(list(found)[:5], QUERIES, strict=True):
        section = found[question]
        assert question.endswith("?")
        assert section.all("p", class_="answer")[0].text.endswith(".")
        assert section.all("th", scope="col")
        assert section.all("figure")
        assert section.all("details")[0].all("code")[0].text == catalogue[name].text.strip()
        assert "sample = 'S&1'" in section.all("details")[0].all("p")[0].text


QUERIES = (
    "counts-and-volume-fraction",
    "fastest-growing-tracks",
    "births-deaths-splits-merges",
    "near-fracture-then-reached",
    "fracture-growth-vs-density",
)


def test_sentences_say_what_pandas_says(filled: tuple[Store, factories.Graph]) -> None:
    store, made = filled
    said = {a.query: a.sentence for a in answers.headline(report.context(store))}
    features, links = made["features"], made["next"]
    for t in (0, 2):
        for kind, n in features[features.t == t].groupby("kind").size().items():
            assert re.search(rf"[Ss]can {t} holds [^;]*\b{n} {re.escape(kind)}s?(?!\w)", said[QUERIES[0]])
    tracks = (
        features.sort_values("t")
        .groupby("track_id")
        .agg(
            t0=("t", "first"),
            t1=("t", "last"),
            v0=("volume", "first"),
            v1=("volume", "last"),
            kind=("kind", "first"),
            uid=("uid", "first"),
        )
    )
    tracks = tracks[tracks.t1 > tracks.t0]
    fastest = tracks.assign(rate=(tracks.v1 - tracks.v0) / (tracks.t1 - tracks.t0)).sort_values("rate").iloc[-1]
    assert f"Fastest is the {fastest.kind} {fastest.uid}, from " in said[QUERIES[1]]
    later, earlier = features[features.t > 0], features[features.t < 2]
    births, deaths = (~later.feature_id.isin(links.target)).sum(), (~earlier.feature_id.isin(links.source)).sum()
    assert f"{births} feature" in said[QUERIES[2]]
    assert f"{deaths} disappeared" in said[QUERIES[2]]


def test_tables_are_the_answers_of_the_catalogue(filled: tuple[Store, factories.Graph]) -> None:
    store, _ = filled
    for answer in answers.headline(report.context(store)):
        again = catalogue[answer.query].run(store, **answer.parameters)
        assert answer.table.equals(again.select(answer.table.column_names))
        assert set(answer.units) == set(answer.table.column_names)


def test_one_file_that_needs_no_other(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tree = parse(text)
    assert [p.name for p in page.parent.iterdir()] == ["report.html"]
    assert not tree.all("link")
    assert all(image.attributes["src"].startswith("data:") and image.attributes["alt"] for image in tree.all("img"))
    assert all("src" not in script.attributes for script in tree.all("script"))
    assert text.count("plotly.js v") == 1
    policy = next(m for m in tree.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none';")
    assert "http" not in policy.attributes["content"]


def test_provenance_and_limits(filled: tuple[Store, factories.Graph], page: Path) -> None:
    store, _ = filled
    header = parse(page.read_text(encoding="utf-8")).all("header")[0]
    about = dict(zip([e.text for e in header.all("dt")], [e.text for e in header.all("dd")], strict=True))
    parts = [str(store.path / p.path) for p in store.manifest().select("features")]
    n = duckdb.execute(f"SELECT count(*) FROM read_parquet({parts!r})").fetchall()[0][0]
    assert about["Features in all scans"] == str(n)
    assert about["Scans"] == "3 (t = 0 to 2)"
    assert about["Voxel size (z, y, x)"] == "2, 1.63, 1.63 µm"
    assert about["Revision of the store"] == str(store.manifest().revision)
    assert header.all("h1")[0].text == "Sample S&1"
    found = sections(page)
    assert '"scans": null' in found["Methods"].all("code")[0].text
    assert "This report was written by xctgraph" in found["Methods"].text
    assert "null model" in found["How far to trust this"].text
    assert "xctgraph export pyg --store" in found["What to try next"].all("code")[0].text


def test_figures_have_words(page: Path) -> None:
    tree = parse(page.read_text(encoding="utf-8"))
    plots = [div for div in tree.all("div") if div.attributes.get("class") == "plot"]
    assert len(plots) == len(tree.all("script", type="application/json")) >= 6
    for plot in plots:
        assert len(plot.attributes["aria-label"]) > 20
    for caption in tree.all("figcaption"):
        assert caption.text.endswith(".")
    ids = [e.attributes["id"] for tag in ("div", "h2") for e in tree.all(tag) if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_checks_get_a_section(filled: tuple[Store, factories.Graph], tmp_path: Path) -> None:
    checks = pa.table({"what": ["links"], "f1": [0.987654]})
    page = report.write(filled[0], tmp_path / "r.html", answers=[], checks=checks, checked="Links reach <0.99>.")
    section = sections(page)["How close is this to the truth?"]
    assert section.all("p", class_="answer")[0].text == "Links reach <0.99>."
    assert [c.text for c in section.all("td")] == ["links", "0.9877"]


def test_sample_must_be_clear(filled: tuple[Store, factories.Graph], tmp_path: Path, rng: np.random.Generator) -> None:
    store, _ = filled
    with pytest.raises(InputError, match="no sample 'S1': did you mean 'S&1'"):
        report.write(store, tmp_path / "r.html", sample="S1")
    factories.fill(store, factories.graph(rng, sample="S2", sample_no=1, n_scans=1))
    with pytest.raises(InputError, match="holds samples S&1, S2: name one"):
        report.write(store, tmp_path / "r.html")
    with pytest.raises(InputError, match="no sample: run `xctgraph ingest`"):
        report.write(open_store(tmp_path / "new.store", create=True), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_one_scan_without_fracture(tmp_path: Path, rng: np.random.Generator) -> None:
    store = open_store(tmp_path / "xct.store", create=True)
    factories.fill(store, factories.graph(rng, n_scans=1, n_features=8, kinds=("inclusion",)), project=True)
    said = [a.sentence for a in answers.headline(report.context(store))]
    assert re.fullmatch(r"Scan 0 holds \d+ inclusions \([\d.e+]+ %\)\.", said[0])
    assert said[1].startswith("No feature was followed")
    assert said[3].startswith("No defect within 40 µm")
    assert said[4].startswith("No fracture reached some")
    parse(report.write(store, tmp_path / "report.html").read_text(encoding="utf-8"))


def test_a_browser_draws_it_and_asks_for_nothing(page: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        skip_unless_required("REQUIRE_BROWSER", "there is no Chromium")
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text(encoding="utf-8").replace("<title>", PROBE + "<title>", 1), encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic --no-first-run"
    )
    flags += " --disable-background-networking --disable-component-update --disable-sync --window-size=1280,3000"
    command = [chromium, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=15000", "--dump-dom"]
    done = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, timeout=240, check=True)
    seen = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert seen is not None
    assert json.loads(seen[1].replace("&quot;", '"')) == {"violations": [], "errors": [], "resources": []}
    drawn = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    wanted = len(re.findall(r'data-for="figure-', page.read_text(encoding="utf-8")))
    assert drawn.count('class="plot js-plotly-plot live"') == wanted
    assert drawn.count('class="scatterlayer') > 0
    assert drawn.count('class="trace bars"') > 5
    assert len(re.findall(r'<div id="scene"[^>]*>.*?<canvas', drawn)) == 2
    assert drawn.count('class="still"') == wanted  # what a print shows in the place of each figure
    assert "WebGL is not supported" not in drawn


def test_small_objects_are_counted_by_size(filled: tuple[Store, factories.Graph]) -> None:
    store, made = filled
    table = small.by_size(report.context(store)).to_pylist()
    features = made["features"]
    defects = features[features.kind != "fracture"]
    edge = (2 * 1.63 * 1.63) ** (1 / 3)
    assert sum(row["n"] for row in table) == len(defects)
    assert sum(row["volume_percent"] for row in table) == pytest.approx(100)
    for row in table:
        high = np.inf if row["to_px"] is None else row["to_px"]
        inside = defects.equivalent_diameter.between(row["from_px"] * edge, high * edge, inclusive="left")
        assert row["n"] == inside.sum()
        assert row["diameter_px"] == pytest.approx(defects.equivalent_diameter[inside].median() / edge)
        assert row["share_percent"] == pytest.approx(100 * inside.mean())


def test_the_command(filled: tuple[Store, factories.Graph], tmp_path: Path) -> None:
    place = str(filled[0].path)
    done = run("report", str(tmp_path / "r.html"), "--store", place, "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout) == {"report": str(tmp_path / "r.html"), "bytes": (tmp_path / "r.html").stat().st_size}
    done = run("report", str(tmp_path), "--store", place)
    assert (done.code, "is a folder: name the file, as in" in done.stderr) == (2, True)
    done = run("report", str(tmp_path / "s.html"), "--store", place, "--study", "abc")
    assert (done.code, "the store has no study 'abc': it holds none" in done.stderr) == (2, True)
    done = run("report", "--store", place, "--study", "abc", "--sample", "S")
    assert (done.code, "are both given: a study names its sample" in done.stderr) == (2, True)


def test_a_stored_study_is_made_anew(filled: tuple[Store, factories.Graph], tmp_path: Path) -> None:
    place = str(filled[0].path)
    done = run("analyze", "characterise", "--store", place, "--json", "--out", str(tmp_path / "characterised"))
    assert done.code == 0, done.stderr
    (row,) = filled[0].read("studies").to_pylist()
    done = run("report", str(tmp_path / "s.html"), "--store", place, "--study", row["study_id"][:6])
    assert done.code == 0, done.stderr
    found = sections(tmp_path / "s.html")
    assert list(found) == ["What was found", "The same study made anew", "How it was made"]
    assert "the effect is the same" in found["The same study made anew"].text
    assert row["study_id"] in found["How it was made"].text
    listed = sections(report.write(filled[0], tmp_path / "r.html"))["Stored studies"]
    assert row["study_id"][:8] in listed.text
