"""Fractures and pores told apart, on bodies drawn as such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from xctgraph.ingest import kinds
from xctgraph.ingest.labelling import Slab, label
from xctgraph.ingest.measurement import measure
from xctgraph.store.errors import InputError

Array = NDArray[Any]


def features(*bodies: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> pa.Table:
    """Measure bodies, one feature each, in the order they are given."""
    tables = [
        measure(label([Slab(0, np.pad(body, 1).astype(np.uint8))], tuple(n + 2 for n in body.shape)), spacing) for body in bodies
    ]
    assert [len(table) for table in tables] == [1] * len(bodies)
    return pa.concat_tables(tables)


def ellipsoid(axes: tuple[float, ...], rng: np.random.Generator) -> Array:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    half = int(max(axes)) + 2
    grid = np.stack(np.meshgrid(*[np.arange(-half, half + 1)] * 3, indexing="ij"), axis=-1) + rng.uniform(-0.5, 0.5, 3)
    return np.asarray((((grid @ rotation) / axes) ** 2).sum(axis=-1) <= 1)


def half_penny(radius: float, thickness: float, wave: float) -> Array:
    """A crack that starts at x = 0: a half disc on a wavy sheet, seen along z."""
    z, y, x = np.mgrid[-30:31, -int(radius) : int(radius) + 1, : int(radius) + 1]
    sheet = wave * np.sin(x / 17) + 0.7 * wave * np.cos(y / 13)
    return np.asarray((np.hypot(y, x) <= radius) & (np.abs(z - sheet) <= thickness / 2))


def test_cracks_are_fractures_and_compact_bodies_pores(rng: np.random.Generator) -> None:
    pores = [
        ellipsoid(axes, rng) for axes in ((2.0, 2.0, 2.0), (5.0, 4.0, 3.5), (9.0, 7.0, 5.0), (30.0, 4.0, 4.0), (12.0, 12.0, 9.0))
    ]
    cracks = [half_penny(*shape) for shape in ((14, 3, 0), (40, 3, 4), (40, 8, 8), (90, 5, 12))]
    table = features(*pores, *cracks)
    found = kinds.assign(table, ["dark"] * len(table))
    assert found.to_pylist() == ["pore"] * len(pores) + ["fracture"] * len(cracks)


def test_a_branching_crack_has_no_flat_ellipsoid_but_much_surface() -> None:
    body = np.zeros((80, 80, 80), bool)
    body[39:42, 5:75, 5:75] = body[5:75, 5:75, 39:42] = True
    table = features(body)
    assert table["axis_minor_length"][0].as_py() > 0.5 * table["axis_intermediate_length"][0].as_py()
    assert kinds.assign(table, ["dark"]).to_pylist() == ["fracture"]
    assert kinds.assign(table, ["dark"], kinds.Rule(max_sphericity=0)).to_pylist() == ["pore"]


def test_a_pore_space_that_runs_through_the_volume_is_no_fracture(rng: np.random.Generator) -> None:
    noise = scipy.ndimage.gaussian_filter(rng.normal(size=(60, 60, 60)), 2, mode="wrap")
    space = noise > np.quantile(noise, 0.6)
    labels, _ = scipy.ndimage.label(space, np.ones((3, 3, 3)))
    largest = features(labels == np.bincount(labels.ravel())[1:].argmax() + 1)
    assert largest["sphericity"][0].as_py() < 0.3
    assert kinds.assign(largest, ["dark"]).to_pylist() == ["pore"]


def test_small_flat_features_are_pores() -> None:
    plate = np.ones((1, 9, 9), bool)
    assert kinds.assign(features(plate), ["dark"]).to_pylist() == ["pore"]
    assert kinds.assign(features(plate), ["dark"], kinds.Rule(min_voxels=81)).to_pylist() == ["fracture"]


def test_flatness_is_that_of_the_body_not_of_the_voxels() -> None:
    thin_voxels = (0.2, 1.0, 1.0)
    assert kinds.assign(features(np.ones((10, 10, 10), bool), spacing=thin_voxels), ["dark"]).to_pylist() == ["fracture"]
    assert kinds.assign(features(np.ones((50, 10, 10), bool), spacing=thin_voxels), ["dark"]).to_pylist() == ["pore"]


def test_other_classes_are_kinds_already() -> None:
    plate = np.ones((2, 30, 30), bool)
    table = features(plate, plate, plate)
    for classes in (["inclusion", "dark", "my kind"], np.array(["inclusion", "dark", "my kind"], object)):
        assert kinds.assign(table, classes).to_pylist() == ["inclusion", "fracture", "my kind"]
    assert kinds.assign(table.slice(0, 0), []).to_pylist() == []


def test_wrong_input() -> None:
    with pytest.raises(InputError, match="2 classes were given for 1 features"):
        kinds.assign(features(np.ones((1, 1, 1), bool)), ["dark", "dark"])
    with pytest.raises(InputError, match="min_voxels = 0"):
        kinds.Rule(min_voxels=0)
    with pytest.raises(InputError, match=r"max_flatness = 1.5 .* must lie in 0 to 1"):
        kinds.Rule(max_flatness=1.5)
