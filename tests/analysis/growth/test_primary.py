"""The primary test as a whole: what it must not depend on, and that test, effect and interval agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import growth as benchmark
from xctgraph.analysis.growth import nulls
from xctgraph.analysis.growth.companions import cosine, logistic
from xctgraph.analysis.growth.primary import ShiftTest, prepare, primary
from xctgraph.analysis.growth.score import score, standardised
from xctgraph.analysis.growth.simulate import Design, Simulated, simulate
from xctgraph.store.errors import InputError


@pytest.fixture
def made(rng: np.random.Generator) -> Simulated:
    return simulate(Design(fractures=3, hazard_ratio=1.6), rng)


def test_interval_holds_what_the_test_does_not_reject(made: Simulated) -> None:
    found = primary(made.sites, seed=1, n_shifts=499)
    low, high = found.interval
    assert low < found.effect < high
    assert (found.p < 0.05) == (low > 1 or high < 1)
    ready = prepare(made.sites)
    test = ShiftTest(ready, 1, 499)

    def p(ratio: float) -> float:
        return test.p(score(ready.sites, ready.ranked, ready.design, log_ratio=float(np.log(ratio))))

    assert p(1.0) == found.p
    assert p(found.effect) > 0.95
    for end, outward in ((low, 0.97), (high, 1.03)):
        if 0 < end < np.inf:
            assert p(end / outward) > 0.03
            assert p(end * outward) < 0.08


def test_neither_units_nor_order_nor_names_matter(made: Simulated, rng: np.random.Generator) -> None:
    sites, order = made.sites, rng.permutation(len(made.sites))
    mixed = replace(sites, **{name: getattr(sites, name)[order] for name in sites.__dataclass_fields__})
    names = rng.permutation(100)[: sites.front.max() + 1]
    renamed = replace(mixed, front=names[mixed.front].astype(np.int64))
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotated = replace(sites, position=sites.position @ turned.T + 7.0, direction=sites.direction @ turned.T)
    expected = primary(sites, seed=2, n_shifts=299)
    assert primary(sites.with_density(3.0 * sites.density), seed=2, n_shifts=299) == pytest.approx(expected)
    assert primary(rotated, seed=2, n_shifts=299).percentile_advanced == pytest.approx(expected.percentile_advanced)
    assert score_of(renamed) == pytest.approx(score_of(sites), abs=1e-6)
    assert score_of(rotated) == pytest.approx(score_of(sites), abs=1e-6)
    assert prepare(sites.with_density(np.sqrt(sites.density))).null.total == pytest.approx(prepare(sites).null.total)


def score_of(sites: object) -> float:
    return prepare(sites).null.total


def test_small_errors_of_the_trend_leave_the_score(made: Simulated, rng: np.random.Generator) -> None:
    ready = prepare(made.sites)
    null = ready.null
    weight = ready.sites.length / ready.sites.length.mean()
    error = ready.design @ rng.normal(size=ready.design.shape[1])
    error /= np.abs(error).max()

    def total(density: np.ndarray, size: float) -> float:
        hazard = np.exp(ready.design @ null.coefficients + size * error)
        return float(density @ (weight * (ready.sites.advanced + np.expm1(-hazard))))

    assert total(null.density, 0.0) == pytest.approx(null.total)
    slopes = [(total(d, 1e-4) - total(d, -1e-4)) / 2e-4 for d in (null.density, ready.ranked)]
    assert abs(slopes[0]) < 1e-3
    assert abs(slopes[0]) < abs(slopes[1])


def test_fronts_without_contrast_are_left_out(made: Simulated) -> None:
    still = replace(made.sites, advanced=made.sites.advanced & (made.sites.fracture != 1))
    found = primary(still, n_shifts=99)
    assert found.n_fractures == 2
    with pytest.raises(InputError, match=r"0 of \d+ front sites lie on fronts that advanced at some sites and not at others"):
        primary(replace(made.sites, advanced=np.zeros(len(made.sites), bool)))
    with pytest.raises(InputError, match="take a larger radius"):
        primary(made.sites.with_density(np.zeros(len(made.sites))))


def test_strong_attraction_is_found_by_every_test(seed: int) -> None:
    made = simulate(Design(fractures=3, hazard_ratio=4.0, steps=5), np.random.default_rng(seed))
    ready = prepare(made.sites)
    material = nulls.Material(made.defects, made.window)
    draws = nulls.Draws(ready, material, 25.0)
    assert primary(made.sites, n_shifts=499).p < 0.05
    assert primary(made.sites, n_shifts=499).effect > 1.5
    assert nulls.redrawn(draws, seed, 59).p < 0.1
    assert nulls.toroidal(draws, seed, 59).p < 0.1
    odds = {one.influence: one for one in logistic(ready, 50.0)}
    assert odds["density"].ratio > 1.5
    assert odds["density"].interval[0] < odds["density"].ratio < odds["density"].interval[1]
    found = cosine(ready, material, 25.0, seed, 299)
    assert found.advanced > found.not_advanced


def test_logistic_model_is_that_of_independent_sites_where_they_are(rng: np.random.Generator) -> None:
    made = simulate(Design(fractures=3, steps=6), rng)
    sites = made.sites
    z = standardised(sites)
    chance = 1 / (1 + np.exp(-(np.log(2.0) * z + 0.5 * (sites.curvature - sites.curvature.mean()) / sites.curvature.std())))
    odds = {o.influence: o for o in logistic(prepare(replace(sites, advanced=rng.random(len(sites)) < chance)), 30.0)}
    assert odds["density"].interval[0] / 1.5 < 2.0 < odds["density"].interval[1] * 1.5
    assert odds["curvature"].interval[0] / 1.5 < np.exp(0.5) < odds["curvature"].interval[1] * 1.5
    assert odds["density"].p < 0.01


def test_calibration_and_power_in_small(seed: int) -> None:
    """Bounds that a sound test leaves once in a million runs; the full run is `python -m benchmarks.growth`."""
    none = benchmark.run(Design(fractures=0), 60, seed=seed, workers=1, shifts=199)
    assert benchmark.rejected(none, "shift") <= 15 / len(none)
    assert benchmark.rejected(none, "naive") > benchmark.rejected(none, "shift")
    some = benchmark.run(Design(hazard_ratio=2.5, fractures=0), 12, seed=seed, workers=1, shifts=199)
    assert benchmark.rejected(some, "shift") >= 4 / len(some)
    assert "| shift |" in benchmark.calibration(none)
    one = benchmark.run(Design(hazard_ratio=2.0), 2, seed=seed, workers=1, shifts=99, draws=19, interval=True)
    assert "| 2 |" in benchmark.power({2.0: one})
    assert benchmark.by_size(2, seed, 1).count("| 1 | 4 |") == 2
    assert set(one[0].p) == {"shift", "naive", "redrawn", "toroidal"}
