from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xctgraph.ingest import segmentation
from xctgraph.store.errors import InputError, VolumeError

TYPES = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64, np.float16, np.float32, np.float64]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_thresholds_are_exclusive_for_every_type(data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    elements = None if dtype.kind != "f" else st.integers(-300, 300).map(lambda n: n / 4)
    grey = data.draw(hnp.arrays(dtype, (2, 3, 4), elements=elements))
    limits = sorted(data.draw(st.lists(st.integers(-600, 600).map(lambda n: n / 4), min_size=2, max_size=2, unique=True)))
    material = data.draw(hnp.arrays(bool, grey.shape))
    found = segmentation.threshold(bright=limits[1], dark=limits[0])
    wide = grey.astype(np.float64)
    expected = np.where(wide > limits[1], 1, np.where(wide < limits[0], 2, 0))
    assert found.classes == ("inclusion", "dark")
    np.testing.assert_array_equal(found.classify(grey), expected)
    np.testing.assert_array_equal(found.classify(grey, material=material), np.where(material, expected, 0))


def test_one_threshold_gives_one_class() -> None:
    grey = np.array([[[0, 100, 255]]], np.uint8)
    bright, dark = segmentation.threshold(bright=100), segmentation.threshold(dark=100)
    assert (bright.classes, bright.classify(grey).tolist()) == (("inclusion",), [[[0, 0, 1]]])
    assert (dark.classes, dark.classify(grey).tolist()) == (("dark",), [[[1, 0, 0]]])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "bright, dark or both"),
        ({"bright": 5, "dark": 5}, "must be below"),
        ({"bright": float("nan")}, "not a grey value"),
    ],
    ids=["none", "equal", "nan"],
)
def test_wrong_thresholds(limits: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        segmentation.threshold(**limits)


def test_a_voxel_that_is_not_finite_is_named() -> None:
    slab = np.zeros((3, 4, 5), np.float32)
    slab[1, 2, 3] = np.nan
    with pytest.raises(VolumeError, match=r"\(z, y, x\) = \(41, 2, 3\) is nan"):
        segmentation.threshold(bright=1).classify(slab, z0=40)
    material = np.ones(slab.shape, bool)
    material[1, 2, 3] = False
    assert not segmentation.threshold(bright=1).classify(slab, material=material).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_masks_are_mapped_to_kinds(dtype: type, rng: np.random.Generator) -> None:
    mask = rng.choice([0, 1, 2, 9], (4, 5, 6)).astype(dtype)
    found = segmentation.classes({1: "inclusion", 9: "pore", 2: "inclusion"})
    assert found.classes == ("inclusion", "pore")
    np.testing.assert_array_equal(found.classify(mask), np.select([mask == 0, mask == 9], [0, 2], 1))


def test_boolean_masks_are_masks_of_ones(rng: np.random.Generator) -> None:
    mask = rng.random((3, 4, 5)) > 0.5
    np.testing.assert_array_equal(segmentation.classes({1: "void"}).classify(mask), mask)


@pytest.mark.parametrize("value", [3, 200, -1])
def test_unknown_values_of_a_mask_are_listed(value: int) -> None:
    mask = np.array([[[0, 1]], [[2, value]]], np.int16)
    with pytest.raises(VolumeError, match=rf"value {value} \(slice 8\).*1 = inclusion, 2 = pore.*found there: .*{value}"):
        segmentation.classes({1: "inclusion", 2: "pore"}).classify(mask, z0=7)


def test_masks_of_fractions_are_refused() -> None:
    with pytest.raises(VolumeError, match="not whole numbers"):
        segmentation.classes({1: "pore"}).classify(np.full((1, 1, 1), 0.5))


@pytest.mark.parametrize("kinds", [{}, {0: "background"}, {-1: "pore"}, {70000: "pore"}, {1: ""}], ids=str)
def test_wrong_kinds(kinds: dict[int, str]) -> None:
    with pytest.raises(InputError, match="kinds"):
        segmentation.classes(kinds)
