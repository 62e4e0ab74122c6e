"""Directions, evenness, spread and displacement against formulas written anew over the parts."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xctgraph.analysis import characterise as study
from xctgraph.analysis.characterise.result import Characterisation
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import open_store

AXES = ["z", "y", "x"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Characterisation, dict[str, pd.DataFrame]]:
    seed = int(np.random.SeedSequence().entropy) % 2**31
    print(f"seed {seed}")
    folder = tmp_path_factory.mktemp("independent")
    data = synth.generate(folder / "data", seed=seed, shape=(72, 96, 104), steps=3, features=90)
    with open_store(folder / "xct.store", create=True) as store:
        pipeline.ingest(store, config.load(data.dataset))
        parts = {
            name: [str(store.path / part.path) for part in store.manifest().select(name)]
            for name in ("features", "scans", "samples", "near", "fields")
        }
        found = study.characterise(store, n_draws=199)
    assert Path(parts["features"][0]).suffix == ".parquet"
    return found, {name: duckdb.execute(f"SELECT * FROM read_parquet({paths!r})").df() for name, paths in parts.items()}


def test_directions(made: tuple[Characterisation, dict[str, pd.DataFrame]]) -> None:
    found, parts = made
    voxel = parts["samples"][["voxel_z", "voxel_y", "voxel_x"]].iloc[0].prod()
    load = AXES.index(found.load_axis)
    seen = 0
    for row in found.tables["orientation"].to_pylist():
        of = parts["features"].query("t == @row['t'] and kind == @row['kind']")
        long = of[(of.n_voxels >= 50) & (of.axis_major_length >= 1.1 * of.axis_intermediate_length)]
        assert (row["n"], row["n_left_out"]) == (len(long), len(of) - len(long))
        assert (of.volume / voxel).to_numpy() == pytest.approx(of.n_voxels.to_numpy())
        if row["n"] < 10:
            assert row["p"] is None
            continue
        axes = long[["major_z", "major_y", "major_x"]].to_numpy()
        assert np.linalg.norm(axes, axis=1) == pytest.approx(np.ones(len(axes)))
        tensor = np.mean([np.outer(n, n) for n in axes], axis=0)
        assert [row[f"eigenvalue_{i}"] for i in (1, 2, 3)] == pytest.approx(sorted(np.linalg.eigvalsh(tensor), reverse=True))
        mean = np.array([row[f"mean_{axis}"] for axis in AXES])
        assert tensor @ mean == pytest.approx(row["eigenvalue_1"] * mean)
        angle = np.degrees(np.arccos(np.abs(axes[:, load])))
        assert row["median_angle_deg"] == pytest.approx(np.degrees(np.arccos(np.median(np.cos(np.radians(angle))))))
        assert row["mean_cos2"] == pytest.approx(np.mean(np.cos(np.radians(angle)) ** 2))
        # S = 15 n / 2 * sum of (eigenvalue - 1/3)^2, Mardia and Jupp.
        bingham = 7.5 * len(axes) * sum((row[f"eigenvalue_{i}"] - 1 / 3) ** 2 for i in (1, 2, 3))
        assert row["p"] == pytest.approx(stats.chi2.sf(bingham, 5))
        seen += 1
    assert seen


def test_spread_and_gaps(made: tuple[Characterisation, dict[str, pd.DataFrame]]) -> None:
    found, parts = made
    features, near = parts["features"].copy(), parts["near"]
    gaps: dict[int, float] = {}
    for a, b, gap in near[["source", "target", "gap"]].itertuples(index=False):
        for end in (a, b):
            gaps[end] = min(gap, gaps.get(end, np.inf))
    features["nearest_gap"] = [gaps.get(i, np.inf) for i in features.feature_id]
    features["aspect_ratio"] = features.axis_minor_length / features.axis_major_length
    edge = parts["samples"][["voxel_z", "voxel_y", "voxel_x"]].iloc[0].prod() ** (1 / 3)
    for row in found.tables["distributions"].to_pylist():
        values = features.query("t == @row['t'] and kind == @row['kind']")[row["measure"]].dropna().sort_values().to_numpy()
        assert row["n"] == len(values)
        if len(values) == 0 or np.isinf(values).any():
            assert row["mean"] is None
            continue
        wanted = {"mean": values.mean(), "min": values[0], "max": values[-1]}
        wanted |= {f"q{100 * q:02.0f}": np.quantile(values, q) for q in (0.05, 0.25, 0.75, 0.95)} | {"median": np.median(values)}
        if len(values) > 1:
            wanted["std"] = pd.Series(values).std()
        assert {name: row[name] for name in wanted} == pytest.approx(wanted)
        if row["unit_px"]:
            power = {"px": 1, "voxel": 3}[row["unit_px"]]
            assert {name: row[f"{name}_px"] for name in wanted} == pytest.approx({k: v / edge**power for k, v in wanted.items()})
        bins = [h for h in found.tables["histograms"].to_pylist() if all(h[k] == row[k] for k in ("t", "kind", "measure"))]
        for h in bins:
            if h["low"] > 0 or h["measure"] in ("sphericity", "local_density", "aspect_ratio"):
                slack = 1e-7 * max(abs(h["high"]), 0.01)
                most = ((values >= h["low"] - slack) & (values < h["high"] + slack)).sum()
                least = ((values >= h["low"] + slack) & (values < h["high"] - slack)).sum()
                assert least <= h["n"] <= most
        assert sum(h["n"] for h in bins) == len(values)


def test_evenness(made: tuple[Characterisation, dict[str, pd.DataFrame]]) -> None:
    found, parts = made
    for row in found.tables["heterogeneity"].to_pylist():
        layers = [p for p in found.tables["profiles"].to_pylist() if all(p[k] == row[k] for k in ("t", "kind", "axis"))]
        of = parts["features"].query("t == @row['t'] and kind == @row['kind']")
        edges = np.array([layers[0]["from_um"], *(p["to_um"] for p in layers)])
        counted = np.histogram(np.clip(of[row["axis"]], edges[0], edges[-1]), edges)[0]
        assert [p["n"] for p in layers] == counted.tolist()
        material = np.array([p["material_mm3"] for p in layers])
        (total,) = parts["scans"].query("t == @row['t']").material_volume
        assert material.sum() == pytest.approx(total / 1e9)
        volumes = of.groupby(np.clip(np.searchsorted(edges, of[row["axis"]], side="right") - 1, 0, len(layers) - 1)).volume.sum()
        for i, layer in enumerate(layers):
            assert layer["density_per_mm3"] == pytest.approx(counted[i] / material[i])
            assert layer["volume_fraction"] == pytest.approx(volumes.get(i, 0.0) / material[i] / 1e9)
        if row["n"] < 10:
            assert row["p_poisson"] is None
            continue
        test = stats.chisquare(counted, counted.sum() * material / material.sum())
        assert row["p_poisson"] == pytest.approx(test.pvalue)
        assert row["dispersion_index"] == pytest.approx(test.statistic / (len(layers) - 1))
        assert 1 / 200 <= row["p_number"] <= 1


def test_displacement(made: tuple[Characterisation, dict[str, pd.DataFrame]]) -> None:
    found, parts = made
    features = parts["features"]
    for row in found.tables["displacement"].to_pylist():
        axis = row["axis"]
        a, b = (features[(features.t == t) & (features.kind != "fracture")] for t in (row["t"], row["t_later"]))
        both = a.merge(b, on="track_id")
        moved = both[f"{axis}_y"] - both[f"{axis}_x"]
        assert row["n_tracks"] == len(moved)
        assert [row["q25_um"], row["median_um"], row["q75_um"]] == pytest.approx(moved.quantile([0.25, 0.5, 0.75]).tolist())
        later = features[features.t == row["t_later"]]
        assert row["since_first_um"] == pytest.approx((later[axis] - later[f"ref_{axis}"]).median())
        fields = parts["fields"].query("t == @row['t']")
        assert row["field_um"] == pytest.approx(fields[f"u{axis}"].mean())
        spacing = parts["samples"][f"voxel_{axis}"].iloc[0]
        assert row["median_px"] == pytest.approx(row["median_um"] / spacing)


def test_p_values_are_corrected_by_family(made: tuple[Characterisation, dict[str, pd.DataFrame]]) -> None:
    found, _ = made
    for name, columns in {
        "orientation": ["p"],
        "change": ["p"],
        "heterogeneity": ["p_poisson", "p_number", "p_fraction"],
    }.items():
        for column in columns:
            rows = [row for row in found.tables[name].to_pylist() if row[column] is not None]
            ordered = sorted(rows, key=lambda row: row[column])
            worst = 0.0
            for rank, row in enumerate(ordered):
                worst = max(worst, min(1.0, (len(ordered) - rank) * row[column]))
                assert row[f"{column}_adjusted"] == pytest.approx(worst)
