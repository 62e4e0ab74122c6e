"""The table of features against scikit-image and numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import threshold_otsu
from skimage.measure import regionprops_table

from tests.ingest.labelling.oracles import Array, class_volumes, label_volume, painted
from tests.real_data import real_volume
from xctgraph.ingest.labelling import Labelled
from xctgraph.ingest.measurement import measure
from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import InputError
from xctgraph.store.schema import FEATURES

SPACINGS = st.sampled_from([(1.0, 1.0, 1.0), (1.63, 1.63, 1.63), (3.0, 1.0, 0.7)])
AXES = "zyx"
PAIRS = ("zz", "zy", "zx", "yy", "yx", "xx")


def columns(table: pa.Table, *names: str) -> Array:
    return np.stack([table[name].to_numpy() for name in names], axis=1)


def check_against_scikit_image(labelled: Labelled, grey: Array, spacing: tuple[float, float, float]) -> None:
    table = measure(labelled, spacing)
    volume = painted(labelled).astype(np.int32)
    wanted = ("label", "centroid", "bbox", "area", "intensity_mean", "intensity_std", "intensity_min", "intensity_max")
    expected = regionprops_table(volume, grey, spacing=spacing, properties=(*wanted, "inertia_tensor_eigvals", "num_pixels"))
    assert table["label"].to_pylist() == expected["label"].tolist()
    for k, axis in enumerate(AXES):
        centroid = expected[f"centroid-{k}"]
        np.testing.assert_allclose(table[axis].to_numpy(), centroid, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(table[f"v{axis}"].to_numpy(), centroid / spacing[k], rtol=1e-9, atol=1e-9)
        assert table[f"bbox_{axis}_min"].to_pylist() == expected[f"bbox-{k}"].tolist()
        assert table[f"bbox_{axis}_max"].to_pylist() == expected[f"bbox-{k + 3}"].tolist()
    assert table["n_voxels"].to_pylist() == expected["num_pixels"].tolist()
    np.testing.assert_allclose(table["volume"].to_numpy(), expected["area"], rtol=1e-9)
    for name in ("mean", "std", "min", "max"):
        np.testing.assert_allclose(
            table[f"intensity_{name}"].to_numpy(), expected[f"intensity_{name}"], rtol=1e-9, atol=1e-9 * np.abs(grey).max()
        )
    np.testing.assert_array_equal(
        columns(table, *(f"intensity_{name}" for name in ("q05", "q25", "median", "q75", "q95"))),
        [np.quantile(grey[volume == k].astype(np.float64), (0.05, 0.25, 0.5, 0.75, 0.95)) for k in table["label"].to_pylist()],
    )
    check_covariance(table, volume, spacing)


def check_covariance(table: pa.Table, volume: Array, spacing: tuple[float, float, float]) -> None:
    """Covariance and its eigenvalues by numpy, from the voxels themselves."""
    order = np.argsort(volume.ravel(), kind="stable")
    splits = np.searchsorted(volume.ravel()[order], np.arange(1, len(table) + 1))
    voxels = np.split(order, splits)[1:]
    expected = np.array(
        [np.cov(np.stack(np.unravel_index(v, volume.shape)) * np.array(spacing)[:, None], bias=True) for v in voxels]
    ).reshape(-1, 3, 3)
    eigenvalues = np.linalg.eigvalsh(expected)[:, ::-1]
    largest = np.maximum(eigenvalues[:, :1], 1e-300)
    found = columns(table, *(f"cov_{pair}" for pair in PAIRS))
    upper = np.triu_indices(3)
    np.testing.assert_allclose(found / largest, expected[:, upper[0], upper[1]] / largest, rtol=0, atol=1e-9)
    lengths = columns(table, *(f"axis_{name}_length" for name in ("major", "intermediate", "minor")))
    np.testing.assert_allclose(lengths**2 / 20 / largest, eigenvalues / largest, rtol=0, atol=1e-9)
    matrix = np.empty((len(table), 3, 3))
    matrix[:, upper[0], upper[1]] = matrix[:, upper[1], upper[0]] = found
    for name, values in (("major", eigenvalues[:, 0]), ("minor", eigenvalues[:, 2])):
        vector = columns(table, *(f"{name}_{axis}" for axis in AXES))
        np.testing.assert_allclose(np.linalg.norm(vector, axis=1), 1, rtol=1e-9)
        residual = np.einsum("nij,nj->ni", matrix, vector) - values[:, None] * vector
        np.testing.assert_allclose(residual / largest, 0, atol=1e-9)
        assert (vector[:, 0] >= 0).all()


@settings(deadline=None, max_examples=25)
@given(class_volumes(), SPACINGS, st.integers(0, 2**32 - 1))
def test_shared_properties_are_those_of_scikit_image(classes: Array, spacing: tuple[float, float, float], seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 2**16, classes.shape).astype(np.uint16)
    labelled = label_volume({"classes": classes, "grey": grey}, 3)
    if labelled.n:
        check_against_scikit_image(labelled, grey, spacing)


@pytest.mark.parametrize("name", ["cement", "snow"])
def test_shared_properties_on_real_volumes(name: str) -> None:
    with open_volume(real_volume(name)) as volume:
        grey = volume.read(0, min(64, volume.shape[0]))
    labelled = label_volume({"classes": (grey > threshold_otsu(grey)).astype(np.uint8), "grey": grey}, 9, min_voxels=5)
    check_against_scikit_image(labelled, grey, (2.5, 2.5, 2.5))


def test_columns_are_those_of_the_schema() -> None:
    classes = np.zeros((4, 5, 6), np.uint8)
    classes[1:3, 1:3, 1:4] = 1
    table = measure(label_volume({"classes": classes}), (1.0, 1.0, 1.0))
    names = list(FEATURES.names)
    chosen = names[names.index("label") : names.index("border_touching") + 1]
    others = {"kind", "ref_z", "ref_y", "ref_x"}
    assert table.column_names == [name for name in chosen if name not in others]
    types = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64(), "bool": pa.bool_()}
    for name in table.column_names:
        column = FEATURES.column(name)
        assert table.schema.field(name).type == types[column.type]
        assert column.nullable or table[name].null_count == 0
    for name in ("source_label", *(name for name in table.column_names if name.startswith("intensity_"))):
        assert table[name].null_count == 1


def test_imported_labels_keep_their_number() -> None:
    instances = np.zeros((3, 3, 9), np.int64)
    instances[1, 1, 1], instances[1, 1, 7] = 700, 12
    table = measure(label_volume({"instances": instances}), (1.0, 1.0, 1.0))
    assert table["source_label"].to_pylist() == [700, 12]
    assert table["border_touching"].to_pylist() == [False, False]


def test_derived_sizes(rng: np.random.Generator) -> None:
    spacing = (1.5, 1.2, 0.8)
    classes = (rng.random((20, 20, 20)) < 0.1).astype(np.uint8)
    table = measure(label_volume({"classes": classes}), spacing)
    volume, area = table["volume"].to_numpy(), table["surface_area"].to_numpy()
    radius = table["equivalent_diameter"].to_numpy() / 2
    np.testing.assert_allclose(4 / 3 * np.pi * radius**3, volume, rtol=1e-12)
    np.testing.assert_allclose(table["sphericity"].to_numpy(), 4 * np.pi * radius**2 / area, rtol=1e-12)


def test_axes_of_an_ellipsoid_in_any_pose(rng: np.random.Generator) -> None:
    spacing = (1.5, 1.0, 0.8)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    semi = np.array([24.0, 15.0, 9.0])
    grid = np.meshgrid(*(np.arange(int(64 / step)) * step - 32 for step in spacing), indexing="ij")
    body = (((np.stack(grid, axis=-1) @ rotation) / semi) ** 2).sum(axis=-1) <= 1
    table = measure(label_volume({"classes": body.astype(np.uint8)}), spacing)
    lengths = columns(table, "axis_major_length", "axis_intermediate_length", "axis_minor_length")[0]
    np.testing.assert_allclose(lengths, 2 * semi, rtol=0.02)
    for name, k in (("major", 0), ("minor", 2)):
        vector = columns(table, *(f"{name}_{axis}" for axis in AXES))[0]
        assert abs(vector @ rotation[:, k]) == pytest.approx(1, abs=0.01)


def test_directions_have_one_sign() -> None:
    classes = np.zeros((3, 12, 12), np.uint8)
    classes[1, 1, 1:8] = 1
    classes[1, 3:9, 10] = 1
    for k in range(5):
        classes[1, 8 - k, 1 + k] = 2
    table = measure(label_volume({"classes": classes}), (1.0, 1.0, 1.0))
    major = columns(table, "major_z", "major_y", "major_x")
    np.testing.assert_allclose(major, [[0, 0, 1], [0, 1, 0], [0, 0.5**0.5, -(0.5**0.5)]], atol=1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0), (-1.0, 1.0, 1.0)])
def test_voxel_sizes_that_are_none(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="three positive numbers"):
        measure(label_volume({"classes": np.ones((1, 1, 1), np.uint8)}), spacing)


def test_no_features() -> None:
    table = measure(label_volume({"classes": np.zeros((2, 2, 2), np.uint8)}), (1.0, 1.0, 1.0))
    assert table.num_rows == 0
    assert table.schema.field("euler_number").type == pa.int32()
