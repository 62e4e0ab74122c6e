"""Advance of circular fronts, where it is known in closed form."""

from __future__ import annotations

import numpy as np

from xctgraph.ingest.fractures.advance import Front, advances

NORMAL = np.array([1.0, 0.0, 0.0])
SUCCESSOR = np.array([[1, 2]])
NOTHING = np.zeros((0, 3))


def arc(radius: float, fracture: int, n: int, *, lift: float = 0.0, open_: bool = False) -> Front:
    """Sites of a circle about the origin in a plane normal to z, or of half of it."""
    angle = (np.arange(n) + 0.5) / n * (np.pi if open_ else 2 * np.pi)
    direction = np.stack([np.zeros(n), np.sin(angle), np.cos(angle)], axis=1)
    length = radius * (np.pi if open_ else 2 * np.pi) / n
    return Front(radius * direction + [lift, 0, 0], direction, np.zeros(n, np.int64), np.full(n, length), np.full(n, fracture))


def run(old: Front, new: Front, there: np.ndarray = NOTHING) -> np.ndarray:
    return advances(old, np.tile(NORMAL, (len(old.points), 1)), new, SUCCESSOR, there, 1.0)


def test_a_circle_that_grows(rng: np.random.Generator) -> None:
    by = rng.uniform(2, 20)
    found = run(arc(30, 1, 40), arc(30 + by, 2, 57))
    # The later front is a polygon with its corners on the circle.
    sagitta = (30 + by) * (1 - np.cos(np.pi / 57))
    assert ((found <= by + 1e-9) & (found >= by - sagitta - 1e-9)).all()


def test_an_open_front_is_drawn_out_by_half_a_step() -> None:
    found = run(arc(30, 1, 20, open_=True), arc(36, 2, 24, open_=True))
    assert np.isfinite(found).all()
    assert np.abs(found - 6).max() < 0.2


def test_a_pore_that_joins_is_no_advance() -> None:
    new = arc(36, 2, 90)
    bulge = np.abs(np.arctan2(new.points[:, 1], new.points[:, 2])) < 0.15
    points = np.where(bulge[:, None], new.points * 1.4, new.points)
    pore = points[bulge]
    joined = Front(points, new.direction, new.line, new.length, new.fracture)
    assert run(arc(30, 1, 40), joined).max() > 15
    assert run(arc(30, 1, 40), joined, pore).max() < 6.5


def test_neither_another_fracture_nor_a_sheet_above_is_met() -> None:
    old = arc(30, 1, 40)
    assert np.isnan(run(old, arc(36, 3, 57))).all()
    assert np.isnan(run(old, arc(36, 2, 57, lift=9.0))).all()


def test_a_front_that_stays_has_not_advanced() -> None:
    assert run(arc(30, 1, 40), arc(29.9, 2, 57)).max() == 0


def test_where_nothing_is_left_the_advance_is_unknown() -> None:
    old, new = arc(30, 1, 40), arc(36, 2, 57)
    assert np.isnan(run(old, new, new.points)).all()
    none = Front(*(getattr(old, name)[:0] for name in ("points", "direction", "line", "length", "fracture")))
    assert len(run(none, new)) == 0
    assert np.isnan(run(old, none)).all()
