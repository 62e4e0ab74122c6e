from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from tests.ingest.proximity.volumes import KINDS, seeds
from xctgraph.ingest.proximity import local_density
from xctgraph.ingest.proximity.ball import clipped_ball
from xctgraph.store.errors import InputError


def section(radius: float, x0: float, x1: float, y0: float, y1: float) -> float:
    """Area of a disc about the origin inside a rectangle, by chords."""

    def chord(x: float) -> float:
        half = np.sqrt(max(radius * radius - x * x, 0.0))
        return max(0.0, min(y1, half) - max(y0, -half))

    corners = [np.sqrt(max(radius**2 - y * y, 0.0)) for y in (y0, y1)]
    kinks = sorted(
        {s * c for c in corners for s in (-1, 1)} & {v for v in (s * c for c in corners for s in (-1, 1)) if x0 < v < x1}
    )
    low, high = max(x0, -radius), min(x1, radius)
    return quad(chord, low, high, points=[k for k in kinks if low < k < high] or None, limit=200)[0] if low < high else 0.0


@settings(deadline=None, max_examples=15)
@given(seeds)
def test_clipped_ball_is_the_integral_of_its_sections(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.3, 3, 3)
    centre = rng.uniform(0, 1, 3) * size
    radius = float(rng.uniform(0.2, 2.5))
    z = np.linspace(max(0.0, centre[0] - radius), min(size[0], centre[0] + radius), 801)
    areas = [
        section(
            np.sqrt(max(radius**2 - (v - centre[0]) ** 2, 0.0)), -centre[1], size[1] - centre[1], -centre[2], size[2] - centre[2]
        )
        for v in z
    ]
    assert clipped_ball(centre[None], np.zeros(3), size, radius)[0] == pytest.approx(np.trapezoid(areas, z), rel=2e-4)


def test_clipped_ball_in_closed_cases() -> None:
    ball = 4 / 3 * np.pi * 8
    at = np.zeros((1, 3))
    far = np.full(3, 9.0)
    assert clipped_ball(at, -far, far, 2.0)[0] == pytest.approx(ball, rel=1e-12)
    assert clipped_ball(at, np.zeros(3), far, 2.0)[0] == pytest.approx(ball / 8, rel=1e-12)
    assert clipped_ball(at, np.array([-9.0, 0.0, 0.0]), far, 2.0)[0] == pytest.approx(ball / 4, rel=1e-12)
    cap = np.pi * 1.5**2 * (3 * 2 - 1.5) / 3
    assert clipped_ball(at, np.array([-0.5, -9.0, -9.0]), far, 2.0)[0] == pytest.approx(ball - cap, rel=1e-12)
    assert clipped_ball(at, -np.full(3, 0.5), np.full(3, 0.5), 2.0)[0] == pytest.approx(1.0, rel=1e-12)
    assert clipped_ball(at, np.full(3, 5.0), far, 2.0)[0] == pytest.approx(0.0, abs=1e-12)


def shared(radius_a: float, radius_b: float, distance: float) -> float:
    """Volume that two balls share, by the discs in which planes across the line of their centres cut them."""
    x = np.linspace(-radius_a, radius_a, 4001)
    discs = np.minimum(radius_a**2 - x**2, radius_b**2 - (x - distance) ** 2)
    return float(np.trapezoid(np.pi * np.maximum(discs, 0.0), x))


@settings(deadline=None, max_examples=20)
@given(seeds, st.floats(1.0, 30.0), st.integers(1, 40))
def test_density_is_what_the_spheres_share_with_the_ball(seed: int, radius: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    shape, spacing = (30, 20, 40), (1.0, 2.5, 0.7)
    points = rng.uniform(0, 1, (n, 3)) * (np.asarray(shape) - 1) * spacing
    kinds = [KINDS[k] for k in rng.integers(0, len(KINDS), n)]
    size = rng.uniform(0.3, 6, n)
    volume = 4 / 3 * np.pi * size**3
    table = pa.table({"kind": kinds, "volume": volume, **{axis: points[:, k] for k, axis in enumerate("zyx")}})
    inside = np.zeros(n)
    for i in range(n):
        for j in range(n):
            if i != j and kinds[j] != "fracture":
                inside[i] += shared(radius, size[j], float(np.linalg.norm(points[i] - points[j])))
    ball = clipped_ball(points, -0.5 * np.asarray(spacing), (np.asarray(shape) - 0.5) * spacing, radius)
    expected = np.minimum(inside / ball, 1.0)
    np.testing.assert_allclose(local_density(table, shape, spacing, radius), expected, rtol=2e-3, atol=1e-4)


@settings(deadline=None, max_examples=20)
@given(seeds, st.floats(0.5, 60.0))
def test_the_clipped_ball_is_the_share_of_points_inside(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    high = np.array([30.0, 50.0, 28.0])
    points = rng.uniform(0, 1, (20, 3)) * high
    samples = rng.uniform(-1, 1, (40_000, 3)) * radius
    samples = samples[(samples**2).sum(axis=1) <= radius**2]
    share = np.array([((p + samples >= 0) & (p + samples < high)).all(axis=1).mean() for p in points])
    ball = 4 / 3 * np.pi * radius**3
    error = 6 * np.sqrt(np.maximum(share, 1 / len(samples)) / len(samples)) * ball
    assert (np.abs(share * ball - clipped_ball(points, np.zeros(3), high, radius)) <= error).all()


def test_a_pore_inside_a_large_inclusion_has_nothing_but_defect_around_it() -> None:
    table = pa.table(
        {"kind": ["inclusion", "pore"], "volume": [4 / 3 * np.pi * 18**3, 100.0], **{c: [50.0, 50.0] for c in "zyx"}}
    )
    assert local_density(table, (101, 101, 101), (1.0, 1.0, 1.0), 8.0)[1] == pytest.approx(1.0)


def test_no_features_and_a_wrong_radius() -> None:
    none = pa.table({"kind": pa.array([], pa.string()), **{c: pa.array([], pa.float64()) for c in ("volume", "z", "y", "x")}})
    assert len(local_density(none, (4, 4, 4), (1.0, 1.0, 1.0), 3.0)) == 0
    with pytest.raises(InputError, match=r"density radius -1\.0 um must be positive"):
        local_density(none, (4, 4, 4), (1.0, 1.0, 1.0), -1.0)
