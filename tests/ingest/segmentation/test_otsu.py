from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu, threshold_otsu

from tests.ingest.segmentation.phantom import best_iou, iou, phantom
from tests.real_data import real_volume
from xctgraph.ingest import segmentation
from xctgraph.ingest.segmentation import Segmenter, sampling
from xctgraph.ingest.volumes import open_volume
from xctgraph.store.errors import VolumeError


@pytest.fixture
def segment(tmp_path: Path) -> Callable[..., tuple[Segmenter, NDArray[np.uint8]]]:
    def run(grey: NDArray[np.generic], mask: NDArray[np.generic] | None = None) -> tuple[Segmenter, NDArray[np.uint8]]:
        np.save(tmp_path / "grey.npy", grey)
        np.save(tmp_path / "mask.npy", np.ones(grey.shape, bool) if mask is None else mask)
        with open_volume(tmp_path / "grey.npy") as volume, open_volume(tmp_path / "mask.npy") as sample_mask:
            found = segmentation.otsu(volume, sample_mask=None if mask is None else sample_mask)
        json.dumps(found.description, allow_nan=False)
        return found, found.classify(grey, material=None if mask is None else mask != 0)

    return run


def scores(found: Segmenter, classes: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, float]:
    return {
        name: iou(classes == code, truth == {"inclusion": 1, "dark": 2}[name]) for code, name in enumerate(found.classes, start=1)
    }


@pytest.mark.parametrize("blur", [0.0, 0.7, 1.2])
@pytest.mark.parametrize("contrast", [5, 8, 15])
@pytest.mark.parametrize("share", [0.001, 0.005, 0.02, 0.1, 0.2])
def test_overlap_with_the_truth_is_near_that_of_the_best_threshold(
    share: float, contrast: float, blur: float, segment, rng: np.random.Generator
) -> None:
    grey, truth = phantom(rng, bright=share, dark=share, noise=60 / contrast, blur=blur)
    got = scores(*segment(grey), truth)
    best = {"inclusion": best_iou(grey, truth == 1), "dark": best_iou(-grey, truth == 2)}
    print({name: (round(got.get(name, 0), 3), round(best[name], 3)) for name in best})
    # 20 % on either side, blurred and in strong noise, leaves no peak of pure matrix to fit.
    # At 0.1 % the 512 voxels of the truth are mostly hidden in the noise: the best threshold is itself a matter of luck (of 60
    # seeds the worst ratio is 0.7, one of some hundred runs of this test fell below 0.65).
    floor = {0.001: 0.4, 0.2: 0.6}.get(share, 0.85) if blur and contrast == 5 else 0.85
    assert got.keys() == best.keys()
    assert all(got[name] >= floor * best[name] for name in best)


def test_it_beats_otsu_on_sparse_features(segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.005, noise=10, blur=0.7)
    got = scores(*segment(grey), truth)
    assert iou(grey > threshold_otsu(grey), truth == 1) < 0.05
    assert iou(grey > threshold_multiotsu(grey, 3)[1], truth == 1) < 0.3
    assert min(got.values()) > 0.65


CASTS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.generic]]] = {
    "uint8": lambda g: np.clip(g, 0, 255).round().astype(np.uint8),
    "uint16": lambda g: np.clip(g * 200, 0, 65535).astype(np.uint16),
    "int16": lambda g: (g * 100 - 20000).astype(np.int16),
    "int32": lambda g: (g * 1e5).astype(np.int32),
    "float16": lambda g: g.astype(np.float16),
    "attenuation": lambda g: (g * 1e-6).astype(np.float32),
    "negative": lambda g: g - 500,
    "stretched": lambda g: (np.clip(g, 0, 186).round() * 1.37).round().astype(np.uint8),
    "quantised": lambda g: np.clip(g, 0, 255).round().astype(np.uint16) * 257,
    "matrix near 0": lambda g: np.clip(g - 65, 0, 255).astype(np.uint8),
    "clipped at both ends": lambda g: np.clip((g - 75) * 2.8, 0, 255).round().astype(np.uint8),
}


@pytest.mark.parametrize("cast", CASTS)
def test_types_offsets_and_clipping(cast: str, segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.005, noise=7, blur=0.7)
    assert min(scores(*segment(CASTS[cast](grey)), truth).values()) > 0.7


def test_a_few_outliers_do_not_matter(segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.005, noise=10)
    grey[3, 3, 3], grey[4, 4, 4] = 1e9, -1e9
    assert min(scores(*segment(grey), truth).values()) > 0.9


def test_a_class_that_is_not_there_is_absent(segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.0, noise=8)
    found, classes = segment(grey)
    assert found.classes == ("inclusion",)
    assert "explains all voxels" in found.description["classes"]["dark"]["absent"]
    assert iou(classes == 1, truth == 1) > 0.9


@pytest.mark.parametrize("noise", ["normal", "poisson", "student"])
@pytest.mark.parametrize("edge", [20, 80])
def test_noise_alone_holds_nothing(noise: str, edge: int, segment, rng: np.random.Generator) -> None:
    shape = (edge, edge, edge)
    grey = {
        "normal": lambda: rng.normal(100, 10, shape).astype(np.float32),
        "poisson": lambda: rng.poisson(40, shape).astype(np.uint16),
        "student": lambda: (rng.standard_t(8, shape) * 10 + 100).astype(np.float32),
    }[noise]()
    found, classes = segment(grey)
    assert found.classes == ()
    assert not classes.any()


@pytest.mark.parametrize(("bright", "dark"), [(0.4, 0.0), (0.0, 0.3), (0.15, 0.15)])
def test_abundant_features(bright: float, dark: float, segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=bright, dark=dark, noise=8, radius=8)
    got = scores(*segment(grey), truth)
    assert set(got) == {name for name, share in (("inclusion", bright), ("dark", dark)) if share}
    assert min(got.values()) > 0.9


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_without_noise(dtype: type, segment, rng: np.random.Generator) -> None:
    _, truth = phantom(rng, bright=0.01, dark=0.01, noise=0)
    found, classes = segment(np.array([120, 200, 30], dtype)[truth])
    np.testing.assert_array_equal(classes, truth)
    assert found.classes == ("inclusion", "dark")


def test_padding_around_the_reconstruction_is_no_feature(segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.005, noise=10)
    y, x = np.ogrid[:80, :80]
    outside = (y - 39.5) ** 2 + (x - 39.5) ** 2 > 39**2
    grey[:, outside], truth[:, outside] = 0, 0
    found, classes = segment(grey)
    assert found.description["padding"] == 0
    assert not classes[:, outside].any()
    assert min(scores(found, classes, truth).values()) > 0.85


def test_voxels_outside_the_sample_mask_take_no_part(segment, rng: np.random.Generator) -> None:
    grey, truth = phantom(rng, bright=0.005, dark=0.005, noise=10)
    mask = np.ones(grey.shape, np.uint8)
    mask[:, :, :35] = 0
    inside = segment(grey[:, :, 35:])[0].description["matrix"]
    grey[:, :, :35], truth[:, :, :35] = np.nan, 0
    found, classes = segment(grey, mask)
    assert found.description["voxels"] == mask.sum()
    assert found.description["matrix"]["mean"] == pytest.approx(inside["mean"], abs=0.2)
    assert not classes[:, :, :35].any()
    assert min(scores(found, classes, truth).values()) > 0.85


def test_slices_looked_at_are_evenly_spaced_and_independent_of_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(sampling, "SAMPLE_VOXELS", 0)
    grey, _ = phantom(rng, bright=0.02, dark=0.01, noise=10, edge=90)
    np.save(tmp_path / "v.npy", grey)
    tifffile.imwrite(tmp_path / "v.tif", grey, photometric="minisblack", compression="zlib")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("data", data=grey, chunks=(16, 30, 30))
    descriptions = []
    for name in ("v.npy", "v.tif", "v.h5"):
        with open_volume(tmp_path / name) as volume:
            planes = sampling.slices(volume.shape)
            descriptions.append(segmentation.otsu(volume).description)
    assert descriptions[0] == descriptions[1] == descriptions[2]
    assert descriptions[0]["slices"] == len(planes) == 32
    assert set(np.diff(planes)) <= {2, 3}
    assert abs(planes[0] - (89 - planes[-1])) <= 1


@pytest.mark.parametrize("shape", [(1, 5, 5), (31, 4, 4), (2000, 2160, 2560), (5000, 4096, 4096)])
def test_slices_of_any_volume(shape: tuple[int, int, int]) -> None:
    planes = sampling.slices(shape)
    assert np.all(np.diff(planes) > 0)
    assert 0 <= planes[0] <= planes[-1] < shape[0]
    assert len(planes) == min(shape[0], max(32, 2**27 // (shape[1] * shape[2])))


def test_real_snow_is_split_between_ice_and_air(segment) -> None:
    grey = tifffile.imread(real_volume("snow"))
    found, classes = segment(grey)
    assert found.classes == ("dark",)
    assert iou(classes == 1, grey <= threshold_otsu(grey)) > 0.97


def test_real_cement_has_pores(segment) -> None:
    grey = tifffile.imread(real_volume("cement"))
    found, classes = segment(grey)
    share = np.count_nonzero(classes == found.classes.index("dark") + 1) / grey.size
    assert 0.08 < share < 0.2
    assert 45 < found.description["classes"]["dark"]["threshold"] < 82


def test_volumes_that_cannot_be_segmented(segment, rng: np.random.Generator) -> None:
    with pytest.raises(VolumeError, match=r"every voxel looked at .* has the value 7"):
        segment(np.full((4, 5, 6), 7, np.uint8))
    grey = rng.normal(100, 10, (4, 5, 6))
    with pytest.raises(VolumeError, match=r"shape \(4, 5, 5\).*must agree"):
        segment(grey, np.ones((4, 5, 5), np.uint8))
    with pytest.raises(VolumeError, match=r"0 everywhere"):
        segment(grey, np.zeros((4, 5, 6), np.uint8))
    for value in (np.nan, np.inf):
        grey[2, 3, 4] = value
        with pytest.raises(VolumeError, match=rf"\(2, 3, 4\) is {value}"):
            segment(grey)
