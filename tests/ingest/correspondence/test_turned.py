"""A scan that is turned or mirrored against the one before is named, with what puts it right."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from tests.ingest.correspondence import scene
from tests.ingest.correspondence.test_link import side
from xctgraph.ingest.correspondence import link
from xctgraph.ingest.correspondence.turned import hint

TURNS = [
    (order, mirrored)
    for order in itertools.permutations(range(3))
    for k in range(4)
    for mirrored in itertools.combinations(range(3), k)
]


@pytest.mark.parametrize(("n", "size"), [(60, 70), (150, 100)])
def test_the_orientation_is_found(n: int, size: int, rng: np.random.Generator) -> None:
    made = scene.make(rng, n, size, drift=3.0, strain=0.02, smooth=1.0)
    order, mirrored = TURNS[int(rng.integers(1, len(TURNS)))]
    turned = np.ascontiguousarray(np.flip(made.b.transpose(order), mirrored))
    (text,) = {text for text in link(side(made.a, made.kinds_a), side(turned, made.kinds_b)).warnings if "turned" in text}
    remedy = re.search(r"numpy\.flip\(volume\.transpose\((\d), (\d), (\d)\), \(([\d, ]*)\)\)", text)
    assert remedy, text
    back = np.flip(turned.transpose([int(axis) for axis in remedy.groups()[:3]]), [int(k) for k in re.findall(r"\d", remedy[4])])
    np.testing.assert_array_equal(back, made.b)


def test_other_pairs_are_not_called_turned(rng: np.random.Generator) -> None:
    made, other = (scene.make(rng, 60, 70, drift=3.0, strain=0.02, smooth=1.0) for _ in range(2))
    a = side(made.a, made.kinds_a)
    assert hint(a, side(made.b, made.kinds_b)) == ()
    assert hint(a, side(other.b, other.kinds_b)) == ()


def test_only_orientations_that_keep_the_shape_are_tried(rng: np.random.Generator) -> None:
    """In a box of unequal edges a scan can be upside down, but not lie on its side."""
    made = scene.make(rng, 120, 80, drift=2.0)
    a, b = (volume[:, :70, :60] for volume in (made.a, made.b))
    # Features that are cut away leave gaps in the labels.
    (a, kinds_a), (b, kinds_b) = (
        (np.searchsorted(kept, volume).astype(np.int32), [kinds[label - 1] for label in kept[1:]])
        for volume, kinds in ((a, made.kinds_a), (b, made.kinds_b))
        for kept in (np.unique(volume),)
    )
    (text,) = hint(side(a, kinds_a), side(np.ascontiguousarray(b[::-1]), kinds_b))
    assert "its axes are taken as (-z, y, x)" in text
