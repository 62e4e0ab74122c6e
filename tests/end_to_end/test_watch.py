"""A beamtime with real processes: writers write slowly, `ingest --watch` follows, a reader asks all the time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from tests.end_to_end.test_readers_beside_a_writer import READER
from xctgraph.ingest import config, pipeline
from xctgraph.store import open_store

COMMAND = str(Path(sys.executable).parent / "xctgraph")
SHAPE = (16, 40, 40)
SETTLE = 0.4
# Each slice is written, flushed, and followed by a pause longer than --settle: only locks and marks tell that it is not done.
SLOW_HDF5 = """
import sys, time, h5py, numpy as np
source, target, swmr = sys.argv[1:]
volume = np.load(source)
with h5py.File(target, "w", libver="latest" if swmr else None) as file:
    data = file.create_dataset("entry/data", volume.shape, volume.dtype, chunks=(1, *volume.shape[1:]))
    if swmr:
        file.swmr_mode = True
    for z0 in range(0, len(volume), 8):
        data[z0 : z0 + 8] = volume[z0 : z0 + 8]
        file.flush()
        time.sleep(0.9)
print(time.time())
"""
SLOW_SLICES = """
import sys, time, tifffile, numpy as np
from pathlib import Path
source, target, _ = sys.argv[1:]
target = Path(target)
target.mkdir()
for z, plane in enumerate(np.load(source)):
    tifffile.imwrite(target / f"slice_{z}.tif.part", plane)
    if z == 8:
        time.sleep(0.9)
    (target / f"slice_{z}.tif.part").rename(target / f"slice_{z}.tif")
    time.sleep(0.02)
print(time.time())
"""


def _mask(rng: np.random.Generator) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    for z, y, x in rng.integers(1, np.array(SHAPE) - 4, (12, 3)):
        mask[z : z + 2, y : y + 3, x : x + 2] = 1
    return mask


def _count(mask: NDArray[np.uint8]) -> int:
    return int(scipy.ndimage.label(mask, np.ones((3, 3, 3)))[1])


class _Watch:
    """`xctgraph ingest --watch` in a process of its own; its lines are kept with the time they came."""

    def __init__(self, folder: Path, store: Path, *arguments: str) -> None:
        command = [COMMAND, "ingest", "--watch", str(folder), "--store", str(store), "--json", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events: list[tuple[float, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append((time.time(), json.loads(line)))

    def wait_for(self, kind: str, name: str, seconds: float = 120) -> tuple[float, dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for when, event in list(self.events):
                if (event["event"], event["name"]) == (kind, name):
                    return when, event
            assert self.process.poll() is None or self._reader.is_alive(), self.ended()
            time.sleep(0.02)
        raise AssertionError(f"no {kind} of {name} in {seconds} s: {self.events}")

    def ended(self) -> tuple[int, str]:
        assert self.process.stderr is not None
        errors = self.process.stderr.read()
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code, errors


@pytest.fixture
def started() -> Iterator[list[_Watch]]:
    """Watches that are killed at the end, however the test ends."""
    watches: list[_Watch] = []
    yield watches
    for watch in watches:
        watch.process.kill()
        watch.process.communicate()


OPTIONS = ("--sample", "S1", "--voxel-size", "2um", "--segmentation", "mask")


def test_scans_are_ingested_when_their_writers_have_finished(
    tmp_path: Path, rng: np.random.Generator, started: list[_Watch]
) -> None:
    beamtime, store = tmp_path / "beamtime", tmp_path / "s"
    beamtime.mkdir()
    masks = [_mask(rng) for _ in range(4)]
    for t, mask in enumerate(masks):
        np.save(tmp_path / f"{t}.npy", mask)
    # One scan is there before the watch begins, so that the reader finds a store.
    np.save(beamtime / "scan_0.npy", masks[0])
    watch = _Watch(beamtime, store, *OPTIONS, "--settle", str(SETTLE), "--until", "4")
    started.append(watch)
    watch.wait_for("added", "scan_0.npy")

    stop, log = tmp_path / "stop", tmp_path / "reader.jsonl"
    with (
        log.open("w") as out,
        subprocess.Popen([sys.executable, "-c", READER, str(store), str(stop)], stdout=out, stderr=subprocess.PIPE) as reader,
    ):
        writers = ((SLOW_HDF5, "scan_1.h5", ""), (SLOW_HDF5, "scan_2.h5", "swmr"), (SLOW_SLICES, "scan_10", ""))
        with open_store(store) as asked:
            for t, (code, name, swmr) in enumerate(writers, 1):
                command = [sys.executable, "-c", code, str(tmp_path / f"{t}.npy"), str(beamtime / name), swmr]
                finished = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                when, event = watch.wait_for("added", name)
                assert when > finished
                assert (event["t"], event["n_features"]) == (t, _count(masks[t]))
                rows = asked.cypher("MATCH (f:Feature) RETURN f.t AS t, count(*) AS n ORDER BY t").to_pylist()
                assert rows == [{"t": u, "n": _count(masks[u])} for u in range(t + 1)]
                assert asked.sql("SELECT count(*) AS n FROM features")["n"].to_pylist() == [sum(r["n"] for r in rows)]
        assert watch.ended() == (0, "")
        stop.touch()
        _, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors.decode()
    seen = [json.loads(line) for line in log.read_text().splitlines() if line != "ready"]
    for _, *answers in seen:
        for rows in answers:
            assert rows == [{"t": t, "n": _count(masks[t])} for t in range(len(rows))]
    assert [len(rows) for rows in seen[-1][1:]] == [4, 4]
    waited = {event["name"] for _, event in watch.events if event["event"] == "waiting"}
    assert waited == {"scan_1.h5", "scan_2.h5", "scan_10"}


def test_a_bad_scan_is_told_and_taken_once_it_is_repaired(
    tmp_path: Path, rng: np.random.Generator, started: list[_Watch]
) -> None:
    beamtime, store = tmp_path / "beamtime", tmp_path / "s"
    beamtime.mkdir()
    masks = [_mask(rng) for _ in range(3)]
    for t, mask in enumerate(masks):
        np.save(beamtime / f"scan_{t}.npy", mask)
    whole = (beamtime / "scan_1.npy").read_bytes()
    (beamtime / "scan_1.npy").write_bytes(whole[: len(whole) // 2])
    watch = _Watch(beamtime, store, *OPTIONS, "--settle", "0.1")
    started.append(watch)
    _, event = watch.wait_for("failed", "scan_1.npy")
    assert "scan_1.npy" in event["reason"]
    assert "tried again in" in event["reason"]
    assert watch.wait_for("added", "scan_2.npy")[1]["t"] == 2
    (beamtime / "scan_1.npy").write_bytes(whole)
    assert watch.wait_for("added", "scan_1.npy")[1]["t"] == 1
    watch.process.send_signal(signal.SIGINT)
    code, errors = watch.ended()
    assert code == 0
    assert "watch ended" in errors
    with open_store(store) as held:
        counts = held.sql("SELECT t, count(*) AS n FROM features GROUP BY t ORDER BY t")["n"].to_pylist()
        assert counts == [_count(mask) for mask in masks]
    again = _Watch(beamtime, store, *OPTIONS, "--settle", "0.1", "--idle", "1")
    started.append(again)
    assert again.ended() == (0, "")
    assert [(event["event"], event["t"]) for _, event in again.events] == [("unchanged", t) for t in range(3)]


def test_a_store_of_25_scans_answers_while_the_26th_comes(
    tmp_path: Path, rng: np.random.Generator, started: list[_Watch]
) -> None:
    beamtime, store = tmp_path / "beamtime", tmp_path / "s"
    beamtime.mkdir()
    masks = [_mask(rng) for _ in range(26)]
    for t, mask in enumerate(masks):
        np.save(tmp_path / f"scan_{t}.npy", mask)
        if t < 25:
            shutil.copy(tmp_path / f"scan_{t}.npy", beamtime)
    toml = tmp_path / "dataset.toml"
    toml.write_text(
        '[sample]\nid = "S1"\nvoxel_size_um = 2\n[segmentation]\nmethod = "mask"\n'
        '[watch]\npattern = "scan_*.npy"\nsettle_s = 0.3\n'
    )
    dataset = config.load(toml, watched=True)
    listed = [config.Scan(t=t, path=str(beamtime / f"scan_{t}.npy")) for t in range(25)]
    with open_store(store, create=True) as held:
        pipeline.ingest(held, dataset.model_copy(update={"scan": listed}))
        watch = _Watch(beamtime, store, str(toml), "--until", "26")
        started.append(watch)
        shutil.copy(tmp_path / "scan_25.npy", beamtime / "scan_25.npy.part")
        (beamtime / "scan_25.npy.part").rename(beamtime / "scan_25.npy")
        counts = [_count(mask) for mask in masks]
        answers = 0
        while watch.process.poll() is None:
            rows = held.cypher("MATCH (f:Feature) RETURN f.t AS t, count(*) AS n ORDER BY t")["n"].to_pylist()
            assert rows in (counts[:25], counts)
            answers += 1
        assert watch.ended() == (0, "")
        assert answers > 3
        assert held.cypher("MATCH (f:Feature) RETURN count(*) AS n")["n"].to_pylist() == [sum(counts)]
    assert watch.events[-1][1]["t"] == 25


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--watch", "nowhere", *OPTIONS), "--watch nowhere: there is no such folder"),
        (("--watch", ".", "a.h5", *OPTIONS), "a.h5 given beside --watch"),
        (("a.h5", "--settle", "3", *OPTIONS), "--settle belongs to --watch FOLDER"),
    ],
)
def test_wrong_use_is_named(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run([COMMAND, "ingest", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert not (tmp_path / "xct.store").exists()
