"""Statistics of the scans of a store: windows from masks and boxes, and the study that is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.analysis.growth import stored
from tests.cli.command import run
from xctgraph.analysis import density
from xctgraph.analysis.density import specimen
from xctgraph.analysis.growth.simulate import Design, simulate
from xctgraph.store import Job, open_store
from xctgraph.store.errors import InputError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("density") / "xct.store"
    made = simulate(Design(steps=1, cluster_radius=8.0, clustering=0.9), np.random.default_rng(3))
    with open_store(path, create=True) as store:
        stored.fill(store, made)
    return path


def test_command_tells_clusters_and_keeps_the_study(path: Path, tmp_path: Path) -> None:
    figure = tmp_path / "density.json"
    done = run("analyze", "density", "--store", str(path), "--t", "1", "--max-um", "40", "--steps", "10", "--simulations", "19",
               "--seed", "5", "--json", "--figure", str(figure))  # fmt: skip
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["primary"]["kind"] == "all defects"
    assert said["primary"]["effect"] > 1
    assert said["primary"]["p"] <= 0.05
    assert said["patterns"][0]["verdict"] == "clustered"
    assert len(said["patterns"][0]["K"]) == 10
    assert "L(r)" in figure.read_text(encoding="utf-8")
    with open_store(path) as store:
        (row,) = store.read("studies").to_pylist()
        box = specimen.window(store, "S1", 1)
        features = store.read("features", sample="S1", t=1).to_pandas()
        points = features[features.kind != "fracture"][["z", "y", "x"]].to_numpy()
        alone = density.ripley(points, box, density.distances(40.0, 10), seed=5, n_simulations=19)
    assert (row["study_id"], row["effect"], row["interval_low"]) == (said["study_id"], said["primary"]["effect"], None)
    assert said["patterns"][0]["K"] == pytest.approx(alone.value["K"])
    assert said["patterns"][0]["p"] == alone.envelope["L"].p


def test_window_of_a_box_and_of_a_mask(path: Path, rng: np.random.Generator) -> None:
    with open_store(path) as store:
        box = specimen.window(store, "S1", 0)
        assert box.origin == pytest.approx([-0.5, -0.5, -0.5])
        assert box.high == pytest.approx([199.5, 416.5, 399.5])
        z, y = np.indices((200, 417)).reshape(2, -1)
        start, stop = 10 + y // 10, np.full(len(y), 390)
        with store.write(Job("mask", sample="S1")) as tx:
            tx.put("material_runs", pa.table({"z": z, "y": y, "x_start": start, "x_stop": stop}), sample="S1", t=1)
        mask = specimen.window(store, "S1", 1)
    voxels = np.round(mask.draw(3000, rng)).astype(int)
    inside = (voxels[:, 2] >= 10 + voxels[:, 1] // 10) & (voxels[:, 2] < 390)
    assert inside.mean() > 0.98
    assert mask.volume == pytest.approx((stop - start).sum(), rel=0.02)


def test_what_is_not_there_is_said(path: Path) -> None:
    with open_store(path) as store:
        with pytest.raises(InputError, match="has no scan 9"):
            density.spatial_statistics(store, scans=[9])
        with pytest.raises(InputError, match="no sample 'S9'; it holds S1"):
            density.spatial_statistics(store, sample="S9")
