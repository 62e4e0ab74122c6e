"""Runs found from grey values by thresholds: those of the classes, without a class volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ingest.labelling.oracles import Array, everything
from xctgraph.ingest.labelling import Slab, label
from xctgraph.ingest.labelling.levels import Levels, levels
from xctgraph.ingest.labelling.runs import extract
from xctgraph.store.errors import VolumeError

TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64, np.uint64, np.float32, np.float64]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_runs_are_those_of_the_classes(data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    shape = (2, 2, data.draw(st.integers(1, 20)))
    elements = None if dtype.kind != "f" else st.integers(-300, 300).map(lambda n: n / 4)
    grey = data.draw(hnp.arrays(dtype, shape, elements=elements))
    limit = st.one_of(st.just(np.inf), st.integers(-600, 600).map(lambda n: n / 4))
    bright = data.draw(limit)
    dark = data.draw(st.one_of(st.just(-np.inf), st.integers(1, 200).map(lambda n: min(bright, 300) - n / 8)))
    padding = data.draw(st.none() | st.sampled_from(grey.ravel().tolist()))
    material = data.draw(st.none() | hnp.arrays(np.bool_, shape))
    found = levels(dtype, bright, dark, padding, 1, 2)
    wide = grey.astype(object)
    expected = np.where(wide > bright, 1, np.where(wide < dark, 2, 0))
    if padding is not None:
        expected[grey == dtype.type(padding)] = 0
    if material is not None:
        expected[~material] = 0
    if found is None:
        # Every value of the type is on one side, or none lies between the thresholds.
        assert dtype.kind in "iu"
        return
    of_classes = extract(Slab(3, classes=expected.astype(np.uint8)))
    for got, wanted in zip(extract(Slab(3, grey=grey, levels=found, material=material)), of_classes, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("value", [1.0 / 3.0, -1.0 / 3.0, 0.1, 1e-50, 16_777_217.0])
def test_float32_is_compared_as_exactly_as_float64(value: float) -> None:
    near = np.float32(value)
    grey = np.array([[[np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]]])
    bright = levels(grey.dtype, value, -np.inf, None, 1, 0)
    dark = levels(grey.dtype, np.inf, value, None, 0, 2)
    assert bright is not None
    assert dark is not None
    for found, expected in ((bright, grey.astype(float) > value), (dark, grey.astype(float) < value)):
        spans = extract(Slab(0, grey=grey, levels=found)).spans
        chosen = np.zeros(grey.shape, bool)
        for z, y, start, stop in spans:
            chosen[z, y, start:stop] = True
        np.testing.assert_array_equal(chosen, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_voxel_that_is_not_finite_is_named(value: float, dtype: type) -> None:
    grey = np.zeros((3, 4, 5), dtype)
    grey[1, 2, 3] = value
    found = levels(grey.dtype, 1.0, -np.inf, None, 1, 0)
    with pytest.raises(VolumeError, match=r"\(z, y, x\) = \(41, 2, 3\) is -?(nan|inf)"):
        extract(Slab(40, grey=grey, levels=found))
    material = np.ones(grey.shape, bool)
    material[1, 2, 3] = False
    assert len(extract(Slab(40, grey=grey, levels=found, material=material)).code) == 0


@pytest.mark.parametrize(
    ("dtype", "bright", "dark"),
    [
        (np.uint8, -1.0, -np.inf),
        (np.uint8, np.inf, 256.0),
        (np.uint8, 10.7, 10.2),
        (np.float32, -1e300, -np.inf),
        (np.float32, np.inf, 1e300),
        (np.float16, 1.0, -np.inf),
        (np.bool_, 0.5, -np.inf),
    ],
)
def test_levels_that_a_type_cannot_hold(dtype: type, bright: float, dark: float) -> None:
    assert levels(np.dtype(dtype), bright, dark, None, 1, 2) is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_neither_slab_height_nor_workers_change_a_bit(dtype: str, rng: np.random.Generator) -> None:
    shape = (33, 20, 41)
    grey = rng.normal(120, 30, shape).clip(0, 255).astype(dtype)
    material = rng.random(shape) < 0.9
    found = levels(grey.dtype, 150.5, 90.25, None, 1, 2)

    def labelled(height: int, workers: int) -> dict[str, Array]:
        return everything(label(_cut(grey, material, found, height), shape, min_voxels=2, workers=workers))

    whole = labelled(33, 1)
    assert whole["class_code"].max() == 2
    for height in (1, 7, 64):
        for workers in (1, 2, 3):
            for name, values in labelled(height, workers).items():
                np.testing.assert_array_equal(values, whole[name], err_msg=f"{name}, slabs of {height}, {workers} workers")


def _cut(grey: Array, material: Array, found: Levels | None, height: int) -> list[Slab]:
    starts = range(0, len(grey), height)
    return [Slab(z, grey=grey[z : z + height], material=material[z : z + height], levels=found) for z in starts]


def test_an_error_in_a_worker_ends_the_labelling() -> None:
    grey = np.zeros((9, 4, 5), np.float32)
    grey[7, 1, 1] = np.nan
    found = levels(grey.dtype, 1.0, -np.inf, None, 1, 0)
    with pytest.raises(VolumeError, match=r"\(7, 1, 1\) is nan"):
        label(_cut(grey, np.ones(grey.shape, bool), found, 1), grey.shape, workers=3)
