"""Temporary files lie where they were told to, and are gone afterwards, also after a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from xctgraph.store.files import TEMPORARY

XCTGRAPH = str(Path(sys.executable).parent / "xctgraph")
# More rows than fit into the memory that `--memory 600MB` leaves, in an order that needs them all.
SPILLING = "SELECT count(*) FROM (SELECT hash(range) AS h, range::VARCHAR AS s FROM range(10000000) ORDER BY h, s OFFSET 1)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factories.filled(tmp_path_factory.mktemp("made") / "xct.store", n_scans=3, n_features=300)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    folder = tmp_path / "told"
    folder.mkdir()
    return folder


def _start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [XCTGRAPH, *arguments]
    piped = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **environment}, cwd=folder, stderr=piped, stdout=piped, text=True)


def _wait(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not get there"
        time.sleep(0.001)


def _spilled(told: Path) -> bool:
    return any(path.is_file() and path.stat().st_size for path in told.rglob("*"))


@pytest.mark.parametrize("by", ["--tmp", "TMPDIR"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_a_query_spills(by: str, number: signal.Signals, made: Path, told: Path) -> None:
    options = ["--tmp", str(told)] if by == "--tmp" else []
    environment = {"TMPDIR": str(told)} if by == "TMPDIR" else {}
    with _start(made.parent, "sql", SPILLING, "--store", str(made), "--memory", "600MB", *options, **environment) as process:
        _wait(process, lambda: _spilled(told))
        process.send_signal(number)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "interrupted" in said
    assert list(told.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_a_load_writes(number: signal.Signals, made: Path, told: Path, seed: int) -> None:
    (made / "statistics.duckdb").unlink(missing_ok=True)
    (made / "graph.lbug").unlink(missing_ok=True)
    rng = np.random.default_rng(seed)
    with _start(made.parent, "query", "counts-and-volume-fraction", "--store", str(made), "--tmp", str(told)) as process:
        _wait(process, lambda: any(made.glob(f"*{TEMPORARY}*")) or any(told.iterdir()))
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(number)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert list(told.iterdir()) == []
    assert list(made.glob(f"*{TEMPORARY}*")) == []


def test_what_an_ingest_writes(told: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.pad(np.full((4, 4, 4), 200, np.uint8), 20))
    arguments = ("ingest", "v.npy", "--sample", "S", "--voxel-size", "1um", "--segmentation", "threshold:100", "--tmp", str(told))
    with _start(tmp_path, *arguments) as process:
        seen = set()
        while process.poll() is None:
            seen |= {path.name for path in told.iterdir()}
            time.sleep(0.001)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert any(name.startswith("xctgraph-") for name in seen)
    assert list(told.iterdir()) == []


@pytest.mark.parametrize("by", ["--tmp", "TMPDIR"])
def test_a_folder_that_is_not_there(by: str, made: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    options = ["--tmp", str(lacking)] if by == "--tmp" else []
    environment = {"TMPDIR": str(lacking)} if by == "TMPDIR" else {}
    with _start(made.parent, "sql", "SELECT 1", "--store", str(made), *options, **environment) as process:
        _, said = process.communicate()
    assert process.returncode == 2
    assert f"temporary files cannot be written to {lacking}: give a folder that is there and writable" in said
