"""Numbers of `characterise` against pandas, scipy and DuckDB on the parts, and against the truth of the generator."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import wilcoxon
from typer.testing import CliRunner

from tests import factories
from xctgraph.analysis import characterise as study
from xctgraph.analysis.characterise import latex
from xctgraph.analysis.characterise.interval import block_bootstrap, holm
from xctgraph.analysis.characterise.orientation import project, unproject
from xctgraph.cli.main import app
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

SMALL = {"shape": (64, 96, 112), "steps": 3, "features": 60}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    seed = int(np.random.SeedSequence().entropy) % 2**31  # type: ignore[arg-type]
    print(f"seed {seed}")
    folder = tmp_path_factory.mktemp("characterise")
    made = synth.generate(folder / "data", seed=seed, **SMALL)
    with open_store(folder / "xct.store", create=True) as store:
        pipeline.ingest(store, config.load(made.dataset))
    return folder / "xct.store", made.dataset.parent / "truth"


def _parts(store: Store, table: str) -> pd.DataFrame:
    paths = [str(store.path / part.path) for part in store.manifest().select(table)]
    return duckdb.execute(f"SELECT * FROM read_parquet({paths!r})").df()


def test_numbers_are_those_of_the_parts(ingested: tuple[Path, Path]) -> None:
    with open_store(ingested[0]) as store:
        found = study.characterise(store, n_draws=99)
        features, scans, near = (_parts(store, name) for name in ("features", "scans", "near"))
    voxel = np.prod(found.spacing)
    material = scans.set_index("t").material_volume
    ends = pd.concat([near[["source", "gap"]].rename(columns={"source": "feature_id"}),
                      near[["target", "gap"]].rename(columns={"target": "feature_id"})])  # fmt: skip
    features["nearest_gap"] = features.feature_id.map(ends.groupby("feature_id").gap.min()).fillna(np.inf)
    for row in found.tables["abundance"].to_pylist():
        of = features[(features.t == row["t"]) & (features.kind == row["kind"])]
        assert row["n"] == len(of)
        assert row["volume_fraction"] == pytest.approx(of.volume.sum() / material[row["t"]])
        assert row["density_per_mm3"] == pytest.approx(len(of) / (material[row["t"]] / 1e9))
        if row["n"] >= 10:
            assert row["fraction_low"] < row["volume_fraction"] < row["fraction_high"]
    for row in found.tables["distributions"].to_pylist():
        of = features[(features.t == row["t"]) & (features.kind == row["kind"])]
        if row["measure"] == "nearest_gap":
            assert row["n_beyond"] == np.isinf(of.nearest_gap).sum()
            assert (row["mean"] is None) == bool(row["n_beyond"])
        elif row["measure"] != "aspect_ratio":
            values = of[row["measure"]].dropna()
            assert row["mean"] == pytest.approx(values.mean())
            assert row["q95"] == pytest.approx(np.quantile(values, 0.95))
        if row["measure"] == "volume":
            assert row["mean_px"] == pytest.approx(of.n_voxels.mean())
        if row["measure"] == "axis_major_length":
            assert row["mean_px"] == pytest.approx(of.axis_major_length.mean() / voxel ** (1 / 3))
    for row in found.tables["largest"].to_pylist():
        of = features[(features.t == row["t"]) & (features.kind == row["kind"])]
        assert row["volume_voxels"] == pytest.approx(of.n_voxels.max())
    for name, total in (("profiles", "n"), ("histograms", "n")):
        assert sum(found.tables[name][total].to_pylist()) > 0
    profiles = found.tables["profiles"].to_pandas().query("axis == 'z'").groupby(["t", "kind"]).n.sum()
    assert profiles.to_dict() == features.groupby(["t", "kind"]).size().to_dict()


def test_change_is_paired_over_tracks(ingested: tuple[Path, Path]) -> None:
    with open_store(ingested[0]) as store:
        found = study.characterise(store, n_draws=99)
        features, links = _parts(store, "features"), _parts(store, "next")
    both = features[features.t == 0].merge(features[features.t == 2], on=["track_id", "kind"])
    both = both[~both.border_touching_x & ~both.border_touching_y & (both.kind == "inclusion")]
    logs = np.log(both.volume_y / both.volume_x)
    row = found.find("change", t=0, t_later=2, kind="inclusion", measure="volume")
    assert row is not None
    assert row["n_matched"] == len(logs)
    assert row["ratio"] == pytest.approx(np.exp(logs.mean()))
    assert row["p"] == pytest.approx(wilcoxon(logs[logs != 0]).pvalue)
    assert row["p_adjusted"] >= row["p"]
    for turn in found.tables["turnover"].to_pylist():
        before = features[(features.t == turn["t"]) & (features.kind == turn["kind"])]
        kept = before.track_id.isin(features[features.t == turn["t_later"]].track_id)
        assert turn["ended"] == (~kept).sum() == turn["split"] + turn["merged"] + turn["swallowed"] + turn["lost"]
        assert turn["begun"] == turn["from_split"] + turn["from_merge"] + turn["born"]
        gone = before[~kept]
        assert turn["lost"] == (~gone.feature_id.isin(links.source)).sum()
    moved = features[features.t == 0].merge(features[features.t == 1], on="track_id")
    moved = moved[(moved.kind_x != "fracture") & (moved.kind_y != "fracture")]
    row = found.find("displacement", t=0, t_later=1, axis="y")
    assert row is not None
    assert row["median_um"] == pytest.approx((moved.y_y - moved.y_x).median())


def test_volume_fraction_is_that_of_the_truth(ingested: tuple[Path, Path]) -> None:
    true = pq.read_table(ingested[1] / "components.parquet").to_pandas()
    with open_store(ingested[0]) as store:
        found = study.characterise(store, n_draws=99)
        voxels = np.prod(_parts(store, "scans").set_index("t").loc[0, ["n_z", "n_y", "n_x"]].astype(float))
    solid = true[true.visible & (true.kind != "fracture")]
    rows = found.tables["abundance"].to_pandas()
    for t, of in solid.groupby("t"):
        seen = rows[(rows.t == t) & (rows.kind != "fracture")].volume_fraction.sum()
        assert seen == pytest.approx(of.n_voxels.sum() / voxels, rel=0.1)


def test_the_folder_and_the_study(ingested: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["analyze", "characterise", "--store", str(ingested[0]), "--out", str(out), "--draws", "99", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert {Path(name).name for name in said["files"]} == {path.name for path in out.iterdir()}
    assert {path.suffix for path in out.iterdir()} == {".parquet", ".csv", ".tex", ".png", ".svg", ".json"}
    table, text = pq.read_table(out / "abundance.parquet"), pd.read_csv(out / "abundance.csv")
    assert np.allclose(table["volume_fraction"].to_numpy(), text.volume_fraction)
    assert (out / "abundance.png").read_bytes().startswith(b"\x89PNG")
    with open_store(ingested[0]) as store:
        rows = {row["study_id"]: row for row in store.read("studies").to_pylist()}
    assert rows[said["study_id"]]["effect"] == said["primary"]["effect"]
    assert rows[said["study_id"]]["interval_low"] == said["primary"]["interval"][0]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with open_store(ingested[0]) as store, pytest.raises(InputError, match="holds no earlier characterisation"):
        study.write(study.characterise(store, n_draws=99), tmp_path / "other")


def test_one_scan_one_kind_and_nothing_known_of_shape(tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=1, n_features=5, kinds=("pore",))
    shape = [c for c in made["features"] if c.startswith(("axis_", "sphericity", "major_", "n_voxels", "cov_"))]
    made["features"][shape] = np.nan
    made["scans"]["has_voxels"] = False
    with open_store(tmp_path / "xct.store", create=True) as store:
        factories.fill(store, made)
        found = study.characterise(store, n_draws=99)
        study.write(found, tmp_path / "out")
    said = " ".join(found.notes)
    for words in (
        "nothing can be said about change", "come from tables of another program", "major axis is not known of any feature",
        "No scan holds any fracture or inclusion", "fewer than 10 features of pore", "z was taken",
    ):  # fmt: skip
        assert words in said
    assert found.tables["change"].num_rows == found.tables["displacement"].num_rows == 0
    with open_store(tmp_path / "new.store", create=True) as store, pytest.raises(InputError, match="samples none"):
        study.characterise(store)


def test_latex_is_escaped() -> None:
    import pyarrow as pa

    text = latex.tabular(pa.table({"a_b": ["50 %_&#{x}", None], "n": [1.5e-9, 2.0]}), "100 % of S_1", "tab:x")
    assert r"50 \%\_\&\#\{x\}" in text
    assert r"1.5 \times 10^{-9}" in text
    assert r"\caption{100 \% of S\_1}" in text
    assert not re.search(r"(?<!\\)[%#]", text)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_holm_and_the_projection(rng: np.random.Generator) -> None:
    assert holm(np.array([0.01, np.nan, 0.04, 0.03])).tolist()[::2] == pytest.approx([0.03, 0.06])
    axes = rng.normal(size=(1000, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    u, v = project(axes, "y")
    back = unproject(u, v)
    assert np.abs((back * axes[:, [1, 0, 2]]).sum(axis=1)) == pytest.approx(np.ones(1000))
    # Equal areas: half of the axes at random lie within half of the area.
    assert 0.4 < (u**2 + v**2 < 0.5).mean() < 0.6


def test_interval_holds_the_truth_about_as_often_as_it_says(rng: np.random.Generator) -> None:
    hits = 0
    for _ in range(200):
        n = rng.poisson(5, 100).astype(float)
        low, high = block_bootstrap(n, np.ones(100), rng, 199)
        hits += low <= 5 <= high
    assert hits >= 170
