"""NumPy's .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.store.errors import VolumeError

SUFFIXES = (".npy",)


def recognises(path: Path) -> bool:
    """Whether `path` starts like a .npy file."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


class NpyVolume(FileVolume):
    """A .npy file. The format holds no voxel size.

    Raises
    ------
    VolumeError
        If the file is damaged, holds Python objects, or is no volume.
    """

    def __init__(self, path: Path, axes: Axes) -> None:
        mapped = _map(path)
        super().__init__(path, mapped.shape, mapped.dtype, axes)

    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        # Mapped anew for each slab: pages of a mapping that lives on would count as memory of this process.
        out[...] = _map(self.path)[selection]


def _map(path: Path) -> np.memmap[Any, Any]:
    try:
        mapped: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise VolumeError(f"{path} cannot be read as .npy: {error}") from error
    expected, held = mapped.offset + mapped.nbytes, path.stat().st_size
    if expected != held:
        raise VolumeError(
            f"{path} has {held} bytes, but shape {mapped.shape} and type {mapped.dtype} make {expected}: its header is damaged, "
            "or it holds several arrays. Write the volume alone"
        )
    return mapped
