"""Voxels of every type, from grey values, masks and labels to features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xctgraph.ingest import config, plan, scan
from xctgraph.store.progress import silent

SHAPE = (16, 32, 40)
GREYS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">u2", ">i4", ">f4", ">f8"]
OTSU = ["i1", "u4", "f2", ">f8"]
WHOLE = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", ">u2", ">i4", ">u8"]
BOXES = ((slice(2, 5), slice(3, 7), slice(3, 6)), (slice(6, 9), slice(11, 14), slice(12, 18)))


def measured(array: np.ndarray, folder: Path, **segmentation: Any) -> scan.MeasuredScan:
    np.save(folder / "v.npy", array)
    dataset = config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 2},
            "segmentation": segmentation,
            "scan": [{"t": 0, "path": str(folder / "v.npy")}],
        },
        origin="test",
    )
    (made,) = plan.make(None, dataset, replace=False)
    return scan.measure(dataset, made, silent)


def sizes() -> list[int]:
    return [int(np.prod([s.stop - s.start for s in box])) for box in BOXES]


def phantom(rng: np.random.Generator, dtype: str) -> np.ndarray:
    """Two bright boxes in noise that never reaches them; every value fits into 8 bits with sign."""
    array = np.clip(np.rint(rng.normal(50, 4, SHAPE)), 30, 70).astype(dtype)
    for value, box in zip((115, 120), BOXES, strict=True):
        array[box] = value
    return array


@pytest.mark.parametrize(
    ("dtype", "segmentation"),
    [(dtype, {"method": "threshold", "bright": 90}) for dtype in GREYS] + [(dtype, {"method": "otsu"}) for dtype in OTSU],
    ids=str,
)
def test_grey_values(dtype: str, segmentation: dict[str, Any], tmp_path: Path, rng: np.random.Generator) -> None:
    found = measured(phantom(rng, dtype), tmp_path, **segmentation).features
    assert found["n_voxels"].to_pylist() == sizes()
    assert found["kind"].to_pylist() == ["inclusion"] * 2
    assert found["intensity_mean"].to_pylist() == [115, 120]
    assert found["intensity_max"].to_pylist() == [115, 120]


@pytest.mark.parametrize("dtype", WHOLE)
def test_masks(dtype: str, tmp_path: Path) -> None:
    array = np.zeros(SHAPE, dtype)
    for box in BOXES:
        array[box] = 1
    assert measured(array, tmp_path, method="mask").features["n_voxels"].to_pylist() == sizes()


def test_a_mask_of_0_and_255(tmp_path: Path) -> None:
    array = np.zeros(SHAPE, np.uint8)
    array[BOXES[0]] = 255
    assert measured(array, tmp_path, method="mask", kinds={255: "pore"}).features["kind"].to_pylist() == ["pore"]


@pytest.mark.parametrize("dtype", WHOLE)
def test_labels(dtype: str, tmp_path: Path) -> None:
    array = np.zeros(SHAPE, dtype)
    limit = 1 if dtype == "bool" else min(int(np.iinfo(dtype).max), 2**63 - 1)
    values = sorted({1, limit})
    for value, box in zip(reversed(values), BOXES, strict=False):
        array[box] = value
    found = measured(array, tmp_path, method="labels").features
    assert found["source_label"].to_pylist() == values[::-1]
    assert found["n_voxels"].to_pylist() == sizes()[: len(values)]
