"""Slabs looked at in any parts amount to the scan that is looked at in one go; measured scans pass through folders unchanged."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.distributed.conftest import SHAPE, dataset, rows
from xctgraph.ingest import measured, pipeline, plan, scan
from xctgraph.ingest.distributed import tasks
from xctgraph.ingest.looking import Looked
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.scan import MeasuredScan
from xctgraph.store import open_store
from xctgraph.store.errors import StoreCorrupt
from xctgraph.store.labels import Labels
from xctgraph.store.progress import silent


def same(a: MeasuredScan, b: MeasuredScan) -> None:
    assert a.features == b.features
    for name in ("labels", "material"):
        one, other = getattr(a, name), getattr(b, name)
        assert isinstance(one, Labels)
        assert one.to_table() == other.to_table()
        assert one.shape == other.shape
    for name in ("material_volume", "quality", "segmentation", "warnings"):
        assert getattr(a, name) == getattr(b, name)


@pytest.mark.parametrize("roi", [None, "7:53,:,3:50"])
def test_parts_are_the_whole(
    roi: str | None, paths: dict[str, list[Path]], tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = dataset(paths, sample={"id": "S1", "voxel_size_um": [2, 1, 1], "roi": roi}, measure={"split": ["inclusion"]})
    (one, *_) = plan.make(None, series, replace=False, resources=Resources(1, 2**30))
    one = dataclasses.replace(one, slab=int(rng.integers(2, 9)))
    monkeypatch.setattr(tasks, "TASK_BYTES", one.n_bytes // (one.box[0][1] - one.box[0][0]) * one.slab * 2)
    work = tasks.Work(series, one, tmp_path / "measured" / "one", 2**30)
    work.folder.parent.mkdir()
    assert len(work.parts()) > 2
    assert work.parts()[0][0] == 0
    assert work.parts()[-1][1] == one.box[0][1] - one.box[0][0] <= SHAPE[0]
    settled = tasks.settle(work)
    looked = {
        part: tasks.look(work, settled, part)
        for part in rng.permutation(np.array(work.parts())).tolist()
        for part in [tuple(part)]
    }
    folder = tasks.finish(work, settled, [looked[part] for part in work.parts()])
    expected = scan.measure(series, one, silent, Resources(1, 2**30))
    assert expected.features.num_rows > 30
    same(measured.load(folder), expected)


def test_scans_measured_elsewhere_give_the_same_rows(paths: dict[str, list[Path]], tmp_path: Path) -> None:
    series, allowed = dataset(paths), Resources(1, 2**30, measured=tmp_path / "elsewhere")
    for one in plan.make(None, series, replace=False, resources=allowed)[1:]:
        assert allowed.measured is not None
        folder = measured.make(series, one, allowed.measured, silent, allowed)
        modified = (folder / "measured.json").stat().st_mtime_ns
        assert measured.make(series, one, allowed.measured, silent, allowed) == folder
        assert (folder / "measured.json").stat().st_mtime_ns == modified
    taken: list[str] = []
    stores = [open_store(tmp_path / name, create=True) for name in ("taken", "alone")]
    pipeline.ingest(stores[0], series, resources=allowed, project=False, progress=lambda text, *_: taken.append(text))
    pipeline.ingest(stores[1], series, resources=Resources(1, 2**30), project=False)
    assert [text.split(":")[0] for text in taken if "taking it from" in text] == ["t = 1", "t = 2", "t = 3"]
    assert rows(stores[0]) == rows(stores[1])
    assert len(list(allowed.measured.iterdir())) == 3 if allowed.measured else False


def test_other_parameters_are_measured_anew(paths: dict[str, list[Path]], tmp_path: Path) -> None:
    allowed = Resources(1, 2**30)
    folders = set()
    for series in (dataset(paths), dataset(paths, measure={"min_voxels": 9})):
        (one, *_) = plan.make(None, series, replace=False, resources=allowed)
        folders.add(measured.folder_of(tmp_path, "S1", one))
    assert len(folders) == 2


def test_a_damaged_folder_is_refused(paths: dict[str, list[Path]], tmp_path: Path) -> None:
    series, allowed = dataset(paths), Resources(1, 2**30)
    (one, *_) = plan.make(None, series, replace=False, resources=allowed)
    folder = measured.make(series, one, tmp_path / "measured", silent, allowed)
    file = folder / "labels.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"labels.parquet differs from its checksum\): remove it, and it is measured anew"):
        measured.load(folder)


def test_a_cut_off_write_leaves_nothing(paths: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series, allowed = dataset(paths), Resources(1, 2**30)
    (one, *_) = plan.make(None, series, replace=False, resources=allowed)

    def full(*_: object, **__: object) -> Iterator[Looked]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measured.files, "sync", full)
    with pytest.raises(OSError, match="No space"):
        measured.make(series, one, tmp_path / "measured", silent, allowed)
    assert not list((tmp_path / "measured").iterdir())
