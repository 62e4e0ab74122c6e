"""Volumes in an object store: a real S3 server on this machine, the rows those of the same volume on a disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import s3fs
import zarr

from tests.ingest.distributed.conftest import dataset, paths, rows
from tests.s3_server import BUCKET, s3, upload
from xctgraph.ingest import pipeline, volumes
from xctgraph.ingest.resources import Resources
from xctgraph.store import open_store
from xctgraph.store.errors import VolumeError

__all__ = ["paths", "s3"]

CHUNKS = (16, 24, 26)


@pytest.fixture
def put(s3: str, tmp_path: Path) -> Callable[..., None]:
    """Write an array to a Zarr store on the disk, and upload that to a place."""

    def write(place: str, array: np.ndarray, name: str = "", **options: object) -> None:
        folder = tmp_path / "uploads" / place.rsplit("/", 1)[1]
        made = zarr.create_array(folder, name=name or None, shape=array.shape, dtype=array.dtype, overwrite=True, **options)
        made[...] = array
        upload(folder, place)

    return write


def test_the_rows_are_those_of_files(s3: str, put: Callable[..., None], paths: dict[str, list[Path]], tmp_path: Path) -> None:
    there: dict[str, list[str]] = {"path": [], "mask": []}
    for role, files in paths.items():
        for t, file in enumerate(files):
            there[role].append(f"{s3}/series/{role}_{t}.zarr")
            put(there[role][-1], np.load(file), chunks=CHUNKS)
    stores = []
    for name, places in (("there", there), ("here", paths)):
        stores.append(open_store(tmp_path / name, create=True))
        pipeline.ingest(stores[-1], dataset(places), resources=Resources(1, 2**30), project=False)
    of_the_place = ["path", "checksum"]
    found, expected = (rows(store) for store in stores)
    assert found["scans"]["path"].to_pylist() == there["path"]
    for made in (found, expected):
        made["scans"] = made["scans"].drop_columns(of_the_place)
    assert expected["features"].num_rows > 100
    assert found == expected
    # The same again is a no-op; an object that changes is seen.
    again = pipeline.ingest(stores[0], dataset(there), resources=Resources(1, 2**30), project=False)
    assert {result.action for result in again} == {"skip"}
    crop = volumes.crop(stores[0], "S1/0/1")
    assert np.array_equal(crop.raw, volumes.crop(stores[1], "S1/0/1").raw)


def test_groups_and_fill_values(s3: str, put: Callable[..., None], rng: np.random.Generator) -> None:
    array = rng.integers(0, 99, (40, 30, 20), dtype=np.uint8)
    array[:16] = 7
    put(f"{s3}/group.zarr", array, "a/b", chunks=(16, 30, 20), fill_value=7)
    with volumes.open_volume(f"{s3}/group.zarr:/a/b") as volume:
        assert volume.shape == array.shape
        assert np.array_equal(volume.read(3, 39), array[3:39])
        assert any("fill value 7" in text for text in getattr(volume, "warnings", ()))


def test_a_changed_object_changes_the_fingerprint(s3: str, put: Callable[..., None], rng: np.random.Generator) -> None:
    array = rng.integers(0, 9, (20, 24, 26), dtype=np.uint8)
    put(f"{s3}/changed.zarr", array, chunks=CHUNKS)
    before = volumes.fingerprint(f"{s3}/changed.zarr")
    assert volumes.fingerprint(f"{s3}/changed.zarr") == before
    array[10, 10, 10] += 1
    put(f"{s3}/changed.zarr", array, chunks=CHUNKS)
    assert volumes.fingerprint(f"{s3}/changed.zarr") != before


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("{s3}/nothing.zarr", "s3://scans/nothing.zarr is not there: the object store holds nothing of that name"),
        ("s3://no-such-bucket/a.zarr", "is not there|cannot be read from the object store"),
        ("{s3}/plain.bin", "plain.bin cannot be read where it is: .*Zarr.*Copy it first"),
        ("ftpz://host/a.zarr", r"Object stores are named as in s3://BUCKET/scan.zarr"),
    ],
)
def test_what_is_wrong_is_said(s3: str, place: str, words: str) -> None:
    s3fs.S3FileSystem().pipe_file(f"{BUCKET}/plain.bin", b"x" * 100)
    with pytest.raises(VolumeError, match=words):
        volumes.open_apart(place.format(s3=s3))


def test_an_endpoint_that_does_not_answer(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    volumes.reader_process().close()
    try:
        with pytest.raises(VolumeError, match=r"cannot be read from the object store.*AWS_ENDPOINT_URL"):
            volumes.open_apart(f"{s3}/changed.zarr")
    finally:
        volumes.reader_process().close()
