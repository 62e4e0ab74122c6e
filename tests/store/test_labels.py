"""Labels as runs, against the label volume they stand for."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

Array = NDArray[Any]


@st.composite
def label_volumes(draw: st.DrawFn, largest: int = 9) -> Array:
    shape = tuple(draw(st.lists(st.integers(1, largest), min_size=3, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([1, 2, 5, 40]))
    filled = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    return np.where(filled, rng.integers(1, n + 1, shape), 0).astype(np.int32)


def from_volume(volume: Array) -> Labels:
    """Runs by numpy: a run starts where a label differs from the one before it in its row."""
    n_x = volume.shape[2]
    edges = np.diff(np.pad(volume.reshape(-1, n_x), ((0, 0), (1, 1))), axis=1) != 0
    row, x = np.nonzero(edges)
    start = np.flatnonzero((x < n_x) & (volume.reshape(-1, n_x)[row, np.minimum(x, n_x - 1)] != 0))
    z, y = np.divmod(row[start], volume.shape[1])
    return Labels(volume.shape, z, y, x[start], x[start + 1], volume[z, y, x[start]])


@settings(deadline=None, max_examples=50)
@given(label_volumes())
def test_every_voxel_is_where_it_was(volume: Array) -> None:
    labels = from_volume(volume)
    n_z, n_y, n_x = volume.shape
    np.testing.assert_array_equal(labels.crop(0, n_z, 0, n_y, 0, n_x), volume)
    assert labels.n == volume.max()
    np.testing.assert_array_equal(labels.counts, np.r_[0, np.bincount(volume.ravel())[1:]])
    for label in range(1, labels.n + 1):
        np.testing.assert_array_equal(labels.voxels(label), np.argwhere(volume == label))
    assert all(labels.at(*voxel) == volume[voxel] for voxel in np.ndindex(volume.shape))
    assert {labels.at(-1, 0, 0), labels.at(0, n_y, 0), labels.at(0, 0, n_x), labels.at(0, 0, -1)} == {0}


@settings(deadline=None, max_examples=50)
@given(label_volumes(), st.lists(st.integers(-3, 12), min_size=6, max_size=6))
def test_crops_may_reach_beyond_the_volume(volume: Array, box: list[int]) -> None:
    padded = np.pad(volume, 16)
    slices = tuple(slice(16 + low, max(16 + low, 16 + high)) for low, high in zip(box[::2], box[1::2], strict=True))
    np.testing.assert_array_equal(from_volume(volume).crop(*box), padded[slices])


@settings(deadline=None, max_examples=30)
@given(label_volumes())
def test_indices_find_the_runs(volume: Array) -> None:
    labels = from_volume(volume)
    order, offsets = labels.by_label
    for label in range(labels.n + 1):
        np.testing.assert_array_equal(order[offsets[label] : offsets[label + 1]], np.flatnonzero(labels.label == label))
    rows = labels.z.astype(np.int64) * volume.shape[1] + labels.y
    np.testing.assert_array_equal(labels.row_offsets, np.searchsorted(rows, np.arange(volume.shape[0] * volume.shape[1] + 1)))


@settings(deadline=None, max_examples=50)
@given(label_volumes(), st.randoms(use_true_random=False))
def test_boundary_voxels(volume: Array, random: Any) -> None:
    labels = from_volume(volume)
    padded = np.pad(volume, 1)
    inner = padded[1:-1, 1:-1, 1:-1]
    differs = [inner != np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (-1, 1)]
    on_boundary = np.any(differs, axis=0) & (volume != 0)
    subset = [label for label in range(1, labels.n + 1) if random.random() < 0.5]
    for wanted, chosen in ((None, list(range(1, labels.n + 1))), (subset, subset)):
        found = labels.boundary(wanted)
        assert len(found.offsets) == labels.n + 2
        for label in range(1, labels.n + 1):
            part = slice(found.offsets[label], found.offsets[label + 1])
            expected = np.argwhere(on_boundary & (volume == label)) if label in chosen else np.empty((0, 3))
            np.testing.assert_array_equal(found.coords[part], expected)
            assert (found.label[part] == label).all()


@settings(deadline=None, max_examples=50)
@given(label_volumes(7), label_volumes(7), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 2.5]))
def test_overlap_after_displacement(first: Array, second: Array, seed: int, reach: float) -> None:
    a, b = from_volume(first), from_volume(second)
    displacement = np.random.default_rng(seed).uniform(-reach, reach, (a.n, 3))
    found = a.overlap(b, displacement if reach else None)
    expected: dict[tuple[int, int], int] = {}
    for voxel in np.argwhere(first):
        label = int(first[tuple(voxel)])
        target = voxel + np.rint(displacement[label - 1]).astype(int) * (reach != 0)
        if (target >= 0).all() and (target < second.shape).all() and second[tuple(target)]:
            pair = (label, int(second[tuple(target)]))
            expected[pair] = expected.get(pair, 0) + 1
    pairs = zip(found.label_a.tolist(), found.label_b.tolist(), strict=True)
    assert list(zip(pairs, found.voxels.tolist(), strict=True)) == sorted(expected.items())


def test_round_trip_through_a_table(rng: np.random.Generator) -> None:
    volume = np.where(rng.random((4, 5, 6)) < 0.5, rng.integers(1, 9, (4, 5, 6)), 0)
    table = from_volume(volume).to_table()
    assert table.schema == pa.schema([(name, pa.int32()) for name in ("z", "y", "x_start", "x_stop", "label")])
    back = Labels.from_table(table.append_column("t", pa.nulls(len(table))), volume.shape)
    np.testing.assert_array_equal(back.crop(0, 4, 0, 5, 0, 6), volume)


def test_labels_that_are_not_there(rng: np.random.Generator) -> None:
    labels = from_volume(rng.integers(1, 4, (3, 3, 3)))
    for call in (
        lambda: labels.voxels(4),
        lambda: labels.voxels(0),
        lambda: labels.boundary([1, 4]),
        lambda: labels.boundary([0]),
    ):
        with pytest.raises(InputError, match=r"label [04] is not in the volume: it holds labels 1 to 3"):
            call()
    with pytest.raises(InputError, match=r"displacement of shape \(2, 3\) must be finite numbers of shape \(3, 3\)"):
        labels.overlap(labels, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_start": [4, 0]}, "not in C order"),
        ({"y": [1, 1], "x_start": [0, 2]}, "overlap"),
        ({"y": [1, 1], "x_start": [0, 3]}, "touch in a row with one label"),
        ({"x_stop": [0, 2]}, "are empty"),
        ({"x_stop": [3, 6]}, "outside the volume"),
        ({"z": [0, 2]}, "outside the volume"),
        ({"y": [-1, 1]}, "outside the volume"),
        ({"label": [0, 1]}, "labels start at 1"),
        ({"label": [1]}, "different lengths"),
    ],
)
def test_runs_that_are_no_labels(change: dict[str, list[int]], message: str) -> None:
    good = Labels((2, 2, 5), *np.array([[0, 0], [0, 1], [0, 0], [3, 5], [1, 1]]))
    with pytest.raises(InputError, match=message):
        dataclasses.replace(good, **{name: np.array(values) for name, values in change.items()})
