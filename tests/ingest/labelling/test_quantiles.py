"""Quantiles of grey values, against numpy on the voxels of every feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.labelling.oracles import Array, class_volumes, cut, everything, label_volume, painted
from xctgraph.ingest import labelling
from xctgraph.ingest.labelling import quantiles
from xctgraph.ingest.labelling.quantiles import SHARES

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "float16", "float32", "float64"]


def expected(volume: Array, grey: Array) -> Array:
    values = [grey[volume == k + 1].astype(np.float64) for k in range(volume.max(initial=0))]
    with np.errstate(invalid="ignore"):
        return np.array([np.quantile(v, SHARES) for v in values]).reshape(-1, len(SHARES))


def random_grey(dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return rng.integers(low, high, shape, np.int64, endpoint=True).astype(dtype)


@settings(deadline=None, max_examples=40)
@given(class_volumes(), st.sampled_from(DTYPES), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 100]))
def test_quantiles_are_those_of_numpy_to_the_last_bit(classes: Array, dtype: str, seed: int, height: int) -> None:
    grey = random_grey(dtype, classes.shape, np.random.default_rng(seed))
    labelled = label_volume({"classes": classes, "grey": grey}, height)
    np.testing.assert_array_equal(labelled.grey.quantiles, expected(painted(labelled), grey))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("at_once", [1, 3000])
def test_neither_slabs_nor_workers_nor_the_moment_of_settling_change_a_bit(
    dtype: str, at_once: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Features of a few voxels beside one that grows through the volume; joined ones meet late.
    classes = (rng.random((40, 50, 60)) < 0.03).astype(np.uint8)
    classes[:, 20:30, 20:24] = 1
    classes[:25, 40:44, ::7] = 1
    classes[25, 40:44, :] = 1
    grey = random_grey(dtype, classes.shape, rng)
    arrays = {"classes": classes, "grey": grey}
    whole = everything(label_volume(arrays, min_voxels=2))
    np.testing.assert_array_equal(whole["quantiles"], expected(painted(label_volume(arrays, min_voxels=2)), grey))
    monkeypatch.setattr(quantiles, "_SETTLED_AT_ONCE", at_once)
    for height in (1, 7, 40):
        for workers in (1, 2, 3):
            found = everything(labelling.label(cut(height, **arrays), classes.shape, min_voxels=2, workers=workers))
            for name, values in found.items():
                np.testing.assert_array_equal(values, whole[name], err_msg=f"{name}, slabs of {height}, {workers} workers")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_a_feature_that_grows_through_the_volume_is_held_as_a_histogram(
    dtype: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantiles, "_SETTLED_AT_ONCE", 1)
    classes = np.zeros((200, 100, 101), np.uint8)
    classes[:, :49] = classes[:, 51:] = 1
    classes[40, 49:51] = 1  # two that hold a histogram each become one
    grey = random_grey(dtype, classes.shape, rng)
    grey.flat[::3] = 7  # with many equal values
    held = []

    class Watched(quantiles.GreyQuantiles):
        def add(self, *given: object) -> None:
            super().add(*given)
            held.append(self.n_bytes)

    monkeypatch.setattr("xctgraph.ingest.labelling.stream.GreyQuantiles", Watched)
    labelled = label_volume({"classes": classes, "grey": grey}, 7)
    assert labelled.n == 1
    np.testing.assert_array_equal(labelled.grey.quantiles, expected(painted(labelled), grey))
    # Each of the two is held once, and once more while its histogram is made; the rest are runs and values of slabs.
    limit = 2 * 2 * 2 ** (8 * grey.itemsize) * 8 + 600_000
    assert max(held) < limit < 2 * np.count_nonzero(classes) * grey.itemsize


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_instances_may_come_again_anywhere(dtype: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "_SETTLED_AT_ONCE", 1)
    instances = rng.integers(0, 30, (20, 11, 12)) * (rng.random((20, 11, 12)) < 0.5)
    grey = random_grey(dtype, instances.shape, rng)
    labelled = label_volume({"instances": instances, "grey": grey}, 3)
    np.testing.assert_array_equal(labelled.grey.quantiles, expected(painted(labelled), grey))


def test_nan_zero_and_infinity() -> None:
    grey = np.array([[[np.nan, 1, 2, 9, -0.0, 0.0, -0.0, 9, np.inf, 1, 2, 9, -np.inf, np.inf]]], np.float32)
    classes = (grey != 9).astype(np.uint8)
    labelled = label_volume({"classes": classes, "grey": grey})
    found = labelled.grey.quantiles
    np.testing.assert_array_equal(found, expected(painted(labelled), grey))
    assert np.isnan(found[0]).all()
    assert not np.signbit(found[1]).any()
    assert np.isinf(found[2, 4]) or np.isnan(found[2, 4])


def test_values_of_an_open_feature_are_within_the_memory_or_refused() -> None:
    classes = np.zeros((64, 64, 64), np.uint8)
    classes[:, 2:62, 2:62] = 1
    grey = np.ones(classes.shape, np.float32)
    with pytest.raises(labelling.stream.InputError, match=r"runs, and 0.00 GB of grey values for quantiles, which take"):
        labelling.label(cut(4, classes=classes, grey=grey), classes.shape, memory=1_500_000)
    assert labelling.label(cut(4, classes=classes, grey=grey), classes.shape, memory=10_000_000).n == 1
