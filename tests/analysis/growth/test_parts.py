"""Each part of the growth test against an oracle that does not use it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import rankdata

from xctgraph.analysis.density.thomas import fit_thomas, thomas_k
from xctgraph.analysis.density.window import Window
from xctgraph.analysis.growth import shift
from xctgraph.analysis.growth.ahead import Defects, defect_volume, material_volume
from xctgraph.analysis.growth.along import along
from xctgraph.analysis.growth.hazard import RIDGE, fit
from xctgraph.analysis.growth.score import percentiles, savage, without_trend
from xctgraph.analysis.growth.sensitivity import after
from xctgraph.analysis.growth.simulate import Design, simulate
from xctgraph.analysis.growth.sites import Sites
from xctgraph.store.errors import InputError

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=15)
@given(seeds)
def test_hazard_is_the_largest_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 200
    design = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    offset, weight = 0.5 * rng.normal(size=n), rng.uniform(0.5, 2.0, n)
    advanced = rng.random(n) < 1 - np.exp(-np.exp(design @ [-0.5, 0.8, -0.4] + offset))

    def unlikelihood(b: np.ndarray) -> float:
        hazard = np.exp(design @ b + offset)
        return -float(weight @ np.where(advanced, np.log(-np.expm1(-hazard)), -hazard)) + RIDGE / 2 * float(b @ b)

    expected = minimize(unlikelihood, np.zeros(3), method="BFGS", options={"gtol": 1e-7})
    found = fit(advanced, design, weight, offset)
    assert found.coefficients == pytest.approx(expected.x, abs=2e-4)
    assert found.probability == pytest.approx(1 - np.exp(-np.exp(design @ expected.x + offset)), abs=2e-4)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_shifted_sums_are_those_of_rolled_series(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n_pieces = int(rng.integers(5, 30)), int(rng.integers(1, 4))
    pieces = [np.arange(i * m, (i + 1) * m) for i in range(n_pieces)]
    density, residual = rng.normal(size=(2, n_pieces * m))
    (curve,) = shift.sums([pieces], density, residual)
    assert len(curve) == shift.FINE * m
    for k in range(m):
        rolled = sum(density[p] @ np.roll(residual[p], -k) for p in pieces)
        assert curve[shift.FINE * k] == pytest.approx(rolled, abs=1e-9)
    unequal = [pieces[0], np.arange(n_pieces * m - 3, n_pieces * m)]
    (both,) = shift.sums([unequal], density, residual)
    assert both[0] == pytest.approx(sum(density[p] @ residual[p] for p in unequal), abs=1e-9)
    (alike,) = shift.likeness([pieces], density, residual)
    assert alike[0] == pytest.approx(1.0)
    assert (np.abs(alike) <= 1 + 1e-9).all()


def test_removing_a_trend_from_shifted_residuals_costs_spread(rng: np.random.Generator) -> None:
    m = 60
    pieces = [[np.arange(m)], [np.arange(m, 2 * m)]]
    x = np.tile(np.linspace(-1, 1, m), 2)
    design = np.column_stack([np.repeat(np.eye(2), m, axis=0), x, x**2])
    smooth = [np.convolve(rng.normal(size=2 * m), np.ones(15), "same") for _ in range(2)]
    weight = rng.uniform(0.5, 1.0, 2 * m)
    density = without_trend(smooth[0], design, weight)
    residual = smooth[1] - weight[:, None] * design @ np.linalg.solve(design.T @ (weight[:, None] * design), design.T @ smooth[1])
    kept = shift.spread_kept(pieces, density, residual, design, weight, rng)
    assert 0.3 < kept < 1.0
    levels = design[:, :2]
    # Levels of whole rings are the same after a shift: with equal weights there is nothing to lose.
    plain = [without_trend(series, levels, np.ones(2 * m)) for series in smooth]
    assert shift.spread_kept(pieces, *plain, levels, np.ones(2 * m), rng) == pytest.approx(1.0)
    assert shift.seam(pieces, *plain) >= 1.0


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_percentiles_are_mean_ranks_within_the_front(seed: int) -> None:
    rng = np.random.default_rng(seed)
    front = np.unique(rng.integers(0, 5, 80), return_inverse=True)[1]
    density = np.round(rng.exponential(size=80), 1)
    found = percentiles(density, front)
    for number in np.unique(front):
        member = front == number
        assert found[member] == pytest.approx((rankdata(density[member]) - 0.5) / member.sum())


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_defects_ahead_are_the_parts_of_spheres_in_the_half_ball(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, points = rng.uniform(0, 50, (10, 3)), rng.uniform(0, 50, (150, 3))
    ahead = rng.normal(size=(10, 3))
    ahead /= np.linalg.norm(ahead, axis=1)[:, None]
    sphere = rng.uniform(0.5, 3.0, 150)
    volume = 4 / 3 * np.pi * sphere**3
    drawn = rng.uniform(-1, 1, (3000, 3))
    offset = (points[:, None] + sphere[:, None, None] * drawn[(drawn**2).sum(axis=1) <= 1])[None] - place[:, None, None]
    inside = ((offset**2).sum(axis=3) <= 144.0) & (np.einsum("ijpk,ik->ijp", offset, ahead) >= 0)
    found = defect_volume(place, ahead, Defects(points, volume), 12.0)
    # Spheres that both ball and plane cut are not exact: over 1,500 sites at most 6.4 of a half-ball of 3,619.
    assert found == pytest.approx(inside.mean(axis=2) @ volume, abs=12.0)


def test_material_ahead_in_a_box_and_in_a_mask(rng: np.random.Generator) -> None:
    place = np.array([[20.0, 20.0, 20.0], [20.0, 4.0, 20.0], [20.0, 0.0, 20.0]])
    ahead = np.broadcast_to([0.0, 0.0, 1.0], (3, 3))
    box = Window.box(np.zeros(3), np.full(3, 40.0))
    padded = np.zeros((22, 22, 22), np.bool_)
    padded[1:-1, 1:-1, 1:-1] = True
    mask = Window(padded, np.full(3, 2.0), np.full(3, -2.0))
    drawn = rng.uniform(-10, 10, (200_000, 3))
    half = drawn[(np.linalg.norm(drawn, axis=1) <= 10) & (drawn[:, 2] >= 0)]
    for window, tolerance in ((box, 0.01), (mask, 0.03)):
        for found, centre in zip(material_volume(place, ahead, 10.0, window), place, strict=True):
            share = ((half + centre >= 0) & (half + centre <= 40)).all(axis=1).mean()
            assert found == pytest.approx(share * 2 / 3 * np.pi * 1000, rel=tolerance)


def _front(position: np.ndarray, front: int, t: int, *, flipped: bool = False) -> Sites:
    n = len(position)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(position, axis=0), axis=1))])
    zeros = np.zeros(n)
    return Sites(
        fracture=np.zeros(n, np.int64), front=np.full(n, front), t=np.full(n, t), position=position,
        direction=np.broadcast_to([0.0, 0.0, 1.0], (n, 3)).copy(), arc=arc[::-1].copy() if flipped else arc,
        length=np.full(n, float(np.diff(arc).mean())), density=zeros, surface_distance=zeros, opening=zeros, curvature=zeros,
        advance=zeros, advanced=zeros > 0,
    )  # fmt: skip


def _joined(*parts: Sites) -> Sites:
    return Sites(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Sites.__dataclass_fields__})


def test_open_fronts_run_the_same_way_in_all_scans(rng: np.random.Generator) -> None:
    y = np.linspace(0, 300, 40)
    lines = [np.stack([np.zeros(40), y, 30.0 * t + 5 * rng.normal(size=40)], axis=1) for t in range(3)]
    sites = _joined(*(_front(line, t, t, flipped=bool(rng.integers(2))) for t, line in enumerate(lines)))
    found = along(sites)
    runs = np.array([np.sign(np.diff(sites.position[piece, 1])) for piece in found.pieces[0]])
    assert (runs == runs[0, 0]).all()
    assert np.abs(found.axes[0]) == pytest.approx([0, 1, 0], abs=0.1)


def test_closed_fronts_begin_at_one_place_and_turn_one_way(rng: np.random.Generator) -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    parts = []
    for t in range(4):
        turned = np.roll(angle if rng.integers(2) else angle[::-1], int(rng.integers(60)))
        radius = 50 + 10 * t
        parts.append(_front(np.stack([np.zeros(60), 1.2 * radius * np.cos(turned), radius * np.sin(turned)], axis=1), t, t))
    sites = _joined(*parts)
    found = along(sites)
    angles = [np.unwrap(np.arctan2(sites.position[p, 2], sites.position[p, 1] / 1.2)) for p in found.pieces[0]]
    assert np.ptp([a[0] % (2 * np.pi) for a in angles]) < 0.3 or np.ptp([(a[0] + np.pi) % (2 * np.pi) for a in angles]) < 0.3
    assert len({np.sign(a[-1] - a[0]) for a in angles}) == 1


def test_lag_adds_the_advance_of_the_nearest_later_site() -> None:
    made = simulate(Design(steps=3, fractures=2), np.random.default_rng(0)).sites
    found = after(made, 2)
    assert set(found.t) == {0, 1}
    for f in range(2):
        now, later = (np.flatnonzero((made.fracture == f) & (made.t == t)) for t in (0, 1))
        apart = np.linalg.norm(made.position[now][:, None] - made.position[later][None], axis=2)
        total = made.advance[now] + made.advance[later][apart.argmin(axis=1)]
        assert found.advance[(found.fracture == f) & (found.t == 0)] == pytest.approx(total)


def test_strong_clusters_are_found_again(rng: np.random.Generator) -> None:
    window = Window.box(np.zeros(3), np.full(3, 400.0))
    parents, spread = 40 / 400**3, 10.0
    centres = rng.uniform(-40, 440, (rng.poisson(parents * 480**3), 3))
    points = np.repeat(centres, rng.poisson(25.0, len(centres)), axis=0)
    points = points + rng.normal(0, spread, points.shape)
    points = points[window.contains(points)]
    found = fit_thomas(points, window, rng)
    assert 0.4 < found.parents / parents < 2.5
    assert 0.75 < found.spread / spread < 1.35
    drawn = found.draw(rng)
    assert window.contains(drawn).all()
    assert 0.5 < len(drawn) / len(points) < 2.0
    assert thomas_k(np.array([5.0]), found.parents, found.spread)[0] > 3 * 4 / 3 * np.pi * 125
    with pytest.raises(InputError, match="9 defects are too few"):
        fit_thomas(points[:9], window, rng)


def test_savage_scores_are_expected_waiting_times() -> None:
    n = 400
    expected = np.cumsum(1 / np.arange(n, 0, -1.0)) - 1  # of the ordered of n exponential times, less their mean
    assert savage((np.arange(n) + 0.5) / n)[:-5] == pytest.approx(expected[:-5], abs=0.03)


def test_advance_is_judged_within_fronts_that_moved_everywhere(rng: np.random.Generator) -> None:
    made = simulate(Design(steps=3, fractures=2), rng).sites
    advance = np.where(made.front % 2 == 0, rng.uniform(5.0, 40.0, len(made)), made.advance)
    made = replace(made, advance=advance)
    judged = made.judged(5.0, 0.5)
    for number in np.unique(made.front):
        member = made.front == number
        moved = advance[member] >= 5.0
        farther = advance[member] > np.median(advance[member])
        assert (judged.advanced[member] == (moved & farther if moved.mean() > 0.9 else moved)).all()
        assert number % 2 == 1 or moved.all()
    assert (made.judged(5.0, 0.0).advanced == (advance >= 5.0)).all()
