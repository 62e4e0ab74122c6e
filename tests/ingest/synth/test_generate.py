"""The same seed gives the same bytes; formats can be read; wrong parameters are refused."""

from __future__ import annotations

import filecmp
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from xctgraph.ingest import config, synth, volumes
from xctgraph.store.errors import InputError


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("form", ["h5", "tiff"])
def test_same_seed_same_bytes(make, form: str) -> None:
    first, second = (make(name, format=form).dataset.parent for name in ("first", "second"))
    assert files(first) == files(second)
    _, different, unreadable = filecmp.cmpfiles(first, second, files(first), shallow=False)
    assert different == unreadable == []


def test_slab_height_changes_nothing(make, volume) -> None:
    whole = make("whole")
    for slab in (1, 7, 16):
        other = make(f"slabs of {slab}", slab=slab)
        for t in range(3):
            assert np.array_equal(volume(whole, t), volume(other, t))
        for name in files(whole.truth):
            if name.endswith(".parquet"):
                assert pq.read_table(whole.truth / name).equals(pq.read_table(other.truth / name)), name


def test_another_seed_another_sample(make, volume, seed: int) -> None:
    assert not np.array_equal(volume(make("one"), 0), volume(make("two", seed=seed + 1), 0))


def test_nexus_layout_and_tiff_folder_hold_the_same_volume(make, volume) -> None:
    h5 = make("h5", voxel_size_um=(2.0, 1.0, 1.5), compression="gzip")
    tiff = make("tiff", voxel_size_um=(2.0, 1.0, 1.5), format="tiff")
    with h5py.File(h5.dataset.parent / "scan_001.h5") as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert [entry.attrs["NX_class"], data.attrs["NX_class"]] == ["NXentry", "NXdata"]
        assert entry["definition"][()] == b"NXtomoproc"
        assert list(data.attrs["axes"]) == ["z", "y", "x"]
        values = data[data.attrs["signal"]]
        assert values.shape == (56, 96, 88)
        assert values.dtype == np.uint16
        assert values.compression == "gzip"
        for axis, n, size in (("z", 56, 2.0), ("y", 96, 1.0), ("x", 88, 1.5)):
            assert np.allclose(data[axis][:], np.arange(n) * size)
            assert data[axis].attrs["units"] == "um"
    folder = tiff.dataset.parent / "scan_001"
    slices = sorted(folder.iterdir())
    assert [p.name for p in slices][:2] == ["slice_0000.tif", "slice_0001.tif"]
    stack = np.stack([tifffile.imread(p) for p in slices])
    assert np.array_equal(stack, volume(h5, 1))


@pytest.mark.parametrize("form", ["h5", "tiff"])
def test_dataset_file_is_what_ingest_reads(make, form: str) -> None:
    result = make(format=form, voxel_size_um=1.63)
    dataset = config.load(result.dataset)
    assert dataset.sample.voxel_size_um == (1.63, 1.63, 1.63)
    assert [scan.t for scan in dataset.scan] == [0, 1, 2]
    assert [scan.strain for scan in dataset.scan] == pytest.approx([0, 0.015, 0.03])
    for t in range(3):
        name = f"scan_{t:03d}" + (".h5" if form == "h5" else "")
        with volumes.open_volume(result.dataset.parent / name) as opened:
            assert opened.shape == (56, 96, 88)


def test_grey_values_have_the_levels_and_the_noise_asked_for(make, volume) -> None:
    result = make(dtype="uint8", noise=0.1, blur=0.0, features=20)
    clean = make("clean", dtype="uint8", noise=0.0, blur=0.0, features=20)
    grey, level = volume(result, 0).astype(float), volume(clean, 0)
    assert grey.dtype == np.float64
    matrix = np.bincount(level.ravel()).argmax()
    inclusion = level.max()
    noise = (grey - level)[level == matrix]
    assert noise.mean() == pytest.approx(0.0, abs=0.1)
    assert noise.std() == pytest.approx(0.1 * (inclusion - matrix), rel=0.02)


def test_blur_is_gaussian(make, volume) -> None:
    from scipy import ndimage

    clean = make("clean", blur=0.0, noise=0.0)
    blurred = make("blurred", blur=0.9, noise=0.0)
    expected = ndimage.gaussian_filter(volume(clean, 1).astype(float), 0.9, radius=3)
    # Near the faces the sample goes on beyond the volume, which the filter cannot know.
    inner = (slice(3, -3),) * 3
    assert np.abs(volume(blurred, 1)[inner] - expected[inner]).max() <= 1.0


def test_one_scan_and_no_fracture(make) -> None:
    result = make(steps=1, fractures=0)
    assert set(synth.read(result.truth).components["kind"].to_pylist()) == {"inclusion", "pore"}
    truth = synth.read(result.truth)
    assert truth.links.num_rows == truth.events.num_rows == truth.displacement.num_rows == truth.front.num_rows == 0
    assert truth.links.column_names[:4] == ["t", "source", "target", "event"]


def test_a_folder_without_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks features, components.*name the folder `truth`"):
        synth.read(tmp_path)


def test_no_features(make) -> None:
    result = make(features=0)
    assert set(synth.read(result.truth).components["kind"].to_pylist()) == {"fracture"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shape": (10, 50, 50)}, r"shape = \(10, 50, 50\).*at least 24"),
        ({"shape": (50, 50)}, r"shape = \(50, 50\).*three whole numbers"),
        ({"steps": 0}, r"steps = 0 is out of range: valid is 1 to 8192"),
        ({"features": 2.5}, r"features = 2.5 is not a whole number"),
        ({"noise": float("nan")}, r"noise = nan is out of range"),
        ({"format": "n5"}, r"format = 'n5'.*Valid: h5, tiff, zarr"),
        ({"dtype": "float32"}, r"dtype = 'float32'.*Valid: uint16, uint8"),
        ({"voxel_size_um": (1.0, 2.0)}, r"voxel_size_um = \(1.0, 2.0\)"),
        ({"voxel_size_um": 0.0}, r"voxel_size_um = 0.0"),
        ({"fracture_end": 0.1}, r"fracture_end = 0.1 is below fracture_start = 0.3"),
        ({"atraction": 1.0}, r"no parameter 'atraction': did you mean 'attraction'"),
        ({"sample": "a/b"}, r"sample = 'a/b'"),
        ({"births": 0.5, "deaths": 0.5, "splits": 0.2}, r"add up to 1.235: lower them"),
        ({"features": 5000}, r"features = 5000: only \d+ of them fit into shape \(56, 96, 88\)"),
    ],
)
def test_wrong_parameters_are_named(make, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**parameters)


def test_a_folder_that_holds_something_is_refused(make) -> None:
    make()
    with pytest.raises(InputError, match="not an empty folder"):
        make()


def test_progress_runs_to_the_end(make) -> None:
    calls: list[tuple[str, int, int]] = []
    make(slab=16, progress=lambda *call: calls.append(call))
    assert {call[0] for call in calls} == {"scan 0 of 3", "scan 1 of 3", "scan 2 of 3"}
    assert [call[1] for call in calls] == sorted(call[1] for call in calls)
    assert {call[2] for call in calls} == {3 * 56}
