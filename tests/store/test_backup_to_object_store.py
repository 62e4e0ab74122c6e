"""Backups in an object store, on a real S3 server: what is restored is what was backed up."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pytest
import s3fs

from tests.factories import fill, graph
from tests.s3_server import BUCKET, s3
from xctgraph.store import Store, health, open_store
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreNotFound
from xctgraph.store.health import object_store
from xctgraph.store.schema import TABLES

__all__ = ["s3"]


@pytest.fixture
def store(tmp_path: Path, rng: np.random.Generator) -> Store:
    store = open_store(tmp_path / "x.store", create=True)
    fill(store, graph(rng))
    return store


@pytest.fixture
def place(s3: str) -> str:
    return f"{s3}/backup-{secrets.token_hex(4)}"


def same(a: Store, b: Store) -> None:
    assert a.manifest().state == b.manifest().state
    for table in TABLES:
        assert a.read(table) == b.read(table)


def test_what_is_restored_is_what_was_backed_up(store: Store, place: str, tmp_path: Path, rng: np.random.Generator) -> None:
    first = object_store.back_up(store, place)
    assert first.n_copied == len(store.manifest().parts)
    fill(store, graph(rng, sample="S2", sample_no=1))
    second = object_store.back_up(store, place)
    assert second.n_there == first.n_copied
    assert second.n_copied > 0
    assert object_store.back_up(store, place).n_copied == 0
    restored = object_store.restore(place, tmp_path / "restored")
    assert restored.revision == store.manifest().revision
    with open_store(tmp_path / "restored") as other:
        same(store, other)
        assert health.examine(other).healthy
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(InputError, match="give --overwrite"):
        object_store.restore(place, tmp_path / "restored")


def test_a_backup_that_was_cut_off_leaves_the_one_before(
    store: Store, place: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_store.back_up(store, place)
    before = store.manifest().revision
    fill(store, graph(rng, sample="S2", sample_no=1))
    fs = s3fs.S3FileSystem()
    put, left = fs.put_file, iter(range(3))

    def gone(*arguments: object) -> None:
        if next(left, None) is None:
            raise ConnectionError("the line is dead")
        put(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(fs, "put_file", gone)
        with pytest.raises(
            StoreError, match=r"did not do what was asked .ConnectionError: the line is dead.*run the same command"
        ):
            object_store.back_up(store, place)
    assert object_store.restore(place, tmp_path / "old").revision == before
    assert object_store.back_up(store, place).n_there >= 3
    object_store.restore(place, tmp_path / "new")
    with open_store(tmp_path / "new") as other:
        same(store, other)


def test_damage_is_found(store: Store, place: str, tmp_path: Path) -> None:
    object_store.back_up(store, place)
    part = max(store.manifest().parts, key=lambda part: part.bytes)
    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    name = f"{place.removeprefix('s3://')}/{part.path}"
    content = bytearray(fs.cat_file(name))
    content[len(content) // 2] ^= 0xFF
    fs.pipe_file(name, bytes(content))
    with pytest.raises(StoreCorrupt, match="differs from its checksum"):
        object_store.restore(place, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    (store.path / part.path).write_bytes(bytes(content))
    with pytest.raises(StoreCorrupt, match="xctgraph doctor"):
        object_store.back_up(store, f"{place}-other")


def test_wrong_places(store: Store, place: str, tmp_path: Path, rng: np.random.Generator) -> None:
    with pytest.raises(StoreNotFound, match=f"there is no backup at s3://{BUCKET}/nothing"):
        object_store.restore(f"s3://{BUCKET}/nothing", tmp_path / "restored")
    object_store.back_up(store, place)
    other = open_store(tmp_path / "other", create=True)
    fill(other, graph(rng))
    with pytest.raises(InputError, match=r"holds another store .*give a place of its own"):
        object_store.back_up(other, place)
    with pytest.raises(StoreError, match=r"no-such-bucket.*did not do what was asked"):
        object_store.back_up(store, "s3://no-such-bucket/backup")
