"""What the readers share: checks of shape, type and range, and the way from the order of the file to (z, y, x)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.protocol import Box, Volume, VoxelSize
from xctgraph.store.errors import VolumeError

Selection = tuple[slice, slice, slice]


class FileVolume(ABC):
    """A volume stored as one rank 3 array in any order of axes; a reader implements `_fill`.

    Parameters
    ----------
    path, dataset
        File or folder, and what is named inside it.
    file_shape : tuple of int
        Shape in the order of the file.
    dtype : numpy.dtype
        Type in the file, of any byte order.
    axes : Axes
        Order of the axes in the file.
    voxel_size_um : tuple of float or None
        Edges of a voxel in micrometres along z, y, x.
    file_chunk : tuple of int
        Voxels read at once along each axis of the file.

    Attributes
    ----------
    files : tuple of Path
        Every file that holds voxels; set it where that is not `path` alone. Fingerprints are made of them.
    warnings : tuple of str
        Doubts about the file that are no errors; the ingest shows them.

    Raises
    ------
    VolumeError
        If the array is not of rank 3, has no voxels, or its type is not a real number.
    """

    def __init__(
        self,
        path: Path,
        file_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        axes: Axes,
        *,
        dataset: str | None = None,
        voxel_size_um: VoxelSize | None = None,
        file_chunk: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self.warnings: tuple[str, ...] = ()
        self.dataset = dataset
        self.axes = axes
        self.voxel_size_um = voxel_size_um
        self.dtype = _native(dtype, self.name)
        if len(file_shape) != 3:
            raise VolumeError(
                f"{self.name} has shape {file_shape}, rank {len(file_shape)}: a volume has rank 3. "
                "Of a time series give each scan a dataset or file of its own"
            )
        if 0 in file_shape:
            raise VolumeError(f"{self.name} has shape {file_shape}: it holds no voxels")
        z, y, x = axes.to_zyx((file_shape[0], file_shape[1], file_shape[2]))
        self.shape = (z, y, x)
        self.chunk_z = min(axes.to_zyx(file_chunk)[0], z)

    @property
    def name(self) -> str:
        """Path, and dataset where there is one, as the user writes them."""
        return f"{self.path}:{self.dataset}" if self.dataset else str(self.path)

    def read(
        self, z0: int, z1: int, *, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """Read slices `z0` to `z1 - 1`; see `Volume.read`."""
        ranges = box_of(self, z0, z1, rows, columns)
        out: NDArray[Any] = np.empty([stop - start for start, stop in ranges], self.dtype)
        self.read_into(out, ranges)
        return out

    def read_into(self, out: NDArray[Any], ranges: Box) -> None:
        """Read the voxels from `start` to `stop - 1` along z, y and x into `out`, which has their shape and this type."""
        if not out.size:
            return
        z, y, x = (slice(start, stop) for start, stop in ranges)
        try:
            self._fill(out.transpose(self.axes.to_file((0, 1, 2))), self.axes.to_file((z, y, x)))
        except VolumeError:
            raise
        # Readers and codecs raise nearly anything on damaged data.
        except Exception as error:
            raise VolumeError(
                f"{self.name}: slices {z.start} to {z.stop} cannot be read, the file is damaged: {type(error).__name__}: {error}"
            ) from error

    @abstractmethod
    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        """Read `selection` into `out`, both in the order of the file."""

    def close(self) -> None:  # noqa: B027  # readers that hold no file open inherit it
        """Release the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def box_of(volume: Volume, z0: int, z1: int, rows: tuple[int, int] | None, columns: tuple[int, int] | None) -> Box:
    """Ranges along z, y and x that are to be read.

    Raises
    ------
    VolumeError
        If one lies outside the volume.
    """
    ranges = ((z0, z1), rows or (0, volume.shape[1]), columns or (0, volume.shape[2]))
    for axis, (start, stop), size in zip("zyx", ranges, volume.shape, strict=True):
        if not 0 <= start <= stop <= size:
            raise VolumeError(f"range {start} to {stop} along {axis} lies outside {volume.path}: valid are 0 to {size}")
    return ranges


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether voxels of this type can be read: bool, integers of 8 to 64 bits, floats of 16 to 64 bits."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def _native(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    if not is_numeric(dtype):
        raise VolumeError(
            f"{name} has voxels of type {dtype}: valid are bool, integers of 8 to 64 bits and floats of 16 to 64 bits. "
            "Convert it, e.g. to its magnitude if it is complex"
        )
    return dtype.newbyteorder("=")
