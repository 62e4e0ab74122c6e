"""Labelling jobs: what is written, masks that come back and those that are refused, agreement against its definitions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.metrics import cohen_kappa_score

from xctgraph.ingest import config
from xctgraph.ingest.sampling import agreement, job
from xctgraph.ingest.sampling.choose import Chosen
from xctgraph.ingest.sampling.embed import Embedding, _slices
from xctgraph.ingest.volumes import open_volume
from xctgraph.ingest.volumes.region import Region, resolve
from xctgraph.store.errors import InputError

Mask = NDArray[np.uint8]


@pytest.fixture
def made(series: config.Dataset, tmp_path: Path, rng: np.random.Generator) -> tuple[Path, list[str]]:
    """A job of five slices, and their names."""
    regions = [Region(volume, resolve(None, volume.shape, "")) for volume in (open_volume(scan.path) for scan in series.scan)]
    slices = _slices(series, regions, 1)
    settings = {"model": "none", "weights": "none", "runtime": "none", "step": 1}
    embedding = Embedding(np.zeros((len(slices), 2), np.float32), slices, settings)
    chosen = Chosen(rng.permutation(len(slices))[:5], None, "strain", {"method": "random"})
    names = job.write(tmp_path / "job", series, embedding, chosen)
    manifest = json.loads((tmp_path / "job" / job.JOB).read_text())
    for row, entry in zip(chosen.rows.tolist(), manifest["slices"], strict=True):
        volume = np.load(entry["path"])
        assert (entry["t"], entry["z"], entry["strain"]) == (row // 20, row % 20, 0.01 * (row // 20))
        assert np.array_equal(tifffile.imread(tmp_path / "job" / job.IMAGES / f"{entry['name']}.tif"), volume[entry["z"]])
    with Image.open(tmp_path / "job" / job.MONTAGE) as sheet:
        assert sheet.size[0] > sheet.size[1] > 150
    return tmp_path / "job", names


def png(path: Path, mask: Mask) -> None:
    Image.fromarray(mask).save(path)


def tiff(path: Path, mask: Mask) -> None:
    tifffile.imwrite(path, mask.astype(np.uint16))


def napari(path: Path, mask: Mask) -> None:
    tifffile.imwrite(path.with_name(f"{path.stem}-labels.tif"), mask.astype(np.int32))


def ilastik(path: Path, mask: Mask) -> None:
    with h5py.File(path.with_name(f"{path.stem}_Simple Segmentation.h5"), "w") as file:
        file["exported_data"] = mask[..., None]


@pytest.mark.parametrize(("save", "suffix"), [(png, "png"), (tiff, "tif"), (napari, "tif"), (ilastik, "h5")])
def test_masks_come_back(
    made: tuple[Path, list[str]], save: Callable[[Path, Mask], None], suffix: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    folder, names = made
    (tmp_path / "masks").mkdir()
    drawn = {name: rng.integers(0, 4, (40, 56)).astype(np.uint8) for name in names}
    for name, mask in drawn.items():
        save(tmp_path / "masks" / f"{name}.{suffix}", mask)
    found = job.take(folder, [tmp_path / "masks"], "ada")
    assert (found.names, found.missing, found.agreement) == (tuple(sorted(names)), (), ())
    assert found.pixels == {
        name: sum(int((mask == value).sum()) for mask in drawn.values()) for name, value in job.CLASSES.items()
    }
    for name, mask in drawn.items():
        assert np.array_equal(job.annotated(folder)[name]["ada"], mask)


def test_values_of_the_masks_become_those_of_the_job(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    """ilastik's labels begin at 1."""
    folder, names = made
    (tmp_path / "masks").mkdir()
    for name in names[:2]:
        png(tmp_path / "masks" / f"{name}.png", np.tile(np.array([1, 2, 3, 3], np.uint8), (40, 14)))
    classes = {"background": 1, "pore": 2, "fracture": 3}
    found = job.take(folder, [tmp_path / "masks"], "bo", classes=classes, partial=True)
    assert set(found.missing) == set(names[2:])
    assert np.array_equal(job.annotated(folder)[names[0]]["bo"][0, :4], [0, 2, 3, 3])


def test_annotators_are_compared(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, names = made
    for who, shift in (("ada", 0), ("bo", 1), ("cy", 6)):
        (tmp_path / who).mkdir()
        mask = np.zeros((40, 56), np.uint8)
        mask[10 : 20 + shift, 10 + shift : 30] = 2
        png(tmp_path / who / f"{names[0]}.png", mask)
        found = job.take(folder, [tmp_path / who], who, partial=True)
    by_pair = {(one.first, one.second): one for one in found.agreement}
    assert set(by_pair) == {("ada", "bo"), ("ada", "cy"), ("bo", "cy")}
    assert by_pair["ada", "bo"].boundary_f1 == 1 > by_pair["ada", "cy"].boundary_f1
    assert by_pair["ada", "bo"].kappa > by_pair["ada", "cy"].kappa > 0
    assert list(agreement.summary(found.agreement)) == ["pore"]
    assert len((folder / "agreement.csv").read_text().splitlines()) == 4


def test_agreement_is_that_of_its_definitions(rng: np.random.Generator) -> None:
    a, b = (rng.random((30, 41)) < p for p in (0.3, 0.2))
    b |= a & (rng.random(a.shape) < 0.7)
    assert agreement.kappa(a, b) == pytest.approx(cohen_kappa_score(a.ravel(), b.ravel()))

    def edge(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Pixels with one of the four beside them outside the mask, one by one."""
        return np.array(
            [
                (y, x)
                for y, x in np.argwhere(mask)
                if any(
                    0 <= y + dy < 30 and 0 <= x + dx < 41 and not mask[y + dy, x + dx]
                    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
                )
            ]
        )

    apart = cdist(edge(a), edge(b))
    precision, recall = (apart.min(axis=1) <= 1.5).mean(), (apart.min(axis=0) <= 1.5).mean()
    assert agreement.boundary_f1(a, b, 1.5) == pytest.approx(2 * precision * recall / (precision + recall))
    nothing = np.zeros_like(a)
    assert (agreement.boundary_f1(nothing, nothing, 1), agreement.kappa(nothing, nothing)) == (1, 1)
    assert agreement.boundary_f1(a, nothing, 1) == 0


def _of_class_9(mask: Mask) -> Mask:
    mask[3, 4] = 9
    return mask


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mask: mask[:-1], r"has \(39, 56\) pixels \(y, x\), but its slice has \(40, 56\): annotate the slice as it is"),
        (lambda mask: mask.T, r"has \(56, 40\) pixels .* it is turned"),
        (
            _of_class_9,
            r"holds 9 \(at y = 3, x = 4\), which is no class: background = 0, .*, fracture = 3\. .*--class NAME",
        ),
        (
            lambda mask: np.repeat(mask[..., None], 3, axis=2),
            r"has shape \(40, 56, 3\): one value for each pixel is wanted, no colours",
        ),
    ],
    ids=["size", "turned", "class", "colours"],
)
def test_wrong_masks_are_refused_and_nothing_is_taken(
    made: tuple[Path, list[str]], change: Callable[[Mask], Mask], words: str, tmp_path: Path
) -> None:
    folder, names = made
    (tmp_path / "masks").mkdir()
    for name in names:
        mask = np.zeros((40, 56), np.uint8)
        png(tmp_path / "masks" / f"{name}.png", change(mask) if name == names[3] else mask)
    with pytest.raises(InputError, match=rf"mask .*{names[3]}.png {words}"):
        job.take(folder, [tmp_path / "masks"], "ada")
    assert job.annotated(folder) == {}


def test_missing_strange_and_doubled_masks(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, names = made
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((40, 56), np.uint8)
    with pytest.raises(InputError, match=r"holds no masks: \.png, \.tif, \.tiff, \.h5 files called as the slices are"):
        job.take(folder, [masks], "ada")
    for name in names[1:]:
        png(masks / f"{name}.png", mask)
    with pytest.raises(InputError, match=f"1 of 5 slices have no mask: {names[0]}; annotate them, or give --partial"):
        job.take(folder, [masks], "ada")
    tiff(masks / f"{names[1]}.tif", mask)
    with pytest.raises(InputError, match=f"slice {names[1]} has two masks"):
        job.take(folder, [masks], "ada")
    (masks / f"{names[1]}.tif").rename(masks / "other.tif")
    with pytest.raises(InputError, match=r"other\.tif is a mask of no slice of the job"):
        job.take(folder, [masks], "ada")
    (masks / "other.tif").unlink()
    (masks / f"{names[2]}.png").write_bytes(b"\x89PNG\r\n torn")
    with pytest.raises(InputError, match=rf"mask .*{names[2]}\.png cannot be read"):
        job.take(folder, [masks], "ada", partial=True)
    with pytest.raises(InputError, match="is not there: name the masks"):
        job.take(folder, [tmp_path / "nowhere"], "ada")
    with pytest.raises(InputError, match=r"annotator '\.\./x' names a folder"):
        job.take(folder, [masks], "../x")
    with pytest.raises(InputError, match=r"annotator '\.\.' names a folder"):
        job.take(folder, [masks], "..")
    with pytest.raises(InputError, match="classes 'pore' and 'fracture' both have the value 2"):
        job.take(folder, [masks], "ada", classes={"pore": 2, "fracture": 2})
    with pytest.raises(InputError, match="class 'void' is not one of the job: background, inclusion, pore, fracture"):
        job.take(folder, [masks], "ada", classes={"void": 1})
    with pytest.raises(InputError, match="holds no labelling job"):
        job.take(tmp_path, [masks], "ada")
    with pytest.raises(InputError, match="holds a labelling job already: give another folder"):
        job.check_free(folder)
    with h5py.File(masks / f"{names[2]}.h5", "w") as file:
        file["data"] = mask
    (masks / f"{names[2]}.png").unlink()
    with pytest.raises(InputError, match=r"holds no exported_data, which ilastik writes: it has data"):
        job.take(folder, [masks], "ada", partial=True)


def test_masks_that_come_in_parts_add_up(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, names = made
    for part in (names[:2], names[2:]):
        (tmp_path / part[0]).mkdir()
        for name in part:
            png(tmp_path / part[0] / f"{name}.png", np.zeros((40, 56), np.uint8))
    assert set(job.take(folder, [tmp_path / names[0]], "ada", partial=True).missing) == set(names[2:])
    with pytest.raises(InputError, match=f"2 of 5 slices have no mask: .*{names[0]}|2 of 5 slices have no mask: .*{names[1]}"):
        job.take(folder, [tmp_path / names[2]], "bo")
    found = job.take(folder, [tmp_path / names[2]], "ada")
    assert (set(found.names), found.missing) == (set(names[2:]), ())
    assert set(job.annotated(folder)) == set(names)


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"void": 1}, [("background", 0), ("void", 1)]),
        ({"inclusion": 3, "background": 255}, [("background", 255), ("inclusion", 3)]),
        ({"void": 0, "pore": 1}, "classes 'background' and 'void' both have the value 0"),
        ({"void": 1, "pore": 1}, "classes 'void' and 'pore' both have the value 1: give each a value of its own"),
        ({"background": 4}, "background is the only class"),
    ],
)
def test_classes_of_a_job_can_be_told_apart_and_begin_with_the_background(
    given: dict[str, int], known: list[tuple[str, int]] | str
) -> None:
    """Training takes the first for the background."""
    if isinstance(known, str):
        with pytest.raises(InputError, match=known):
            job.check_classes(given)
    else:
        assert list(job.check_classes(given).items()) == known


def test_a_stopped_job_leaves_no_images_behind(series: config.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [Region(volume, resolve(None, volume.shape, "")) for volume in (open_volume(scan.path) for scan in series.scan)]
    settings = {"model": "none", "weights": "none", "runtime": "none", "step": 1}
    embedding = Embedding(np.zeros((60, 2), np.float32), _slices(series, regions, 1), settings)
    folder = tmp_path / "job"

    def stop(_thumbs: object) -> Mask:
        raise KeyboardInterrupt

    montage = job.montage
    monkeypatch.setattr(job, "montage", stop)
    with pytest.raises(KeyboardInterrupt):
        job.write(folder, series, embedding, Chosen(np.arange(5), None, "strain", {}))
    monkeypatch.setattr(job, "montage", montage)
    names = job.write(folder, series, embedding, Chosen(np.arange(7, 9), None, "strain", {}))
    assert sorted(file.stem for file in (folder / job.IMAGES).iterdir()) == sorted(names)
    assert all(Path(entry["path"]).is_absolute() for entry in job.load(folder)["slices"])
    (folder / job.JOB).unlink()
    with pytest.raises(InputError, match=r"images is there already, but no job\.json: give another folder"):
        job.check_free(folder)
