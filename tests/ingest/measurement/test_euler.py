"""Euler numbers against scikit-image, and of bodies whose topology is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import euler_number

from tests.ingest.labelling.oracles import Array, class_volumes, label_volume, painted
from xctgraph.ingest.measurement import measure

SPACING = (1.0, 1.0, 1.0)


@settings(deadline=None, max_examples=50)
@given(class_volumes(), st.sampled_from([6, 26]))
def test_euler_numbers_are_those_of_scikit_image(classes: Array, connectivity: int) -> None:
    labelled = label_volume({"classes": classes}, 3, connectivity=connectivity)
    volume = painted(labelled)
    ndim = {6: 1, 26: 3}[connectivity]
    expected = [euler_number(np.pad(volume == k, 1), connectivity=ndim) for k in range(1, labelled.n + 1)]
    assert measure(labelled, SPACING)["euler_number"].to_pylist() == expected


@settings(deadline=None, max_examples=30)
@given(class_volumes(), st.sampled_from([6, 26]))
def test_instances_in_pieces(instances: Array, connectivity: int) -> None:
    labelled = label_volume({"instances": instances}, connectivity=connectivity)
    volume = painted(labelled)
    ndim = {6: 1, 26: 3}[connectivity]
    expected = [euler_number(np.pad(volume == k, 1), connectivity=ndim) for k in range(1, labelled.n + 1)]
    assert measure(labelled, SPACING)["euler_number"].to_pylist() == expected


@pytest.mark.parametrize("connectivity", [6, 26])
def test_ball_ring_and_shell(connectivity: int) -> None:
    z, y, x = np.ogrid[-8:9, -8:9, -8:9]
    radius = np.sqrt(z**2 + y**2 + x**2)
    ring = (np.sqrt(y**2 + x**2) - 5) ** 2 + z**2 <= 4
    bodies = [radius <= 6, ring, (radius <= 6) & (radius > 3)]
    classes = np.concatenate(bodies, axis=2).astype(np.uint8)
    labelled = label_volume({"classes": classes}, connectivity=connectivity)
    euler = measure(labelled, SPACING)["euler_number"].to_numpy()
    assert [euler[labelled.labels.at(8, 8 + dy, 17 * k + 8) - 1] for k, dy in enumerate((0, 5, 5))] == [1, 0, 2]


def test_null_for_18_neighbours() -> None:
    labelled = label_volume({"classes": np.ones((2, 2, 2), np.uint8)}, connectivity=18)
    assert measure(labelled, SPACING)["euler_number"].to_pylist() == [None]
