"""The reader of docs/readers.md works as it is printed, from a package of its own and registered by hand; it is short."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from xctgraph.ingest import volumes
from xctgraph.store.errors import VolumeError

PAGE = Path(__file__).parents[2] / "docs/readers.md"
SHAPE = (6, 7, 8)


def block(language: str) -> str:
    (found,) = re.findall(rf"<!-- test: .*? -->\n```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def code() -> str:
    return block("python")


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2**16, SHAPE, dtype=np.uint16)


@pytest.fixture
def lab_file(tmp_path: Path, array: np.ndarray) -> Path:
    path = tmp_path / "v.lab"
    header = b"LAB1" + np.array(SHAPE, "<u4").tobytes() + np.array(1.5, "<f4").tobytes()
    path.write_bytes(header + array.astype("<u2").tobytes())
    return path


def test_it_is_short() -> None:
    assert len([line for line in code().splitlines() if line.strip()]) <= 30


def test_a_registered_reader_is_used(tmp_path: Path, lab_file: Path, array: np.ndarray) -> None:
    (tmp_path / "lab_reader.py").write_text(code(), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("lab_reader", tmp_path / "lab_reader.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(VolumeError, match=r"no known format .* Supported: HDF5.*TIFF"):
        volumes.open_volume(lab_file)
    volumes.register(module.READER)
    try:
        assert module.READER in volumes.readers()
        for open_ in (volumes.open_volume, volumes.open_apart):
            with open_(lab_file) as volume:
                assert (volume.shape, volume.voxel_size_um) == (SHAPE, (1.5, 1.5, 1.5))
                np.testing.assert_array_equal(volume.read(2, 5, columns=(1, 4)), array[2:5, :, 1:4])
            with open_(lab_file, axes="xzy") as volume:
                np.testing.assert_array_equal(volume.read(0, 7), array.transpose(1, 2, 0))
        (tmp_path / "v.other").write_bytes(bytes(9))
        with pytest.raises(VolumeError, match=r"no known format .* Supported: LAB1 raw volumes \(.lab\), HDF5"):
            volumes.open_volume(tmp_path / "v.other")
        lab_file.write_bytes(lab_file.read_bytes()[:-1])
        with pytest.raises(VolumeError, match="is cut off"):
            volumes.open_volume(lab_file)
    finally:
        volumes.unregister(module.READER.name)


def install(folder: Path, module: str, text: str) -> None:
    """As an installer lays a package out that declares a reader."""
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    declared = tomllib.loads(block("toml"))["project"]["entry-points"]
    lines = [f"{name} = {value.replace('lab_reader', module)}" for name, value in declared["xctgraph.readers"].items()]
    (info / "entry_points.txt").write_text("[xctgraph.readers]\n" + "\n".join(lines) + "\n")


def ingest(folder: Path, volume: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xctgraph.cli.main", "ingest", str(volume), "--sample", "S1", "--voxel-size", "1.5um", *more]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)


def test_the_reader_of_an_installed_package_is_found(tmp_path: Path, lab_file: Path) -> None:
    install(tmp_path, "lab_reader", code())
    done = ingest(tmp_path, lab_file, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"add {lab_file}  (6, 7, 8) uint16" in done.stdout


def test_a_decoder_that_crashes_is_an_unreadable_file(tmp_path: Path, lab_file: Path) -> None:
    """A real segmentation fault, in the middle of the data: the command lives and names the file; no store is left."""
    crash = "        if selection[0].stop > 4:\n            import ctypes\n            ctypes.string_at(0)\n        out[...] ="
    install(tmp_path, "crashing_reader", code().replace("        out[...] =", crash))
    done = ingest(tmp_path, lab_file, "--segmentation", "threshold:60000")
    assert done.returncode == 2, done
    assert f"Error: {lab_file} cannot be read: its decoder crashed (SIGSEGV), the file is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "xct.store").exists()


def test_a_package_whose_entry_point_is_no_reader_is_named(tmp_path: Path, lab_file: Path) -> None:
    install(tmp_path, "wrong_reader", "READER = 3\n")
    done = ingest(tmp_path, lab_file, "--dry-run")
    assert done.returncode == 2
    assert "the entry point 'wrong_reader:READER' of the group xctgraph.readers is a int" in done.stderr
