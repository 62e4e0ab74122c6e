"""What every reader offers: a volume that is read slab by slab."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

VoxelSize = tuple[float, float, float]
Value = str | float
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@runtime_checkable
class Volume(Protocol):
    """A volume with axes (z, y, x) that is read slab by slab.

    Attributes
    ----------
    path : Path
        File or folder.
    dataset : str or None
        What is named inside the file: the path of a dataset, the index of a time.
    shape : tuple of int
        Voxels along z, y, x.
    dtype : numpy.dtype
        Native-endian bool, integer of 8 to 64 bits or float of 16 to 64 bits.
    voxel_size_um : tuple of float or None
        Edges of a voxel along z, y, x in micrometres, where the file says so.
    chunk_z : int
        Slabs of a multiple of this many slices, from slice 0, are read with the least work.
    """

    path: Path
    dataset: str | None
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize | None
    chunk_z: int

    def read(
        self, z0: int, z1: int, *, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """Read slices `z0` to `z1 - 1`, or of them the `rows` y0 to y1 - 1 and `columns` x0 to x1 - 1.

        Returns
        -------
        ndarray, shape (z1 - z0, y, x)
            C-contiguous, native-endian. Little more memory than the result is allocated.

        Raises
        ------
        VolumeError
            If the range lies outside the volume, or the data cannot be decoded.
        """
        ...

    def close(self) -> None:
        """Release the file."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@dataclass(frozen=True)
class Description:
    """What is known of a volume once it is open; attributes as in `Volume` and `FileVolume`."""

    path: Path
    dataset: str | None
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize | None
    chunk_z: int
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass
class Metadata:
    """What a file says beside its voxels, by the names of the fields of `config.Sample` and `config.Scan`; doubts about it."""

    sample: dict[str, Value] = field(default_factory=dict)
    scan: dict[str, Value] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
