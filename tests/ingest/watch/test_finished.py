"""What speaks against a scan being finished: locks, marks, temporary names, missing slices, missing markers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from xctgraph.ingest.config import Watch
from xctgraph.ingest.watch import finished

RULES = Watch()
WRITER = """
import sys, h5py
path, libver, swmr, userblock = sys.argv[1:]
file = h5py.File(path, "w", libver=libver or None, userblock_size=int(userblock))
file["data"] = [[[1, 2]]]
if swmr:
    file.swmr_mode = True
file.flush()
print("open", flush=True)
sys.stdin.readline()
file.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def _why_not(path: Path, rules: Watch = RULES) -> str:
    return finished.unfinished(path, finished.files_of(path), rules)


@pytest.mark.parametrize(
    ("libver", "swmr", "userblock", "words"),
    [
        ("", "", "0", "locked: a process is writing it"),
        ("latest", "", "1024", "marked as open for writing"),
        ("latest", "swmr", "0", "marked as open for writing"),
    ],
)
def test_an_open_hdf5_file_is_unfinished(tmp_path: Path, libver: str, swmr: str, userblock: str, words: str) -> None:
    path = tmp_path / "scan.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), libver, swmr, userblock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        before = path.read_bytes()
        assert words in _why_not(path)
        assert path.read_bytes() == before
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "closed\n"
        assert _why_not(path) == ""
        writer.stdin.write("\n")


def test_a_writer_that_died_leaves_the_mark_and_the_remedy_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "latest", "", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    assert "h5clear -s scan.h5" in _why_not(path)


def test_readers_do_not_count_as_writers(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["data"] = np.zeros(3)
    with h5py.File(path):
        assert _why_not(path) == ""


def test_folders(tmp_path: Path) -> None:
    scan = tmp_path / "scan_1"
    scan.mkdir()
    (scan / "slice_0.tif").write_bytes(b"x")
    assert _why_not(scan) == ""
    assert _why_not(scan, Watch(slices=2)) == "it holds 1 of 2 slices"
    (scan / "slice_1.tif.part").write_bytes(b"x")
    assert "slice_1.tif.part in it is temporary" in _why_not(scan)
    (scan / "slice_1.tif.part").rename(scan / "slice_1.tif")
    assert _why_not(scan, Watch(slices=2)) == ""
    assert "scan_1.done beside it, or .done in it" in _why_not(scan, Watch(marker=True))
    (scan / ".done").touch()
    assert _why_not(scan, Watch(marker=True)) == ""
    assert finished.files_of(scan) == [scan / "slice_0.tif", scan / "slice_1.tif"]


def test_the_signature_changes_with_every_write(tmp_path: Path) -> None:
    scan = tmp_path / "scan_1"
    scan.mkdir()
    seen = {finished.signature(finished.files_of(scan))}
    (scan / "a.tif").write_bytes(b"x")
    seen.add(finished.signature(finished.files_of(scan)))
    (scan / "a.tif").write_bytes(b"xy")
    seen.add(finished.signature(finished.files_of(scan)))
    (scan / "b.tif").write_bytes(b"x")
    seen.add(finished.signature(finished.files_of(scan)))
    (scan / "c.tif").write_bytes(b"x")
    (scan / "c.tif").replace(scan / "b.tif")
    seen.add(finished.signature(finished.files_of(scan)))
    assert len(seen) == 5
