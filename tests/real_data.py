"""Real CT volumes, read out of wheels on PyPI: cached, never part of the project.

`spam` is GPL: its package is never imported, only the TIFF files in its wheel are read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.conftest import skip_unless_required

QIM3D = "qim3d==1.5.3"
SPAM = "spam==0.9.1"
VOLUMES = {
    "cement": (QIM3D, "qim3d/examples/cement_128x128x128.tif"),
    "bone": (QIM3D, "qim3d/examples/bone_128x128x128.tif"),
    "fibers": (QIM3D, "qim3d/examples/fibers_150x150x150.tif"),
    "shell": (QIM3D, "qim3d/examples/shell_225x128x128.tif"),
    "snow": (SPAM, "spam/data/snow/snow.tif"),
    "concrete_xray": (SPAM, "spam/data/concrete/concrete_x-ray-bin16.tif"),
    "concrete_neutron": (SPAM, "spam/data/concrete/concrete_neutron-bin16.tif"),
}


def real_volume(name: str) -> Path:
    """Path of a TIFF of `VOLUMES`; skips the test where it cannot be fetched (fails with REQUIRE_REAL_DATA=1)."""
    requirement, member = VOLUMES[name]
    path = _cache() / "volumes" / Path(member).name
    if not path.exists():
        with zipfile.ZipFile(_wheel(requirement)) as wheel:
            _write(path, wheel.read(member))
    return path


def _cache() -> Path:
    return Path(os.environ.get("XCTGRAPH_CACHE", Path(__file__).parents[1] / ".cache"))


def _wheel(requirement: str) -> Path:
    folder = _cache() / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    pattern = requirement.replace("==", "-") + "-*.whl"
    if not any(folder.glob(pattern)):
        with tempfile.TemporaryDirectory(dir=folder) as download:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", download, requirement]
            result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            for wheel in Path(download).glob(pattern):
                wheel.rename(folder / wheel.name)
            if result.returncode:
                skip_unless_required("REQUIRE_REAL_DATA", f"{requirement} cannot be downloaded: {result.stderr.strip()}")
    return next(folder.glob(pattern))


def _write(path: Path, data: bytes) -> None:
    """Several test processes may write the same file: each its own, the rename is atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).rename(path)
