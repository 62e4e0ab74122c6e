"""What a forecast reads, splits and measures, each against a computation of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.analysis.forecast import made
from xctgraph.analysis.forecast import columns, metrics, rows, scans
from xctgraph.analysis.forecast.metrics import Trial
from xctgraph.analysis.forecast.rows import Rows
from xctgraph.analysis.snapshots import select
from xctgraph.analysis.snapshots.columns import EDGE_COLUMNS, X_COLUMNS
from xctgraph.store import Job, Store

torch = pytest.importorskip("torch")
sklearn_metrics = pytest.importorskip("sklearn.metrics")


def read(store: Store, folder: Path | None = None, reach: float = 75.0) -> dict[columns.Target, scans.Candidates]:
    if folder is not None:
        folder.mkdir()
    return scans.read(select(store), ("swallowed", "advanced"), reach_um=reach, share=0.5, folder=folder)


def test_inputs_are_known_at_t() -> None:
    known = {table: {c.name for c in described if c.known_at == "t"} for table, described in X_COLUMNS.items()}
    assert set(columns.FEATURES) <= known["features"]
    assert set(columns.SITE) <= known["front_sites"]
    for relation in ("NEAR", "TOUCHES", "FACES"):
        known_edges = {c.name for c in EDGE_COLUMNS[relation] if c.known_at == "t"}
        assert set(columns.EDGES[relation]) - {"along"} <= known_edges


def test_rows_are_what_the_tables_say(tmp_path: Path, rng: np.random.Generator) -> None:
    reach = 25.0
    with made.make(tmp_path / "xct.store", rng, made.by_nothing, scans=4, defects=60) as store:
        found = read(store, tmp_path / "files", reach)
        features, links, sites = (store.read(table).to_pandas() for table in ("features", "next", "front_sites"))
    own = found["swallowed"].rows
    features = features[(features.kind == "pore") & (features.t < 3)]
    expected = {}
    for defect in features.itertuples():
        front = sites[sites.t == defect.t]
        offset = np.array([defect.z, defect.y, defect.x]) - front[["z", "y", "x"]].to_numpy()
        nearest = np.argmin(np.linalg.norm(offset, axis=1))
        if np.linalg.norm(offset[nearest]) <= reach:
            site = front.iloc[nearest]
            expected[defect.feature_id] = (
                defect.volume, defect.sphericity, defect.local_density, offset[nearest, 2], np.hypot(*offset[nearest, :2]), 10.0,
                site.curvature, site.n_ahead, 25.0, links.event[links.source == defect.feature_id].iloc[0] == "swallowed",
            )  # fmt: skip
    assert set(own.key.tolist()) == set(expected)
    names = [
        "volume",
        "sphericity",
        "local_density",
        "ahead",
        "beside",
        "gap",
        "site_curvature",
        "site_n_ahead",
        "site_nearest_gap",
    ]
    for key, values, y in zip(own.key.tolist(), own.columns(names).tolist(), own.y.tolist(), strict=True):
        *numbers, swallowed = expected[key]
        assert values == pytest.approx(numbers, rel=1e-5, abs=1e-4)
        assert y == swallowed
    front = found["advanced"].rows
    known = sites[sites.t < 3].sort_values(["t", "site_id"])
    assert front.key.tolist() == known.site_id.tolist()
    moved = known.groupby("t").advance_um
    everywhere = moved.transform(lambda a: (a >= 2).mean() > 0.9)
    farther = known.advance_um > moved.transform("median")
    assert front.y.tolist() == ((known.advance_um >= 2) & (~everywhere | farther)).tolist()


def test_nothing_later_is_in_an_input(tmp_path: Path, rng: np.random.Generator) -> None:
    """Whatever becomes of later scans, inputs up to t = 1 hold the same numbers; only outcomes differ."""
    with made.make(tmp_path / "xct.store", rng, made.by_nothing, scans=4, defects=60) as store:
        before = read(store, tmp_path / "before")
        frames = {table: store.read(table).to_pandas() for table in ("features", "front_sites", "next", "near")}
        for table, frame in frames.items():
            later = frame.t >= (1 if table == "next" else 2)
            for column in ("volume", "sphericity", "local_density", "curvature", "gap", "z", "iou"):
                if column in frame:
                    frame.loc[later, column] = rng.uniform(0.1, 1, later.sum()) * frame.loc[later, column].abs().mean()
        frames["next"].loc[frames["next"].t >= 1, "event"] = "swallowed"
        frames["front_sites"]["advance_um"] = rng.uniform(0, 9, len(frames["front_sites"]))
        frames["front_sites"]["advanced"] = False
        with store.write(Job("later", sample="S1")) as tx:
            for table, frame in frames.items():
                for t, part in frame.groupby("t"):
                    tx.put(table, pa.Table.from_pandas(part.drop(columns="job_id"), preserve_index=False), sample="S1", t=int(t))
        after = read(store, tmp_path / "after")
    for target in ("swallowed", "advanced"):
        a, b = before[target].rows, after[target].rows
        early = a.t <= 1
        np.testing.assert_array_equal(a.x[early], b.x[b.t <= 1])
        assert (a.y[early] != b.y[b.t <= 1]).any()
        n = 0
        for one, two in zip(before[target].files, after[target].files, strict=True):
            graph, changed = torch.load(one, weights_only=False), torch.load(two, weights_only=False)
            if graph.t > 1:
                continue
            n += 1
            for ours, theirs in zip(graph.stores, changed.stores, strict=True):
                for key in ours:
                    if isinstance(ours[key], torch.Tensor):
                        assert torch.equal(ours[key].nan_to_num(1e30), theirs[key].nan_to_num(1e30)), key
        assert n == 2


def flat(rng: np.random.Generator, n: int = 400, samples: int = 6) -> Rows:
    sample, t = rng.integers(0, samples, n), rng.integers(0, 6, n)
    track = sample * 1000 + rng.integers(0, 60, n)
    return Rows(
        "swallowed", ("a",), tuple(f"S{k}" for k in range(samples)), rng.random((n, 1)).astype(np.float32), rng.random(n) < 0.4,
        sample, t, np.arange(n), track, rng.uniform(0, 300, (n, 3)),
    )  # fmt: skip


@pytest.mark.parametrize("how", ["time", "block", "sample"])
def test_no_track_is_in_two_parts(how: str, rng: np.random.Generator, seed: int) -> None:
    given = flat(rng)
    part = rows.split(given, how, seed, margin=5.0)
    assert {0, 1, 2} <= set(part.tolist())
    kept = pd.DataFrame({"track": given.track, "part": part, "sample": given.sample, "t": given.t})[part >= 0]
    assert kept.groupby("track").part.agg(lambda part: len(set(part))).eq(1).all()
    if how == "sample":
        assert kept.groupby("sample").part.agg(lambda part: len(set(part))).eq(1).all()
    if how == "time":
        assert (
            kept[kept.part == 0].t.max()
            < kept[kept.part == 1].t.min()
            <= kept[kept.part == 1].t.max()
            < kept[kept.part == 2].t.min()
        )
    np.testing.assert_array_equal(part, rows.split(given, how, seed, margin=5.0))


def test_clusters_keep_tracks_whole(rng: np.random.Generator) -> None:
    given = flat(rng)
    cluster = given.clusters(100.0)
    frame = pd.DataFrame({"track": given.track, "cluster": cluster, "sample": given.sample})
    assert frame.groupby("track").cluster.agg(lambda c: len(set(c))).eq(1).all()
    assert frame.groupby("cluster")["sample"].agg(lambda c: len(set(c))).eq(1).all()
    assert sorted(set(cluster.tolist())) == list(range(cluster.max() + 1))
    shuffled = given.shuffled(0)
    assert (shuffled.y != given.y).any()
    for number in range(6):
        assert shuffled.y[given.sample == number].sum() == given.y[given.sample == number].sum()


def test_measures_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    y, weight = rng.random(300) < 0.3, rng.integers(0, 4, (5, 300)).astype(float)
    for chance in (rng.random(300), np.round(rng.random(300), 1), np.full(300, 0.3)):
        expected = [sklearn_metrics.average_precision_score(y, chance, sample_weight=w) for w in weight]
        np.testing.assert_allclose(metrics.average_precision(y, chance, weight), expected, rtol=1e-9)
        clipped = np.clip(chance, metrics.EDGE, 1 - metrics.EDGE)
        expected = [sklearn_metrics.log_loss(y, clipped, sample_weight=w) for w in weight]
        np.testing.assert_allclose(metrics.log_loss(y, chance, weight), expected, rtol=1e-9)
    assert np.isnan(metrics.average_precision(np.zeros(3, bool), np.arange(3.0))).all()
    assert metrics.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})


def test_draws_are_of_whole_clusters_and_paired(rng: np.random.Generator, seed: int) -> None:
    n, cluster = 600, np.repeat(np.arange(30), 20)
    y = rng.random(n) < 0.4
    tested = [Trial(np.flatnonzero(rng.random(n) < 0.5), {}) for _ in range(3)]
    good, noise = np.clip(0.6 * y + 0.4 * rng.random(n), 0.01, 0.99), rng.random(n)
    tested = [Trial(one.rows, {"good": good[one.rows], "noise": noise[one.rows], "same": good[one.rows]}) for one in tested]
    drawn = metrics.draws(y, tested, cluster, 199, seed)["average_precision"]
    expected = np.mean([sklearn_metrics.average_precision_score(y[one.rows], good[one.rows]) for one in tested])
    assert drawn["good"][0] == pytest.approx(expected)
    np.testing.assert_array_equal(drawn["good"], drawn["same"])
    apart = metrics.difference(drawn["good"], drawn["noise"])
    assert apart.interval[0] > 0
    assert apart.p == pytest.approx(2 / 200)
    assert metrics.difference(drawn["good"], drawn["same"]).p == 1


def test_intervals_of_clusters_hold_the_truth(rng: np.random.Generator) -> None:
    """Rows of a cluster are all alike: intervals must be as wide as few clusters make them, not as many rows would."""
    held = 0
    for k in range(40):
        member = rng.normal(0, 1, 25)
        cluster = np.repeat(np.arange(25), 40)
        y = rng.random(1000) < 0.5
        chance = np.clip(0.5 + 0.2 * np.where(y, 1, -1) * np.sign(member[cluster]), 0.01, 0.99)
        drawn = metrics.draws(y, [Trial(np.arange(1000), {"a": chance, "b": np.full(1000, 0.5)})], cluster, 199, k)["log_loss"]
        low, high = metrics.difference(drawn["a"], drawn["b"]).interval
        truth = -(np.log(0.7) + np.log(0.3)) / 2 - np.log(2)
        held += low <= truth <= high
    assert held >= 32


def test_calibration_of_a_model_that_is_right(rng: np.random.Generator) -> None:
    chance = rng.random(20_000)
    y = rng.random(20_000) < chance
    bins = metrics.calibration(y, [Trial(np.arange(20_000), {"a": chance})], "a")
    assert sum(one.n for one in bins) == 20_000
    assert all(abs(one.forecast - one.happened) < 0.06 for one in bins)
    assert [one.forecast for one in bins] == sorted(one.forecast for one in bins)
