"""Density ahead counted in voxels: one measure at every radius, that of the ingest."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.analysis import growth
from xctgraph.analysis.growth import voxels
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import Store, open_store

SAMPLE = synth.SynthSpec().sample
COLUMNS = ["z", "y", "x_start", "x_stop"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    seed = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed {seed}: repeat with XCTGRAPH_SEED={seed}")
    spec = synth.SynthSpec(
        shape=(64, 160, 144), steps=3, features=350, seed=seed, fracture_start=0.3, fracture_end=0.65, air_voxels=8.0,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("voxels")
    made = synth.generate(folder / "made", spec)
    made.dataset.write_text(made.dataset.read_text(encoding="utf-8") + "\n[fractures]\nsite_spacing_um = 3.0\n", encoding="utf-8")
    with open_store(folder / "store", create=True) as opened:
        pipeline.ingest(opened, config.load(made.dataset), project=False)
        yield opened


def _tables(store: Store) -> tuple[pa.Table, pa.Table]:
    return store.read("front_sites"), store.read("features", columns=["feature_id", "t", "label", "kind"])


def test_at_the_radius_of_the_fronts_it_is_what_is_stored(store: Store) -> None:
    sites, features = _tables(store)
    (radius,) = set(store.read("scans")["front_radius"].to_pylist())
    (found,) = voxels.density(store, SAMPLE, sites, features, [radius])
    assert len(found) > 20
    np.testing.assert_array_equal(found, sites["local_density"].to_numpy())


def test_at_another_radius_it_is_that_of_a_label_volume(store: Store, rng: np.random.Generator) -> None:
    sites, features = _tables(store)
    chosen = np.sort(rng.choice(sites.num_rows, 12, replace=False))
    (found,) = voxels.density(store, SAMPLE, sites.take(pa.array(chosen)), features, [14.0])
    step = np.array([store.read("samples")[f"voxel_{axis}"][0].as_py() for axis in "zyx"])
    kinds = features.to_pandas()
    for number, site in zip(found, sites.take(pa.array(chosen)).to_pylist(), strict=True):
        labels = store.labels(SAMPLE, site["t"])
        volume = labels.crop(0, labels.shape[0], 0, labels.shape[1], 0, labels.shape[2])
        material = np.zeros(volume.shape, bool)
        for z, y, start, stop in store.read("material_runs", t=site["t"]).select(COLUMNS).to_pandas().to_numpy():
            material[z, y, start:stop] = True
        offset = np.moveaxis(np.indices(volume.shape), 0, -1) * step - [site[axis] for axis in "zyx"]
        ahead = (offset**2).sum(axis=-1) <= 14.0**2
        ahead &= offset @ np.array([site[f"direction_{axis}"] for axis in "zyx"]) >= 0
        now = kinds[kinds.t == site["t"]]
        fracture = np.isin(volume, now.label[now.kind == "fracture"])
        defects = np.isin(volume, now.label[now.kind != "fracture"]) & ahead
        assert number == pytest.approx(defects.sum() / (ahead & material & ~fracture).sum(), rel=1e-6)


@pytest.mark.parametrize("radius", [25.0, 30.0])
def test_the_table_over_radii_holds_the_primary_result(store: Store, radius: float) -> None:
    found = growth.toward_density(store, radius_um=radius, n_shifts=199, n_draws=19)
    assert found.counted == "voxels"
    assert "voxels of defects over those of material" in found.text
    (row,) = [choice for choice in found.radii if choice.radius_um == radius]
    assert (row.effect, row.p) == (found.effect, found.p)
    assert len(found.radii) >= 2
