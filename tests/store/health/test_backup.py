"""A backup is one consistent revision, verified; restoring one gives the same rows and never takes a store away unasked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store import oracle
from tests.store.health.conftest import rewrite
from xctgraph.store import Store, health, lock, open_store
from xctgraph.store.errors import InputError, StoreCorrupt, StoreError, StoreLocked, StoreNotFound
from xctgraph.store.schema import TABLES

COMMAND = str(Path(sys.executable).parent / "xctgraph")


def same(a: Store, b: Store) -> bool:
    return all(a.read(table).equals(b.read(table)) for table in TABLES)


@pytest.mark.parametrize("link", [False, True])
def test_a_backup_is_a_store_of_the_same_rows(store: Store, tmp_path: Path, link: bool) -> None:
    copied = health.back_up(store, tmp_path / "backup", link=link)
    manifest = store.manifest()
    n_bytes = sum(part.bytes for part in manifest.parts)
    assert (copied.revision, copied.n_copied, copied.n_there, copied.n_bytes) == (4, len(manifest.parts), 0, n_bytes)
    with open_store(tmp_path / "backup") as backup:
        assert backup.manifest() == manifest
        assert same(backup, store)
        assert backup.labels("S1", 1).n == store.labels("S1", 1).n
    part = manifest.parts[0].path
    assert (tmp_path / "backup" / part).samefile(store.path / part) == link
    assert health.back_up(store, tmp_path / "backup").n_copied == 0


def test_a_second_backup_copies_what_is_new_and_mends_what_is_damaged(store: Store, tmp_path: Path) -> None:
    health.back_up(store, tmp_path / "backup")
    rewrite(store, "tracks", "S1", None, kind="pore")
    damaged = tmp_path / "backup" / store.manifest().select("features", sample="S1", t=1)[0].path
    damaged.write_bytes(b"rot")
    copied = health.back_up(store, tmp_path / "backup")
    assert copied.n_copied == 3, "tracks, the job, and the damaged part"
    with open_store(tmp_path / "backup") as backup:
        assert same(backup, store)
        backup.verify()


def test_a_backup_beside_a_writer_is_of_the_revision_before(store: Store, tmp_path: Path) -> None:
    rows = store.read("features", sample="S1", t=0)
    with store.write() as tx:
        tx.put("features", rows.slice(0, 1), sample="S1", t=0)
        assert health.back_up(store, tmp_path / "backup").revision == 4
    with open_store(tmp_path / "backup") as backup:
        assert backup.read("features", sample="S1", t=0).equals(rows)


def test_a_backup_of_damage_is_refused_and_the_one_before_stays(store: Store, tmp_path: Path) -> None:
    health.back_up(store, tmp_path / "backup")
    rewrite(store, "tracks", "S1", None, kind="pore")
    (tracks,) = store.manifest().select("tracks", sample="S1")
    (store.path / tracks.path).write_bytes(b"rot")
    with pytest.raises(StoreCorrupt, match=r"tracks.*differs from its checksum.*doctor"):
        health.back_up(store, tmp_path / "backup")
    (store.path / tracks.path).unlink()
    with pytest.raises(StoreCorrupt, match=r"tracks.*is missing.*doctor"):
        health.back_up(store, tmp_path / "backup")
    with open_store(tmp_path / "backup") as backup:
        assert backup.manifest().revision == 4
        backup.verify()


def test_wrong_places_for_a_backup(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the store"):
        health.back_up(store, store.path / "backup")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds 'thesis.tex', which is none of a store's: give an empty or new folder"):
        health.back_up(store, tmp_path / "full")
    with pytest.raises(InputError, match="is a file: give a folder"):
        health.back_up(store, tmp_path / "full" / "thesis.tex")
    open_store(tmp_path / "other", create=True)
    with pytest.raises(InputError, match="holds another store"):
        health.back_up(store, tmp_path / "other")
    health.back_up(store, tmp_path / "backup")
    with open_store(tmp_path / "backup") as backup:
        rewrite(backup, "tracks", "S1", None, kind="pore")
    with pytest.raises(StoreError, match="holds revision 5, newer than revision 4"):
        health.back_up(store, tmp_path / "backup")
    rewrite(store, "tracks", "S1", None, kind="fracture")
    with pytest.raises(StoreError, match="holds another revision 5"):
        health.back_up(store, tmp_path / "backup")
    with lock.held(tmp_path / "backup" / "write.lock", "test"), pytest.raises(StoreLocked, match="process"):
        health.back_up(store, tmp_path / "backup")


def test_restored_into_a_new_folder(store: Store, tmp_path: Path) -> None:
    health.back_up(store, tmp_path / "backup")
    health.restore(tmp_path / "backup", tmp_path / "new.store")
    with open_store(tmp_path / "new.store") as new:
        assert new.manifest() == store.manifest()
        assert same(new, store)
        oracle.check_statistics(new)
        oracle.check_graph(new)
        assert health.examine(new).healthy


def test_restored_over_a_store_only_where_told(store: Store, tmp_path: Path) -> None:
    health.back_up(store, tmp_path / "backup")
    rewrite(store, "tracks", "S1", None, kind="pore")
    damaged = store.path / store.manifest().select("features", sample="S1", t=1)[0].path
    damaged.write_bytes(b"rot")
    (store.path / "manifest-5.json").write_text("{")
    with pytest.raises(InputError, match="is a store at revision 5: give --overwrite"):
        health.restore(tmp_path / "backup", store.path)
    with lock.held(store.path / "write.lock", "test"), pytest.raises(StoreLocked, match="process"):
        health.restore(tmp_path / "backup", store.path, overwrite=True)
    assert health.restore(tmp_path / "backup", store.path, overwrite=True).revision == 6
    with open_store(tmp_path / "backup") as backup:
        assert same(store, backup)
    assert health.examine(store).healthy
    oracle.check_graph(store)


def test_a_damaged_backup_changes_nothing(store: Store, tmp_path: Path) -> None:
    health.back_up(store, tmp_path / "backup")
    part = tmp_path / "backup" / store.manifest().parts[3].path
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))
    before = store.manifest()
    with pytest.raises(StoreCorrupt, match="differs from its checksum"):
        health.restore(tmp_path / "backup", store.path, overwrite=True)
    with pytest.raises(StoreCorrupt, match="differs from its checksum"):
        health.restore(tmp_path / "backup", tmp_path / "new.store")
    assert store.manifest() == before
    assert not (tmp_path / "new.store").exists()
    with pytest.raises(StoreNotFound, match="there is no backup or store at"):
        health.restore(tmp_path / "nothing", tmp_path / "new.store")
    with pytest.raises(InputError, match="both as backup and as store"):
        health.restore(store.path, store.path, overwrite=True)


def test_the_commands(store: Store, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run([COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "revision 4 of xct.store is in backup" in run("backup", "backup")
    assert json.loads(run("backup", "backup", "--json"))["n_copied"] == 0
    assert "give --overwrite" in run("restore", "backup", code=2)
    shutil.rmtree(store.path)
    assert "store xct.store is at revision 4, from backup" in run("restore", "backup")
