"""What `analyze correspondence` says of a sample whose truth is known, and of scans that do not belong together."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.command import run
from xctgraph.analysis.correspondence import correspondence
from xctgraph.analysis.correspondence.distortion import distortion
from xctgraph.ingest import config, pipeline, synth, tables
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

VOXEL = 2.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of three strained scans, of which the generator knows what moved how; and the folder of its truth."""
    seed = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed {seed}: repeat with XCTGRAPH_SEED={seed}")
    folder = tmp_path_factory.mktemp("correspondence")
    result = synth.generate(
        folder / "data", shape=(56, 72, 72), steps=3, features=110, seed=seed, strain=0.06, drift_voxels=5.0, voxel_size_um=VOXEL
    )
    path = folder / "xct.store"
    with open_store(path, create=True) as store:
        pipeline.ingest(store, config.load(result.dataset), project=False)
    return path, result.truth


def stretched(truth: Path, t: int) -> np.ndarray:
    """Deformation gradient of the true places of all defects of a scan, by normal equations in pandas."""
    rows = pd.read_parquet(truth / "features.parquet").query("t == @t and kind != 'fracture'")
    before, after = (rows[[f"{p}z", f"{p}y", f"{p}x"]].to_numpy() for p in ("ref_", ""))
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    return np.asarray((np.linalg.inv(before.T @ before) @ before.T @ after).T)


def test_the_command_finds_the_true_strain_and_keeps_the_study(made: tuple[Path, Path], tmp_path: Path) -> None:
    path, truth = made
    figure = tmp_path / "field.json"
    done = run("analyze", "correspondence", "--store", str(path), "--t", "0", "--json", "--figure", str(figure))
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["t"] for one in said["distortion"]] == [1, 2]
    for one in said["distortion"]:
        # The smooth part of the motion differs between what both scans show and what the truth lists.
        gradient = stretched(truth, one["t"])
        assert one["strain"] == pytest.approx(np.linalg.norm(gradient, axis=0) - 1, abs=0.01)
        assert one["volume"] == pytest.approx(np.linalg.det(gradient) - 1, abs=0.015)
    assert said["distortion"][-1]["strain"][0] > 0.04
    assert said["warnings"] == []
    for pair in said["pairs"]:
        median = {one["stage"]: one["median"] for one in pair["residuals_um"]}
        assert median["none"] > 4 * median["translation"] > 4 * median["field"]
        assert median["affine"] > median["field"]
        # The centroid of some eighty voxels is right to a fraction of a voxel; a field that did not see it is not much worse.
        assert median["field"] < median["field, links left out"] < VOXEL
        assert pair["linked"] > 0.95
    drawn = json.loads(figure.read_text(encoding="utf-8"))
    assert [trace["type"] for trace in drawn["data"]].count("heatmap") == 3
    assert any("displacement 0 → 1" in note["text"] for note in drawn["layout"]["annotations"])
    with open_store(path) as store:
        row = store.read("studies").to_pylist()[-1]
    assert (row["study_id"], row["effect"]) == (said["study_id"], said["primary"]["effect"])
    assert json.loads(row["parameters"])["doubtful"] == []


def test_what_has_no_link_is_counted_by_size(made: tuple[Path, Path]) -> None:
    with open_store(made[0]) as store:
        found = correspondence(store)
        for pair in found.pairs:
            before, after, links = (store.read(*of[:1], sample="SYNTH", t=of[1]).to_pandas() for of in (
                ("features", pair.t), ("features", pair.t + 1), ("next", pair.t)
            ))  # fmt: skip
            assert pair.n_links == len(links)
            for features, end, count, lost in ((before, "source", "n_earlier", "lost"), (after, "target", "n_later", "new")):
                inner = features[~features.border_touching & (features.kind != "fracture")]
                alone = inner[~inner.feature_id.isin(links[end])]
                for one in pair.sizes:
                    of_size = [rows.n_voxels.between(one.least, (one.most or np.inf) - 1).sum() for rows in (inner, alone)]
                    # Those that leave the volume don't count, but no others may be missing.
                    assert getattr(one, count) <= of_size[0]
                    assert getattr(one, lost) <= of_size[1]
                assert sum(getattr(one, count) for one in pair.sizes) > 0.8 * len(inner)
    said = found.text, *found.lines()
    assert "2 pairs of scans of sample SYNTH, none of them doubtful" in said[0]
    assert f"{sum(one.lost for pair in found.pairs for one in pair.sizes)}" in said[-1]


def fill(store: Store, folder: Path, clouds: list[np.ndarray]) -> None:
    """A sample of features without voxels."""
    lines = ["t,label,z,y,x,volume"]
    for t, cloud in enumerate(clouds):
        lines += [f"{t},{k + 1},{z},{y},{x},{v}" for k, (z, y, x, v) in enumerate(cloud)]
    (folder / "all.csv").write_text("\n".join(lines), encoding="utf-8")
    dataset = folder / "tables.toml"
    dataset.write_text(
        '[sample]\nid = "T"\nvoxel_size_um = 1\nshape = [100, 100, 100]\n[table]\npath = "all.csv"\nkind = "pore"\n'
        '[units]\nposition = "um"\nvolume = "um3"\n'
        '[correspondence]\nunregistered = "unlinked"\n',
        encoding="utf-8",
    )
    tables.ingest(store, tables.load(dataset), project=False)


def test_scans_that_do_not_belong_together_are_doubtful(tmp_path: Path, rng: np.random.Generator) -> None:
    one, other = (np.c_[rng.uniform(5, 95, (150, 3)), rng.lognormal(4, 0.5, 150)] for _ in range(2))
    again = one + np.r_[3.0, -2.0, 1.0, 0.0]
    with open_store(tmp_path / "s", create=True) as store:
        fill(store, tmp_path, [one, again, other])
        found = correspondence(store)
        assert found.pairs[0].doubts == ()
        assert found.pairs[0].error < 0.01
        assert "no displacement is known" in found.pairs[1].doubts
        assert found.warnings[0].startswith("scans t = 1 to 2 are doubtful: no displacement is known; only 0 %")
        assert found.shown is not None
        assert found.shown[0].t == 0
        # The frame of the first scan is lost from there on.
        assert [one.t for one in found.distortions] == [1]
        with pytest.raises(InputError, match="no displacement is stored from scan 1 to the next one: there is one from 0"):
            correspondence(store, t=1)


def test_one_scan_has_no_pair(tmp_path: Path, rng: np.random.Generator) -> None:
    with open_store(tmp_path / "s", create=True) as store:
        fill(store, tmp_path, [np.c_[rng.uniform(5, 95, (20, 3)), np.full(20, 30.0)]])
        with pytest.raises(InputError, match="sample 'T' has 1 scan: links need two"):
            correspondence(store)


def test_distortion_of_a_known_deformation(rng: np.random.Generator) -> None:
    points = rng.uniform(0, 100, (50, 3))
    angle = np.deg2rad(7.0)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    found = distortion(4, points, points @ (turn @ np.diag([1.05, 0.98, 0.99])).T + [1.0, 2.0, 3.0])
    assert found is not None
    assert found.strain == pytest.approx((0.05, -0.02, -0.01))
    assert (found.rotation, found.uneven) == pytest.approx((7.0, 0.0), abs=1e-6)
    assert found.volume == pytest.approx(1.05 * 0.98 * 0.99 - 1)
    flat = points * [0, 1, 1]
    assert distortion(4, flat, flat) is None
    assert distortion(4, points[:7], points[:7]) is None
