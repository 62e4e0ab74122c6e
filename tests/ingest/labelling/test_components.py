"""Which voxels belong together, and how the features are numbered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from tests.ingest.labelling.oracles import Array, class_volumes, components, cut, everything, label_volume, painted, renumbered
from tests.real_data import real_volume
from xctgraph.ingest.labelling import Slab, label
from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import InputError

CONNECTIVITIES = st.sampled_from([6, 18, 26])


@settings(deadline=None, max_examples=60)
@given(class_volumes(), CONNECTIVITIES, st.integers(1, 4))
def test_components_and_ranks_are_those_of_cc3d(classes: Array, connectivity: int, min_voxels: int) -> None:
    labelled = label_volume({"classes": classes}, 3, connectivity=connectivity, min_voxels=min_voxels)
    expected = components(classes, connectivity, min_voxels)
    np.testing.assert_array_equal(painted(labelled), expected)
    assert labelled.n == expected.max(initial=0)
    np.testing.assert_array_equal(labelled.class_code, [classes[expected == k][0] for k in range(1, labelled.n + 1)])


def test_wide_rows_with_empty_stretches(rng: np.random.Generator) -> None:
    classes = (rng.random((5, 7, 1000)) < 0.004).astype(np.uint8)
    classes[:, :, 120:140] = 1
    classes[:, :, 140:150] = 2
    np.testing.assert_array_equal(painted(label_volume({"classes": classes}, 2)), components(classes, 26))


@settings(deadline=None, max_examples=20)
@given(class_volumes(), CONNECTIVITIES, st.integers(0, 2**32 - 1), st.sampled_from(["uint8", "uint16", "float32"]))
def test_slab_height_changes_no_bit(classes: Array, connectivity: int, seed: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    arrays = {
        "classes": classes,
        "grey": rng.normal(120, 30, classes.shape).clip(0, 255).astype(dtype),
        "material": rng.random(classes.shape) < 0.9,
    }
    whole = everything(label_volume(arrays, connectivity=connectivity, min_voxels=2))
    for height in (1, 2, 7):
        for name, values in everything(label_volume(arrays, height, connectivity=connectivity, min_voxels=2)).items():
            np.testing.assert_array_equal(values, whole[name], err_msg=f"{name}, slabs of {height}")


@settings(deadline=None, max_examples=30)
@given(class_volumes(), st.sampled_from([1, 2, 100]), st.sampled_from(["uint8", "uint16", "int32", "int64", "uint32"]))
def test_instances_join_by_value_wherever_they_are(instances: Array, height: int, dtype: str) -> None:
    values = instances.astype(np.int64) * (37 if dtype == "uint8" else 9999)
    labelled = label_volume({"instances": values.astype(dtype)}, height)
    expected = renumbered(values)
    np.testing.assert_array_equal(painted(labelled), expected)
    np.testing.assert_array_equal(labelled.source_label, [values[expected == k][0] for k in range(1, labelled.n + 1)])


def test_instances_with_many_large_values(rng: np.random.Generator) -> None:
    values = np.where(rng.random((9, 20, 20)) < 0.5, rng.integers(1, 2**60, (9, 20, 20)), 0)
    values[4:] = values[:5][::-1]
    labelled = label_volume({"instances": values}, 2, min_voxels=2)
    sizes = dict(zip(*np.unique(values, return_counts=True), strict=True))
    kept = np.vectorize(lambda v: v if sizes[v] >= 2 else 0)(values)
    np.testing.assert_array_equal(painted(labelled), renumbered(kept))


def test_a_dense_noise_volume(rng: np.random.Generator) -> None:
    classes = (rng.random((40, 60, 70)) < 0.5).astype(np.uint8)
    for connectivity in (6, 26):
        np.testing.assert_array_equal(
            painted(label_volume({"classes": classes}, 9, connectivity=connectivity)), components(classes, connectivity)
        )


@pytest.mark.parametrize("name", ["cement", "snow"])
def test_real_volumes(name: str) -> None:
    with open_volume(real_volume(name)) as volume:
        grey = volume.read(0, volume.shape[0])
    above = (grey > threshold_otsu(grey)).astype(np.uint8)
    for classes in (above, above + 1):
        for connectivity in (6, 26):
            labelled = label_volume({"classes": classes}, 13, connectivity=connectivity, min_voxels=3)
            np.testing.assert_array_equal(painted(labelled), components(classes, connectivity, 3))


def test_no_feature_at_all() -> None:
    labelled = label_volume({"classes": np.zeros((3, 4, 5), np.uint8), "grey": np.ones((3, 4, 5), np.float32)})
    assert labelled.n == labelled.labels.n == len(labelled.grey.mean) == 0


def test_read_only_and_strided_slabs_are_taken() -> None:
    classes = np.zeros((4, 6, 8), np.uint8).transpose(2, 1, 0)
    classes[1:3, 2:4, 1:3] = 1
    classes.flags.writeable = False
    assert label_volume({"classes": classes, "grey": classes.astype(">u2")}).moments.n_voxels.tolist() == [8]


@pytest.mark.parametrize(
    ("slabs", "options", "message"),
    [
        ([Slab(0, np.zeros((3, 4, 5), np.uint8))], {"connectivity": 8}, "connectivity 8 is not valid: choose 6, 18 or 26"),
        ([Slab(0, np.zeros((3, 4, 5), np.uint8))], {"min_voxels": 0}, "min_voxels = 0 is not valid"),
        ([Slab(0, np.zeros((2, 4, 5), np.uint8))], {}, "end at slice 2, but the volume has 3"),
        ([Slab(1, np.zeros((2, 4, 5), np.uint8))], {}, "starts at z = 1, but the next slice is 0"),
        ([Slab(0, np.zeros((4, 4, 5), np.uint8))], {}, "does not fit a volume of shape"),
        ([Slab(0, np.zeros((3, 4, 6), np.uint8))], {}, "does not fit a volume of shape"),
        ([Slab(0)], {}, "either classes or instances"),
        ([Slab(0, np.zeros((3, 4, 5), np.uint8), np.zeros((3, 4, 5), int))], {}, "exactly one"),
        ([Slab(0, None, np.full((3, 4, 5), -2))], {}, "instance -2 is negative"),
        ([Slab(0, None, np.full((3, 4, 5), 1.5))], {}, "whole numbers, but the slab at z = 0 holds float64"),
        (
            [Slab(0, np.zeros((1, 4, 5), np.uint8)), *cut(2, instances=np.zeros((2, 4, 5), int))],
            {},
            "starts at z = 0, but the next slice is 1",
        ),
        (
            [Slab(0, np.zeros((1, 4, 5), np.uint8)), Slab(1, None, np.zeros((2, 4, 5), int))],
            {},
            "all must hold the same arrays",
        ),
    ],
)
def test_slabs_that_are_not_the_volume(slabs: list[Slab], options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        label(slabs, (3, 4, 5), **options)


def test_a_volume_without_slices() -> None:
    with pytest.raises(InputError, match="three positive sizes"):
        label([], (0, 4, 5))
