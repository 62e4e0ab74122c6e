"""HDF5 and NeXus files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # importing it registers its compression filters
from numpy.typing import NDArray

from xctgraph.ingest.volumes import hdf5_axes, hdf5_discovery, hdf5_presence, hdf5_projections, hdf5_voxel_size
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.store.errors import VolumeError

SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".nxs", ".nx5")
PIECE_BYTES = 32 * 2**20


def recognises(path: Path) -> bool:
    """Whether `path` starts like an HDF5 file (behind a user block too)."""
    return path.is_file() and bool(h5py.is_hdf5(path))


class Hdf5Volume(FileVolume):
    """A dataset of rank 3 in an HDF5 file, links followed.

    Parameters
    ----------
    path : Path
        The file.
    axes : Axes
        Order of the axes in the dataset.
    dataset : str or None
        Path of the dataset, or of a group to look in. None: see `hdf5_discovery.find`.

    Raises
    ------
    VolumeError
        If the file is damaged; there is no such dataset, none of rank 3, or several; a link leads nowhere; a compression
        filter is missing; the file says another order of axes, or that it holds projections.
    """

    def __init__(self, path: Path, axes: Axes, dataset: str | None = None) -> None:
        try:
            # Files on read-only or network mounts cannot always be locked; reading needs no lock.
            self._file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise VolumeError(f"{path} cannot be opened as HDF5, it is damaged or still being written: {error}") from error
        try:
            self._data, found = hdf5_discovery.find(self._file, path, dataset)
            chunks = self._data.chunks
            super().__init__(
                path,
                self._data.shape,
                self._data.dtype,
                axes,
                dataset=found,
                file_chunk=tuple(chunks) if chunks and len(chunks) == 3 else (1, 1, 1),
            )
            hdf5_projections.refuse(self._data, self.name)
            axes.agree_with(hdf5_axes.stated(self._data), self.name)
            self.voxel_size_um = hdf5_voxel_size.find(self._data, self._file, axes)
            present = hdf5_presence.check(self._data, self.name, path)
            self.files = tuple(present.files)
            self.warnings = (*present.warnings, *_not_applied(self._data, self.name))
            if self._data.external:
                self._data = _beside(self._data)
        except BaseException:
            self._file.close()
            raise

    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        if out.flags.c_contiguous:
            self._data.read_direct(out, selection)
            return
        # In pieces: h5py needs an intermediate array in the order of the file.
        depth = self._data.chunks[0] if self._data.chunks else 1
        plane = max(1, out[0].nbytes)
        step = max(1, PIECE_BYTES // (plane * depth)) * depth
        first = selection[0].start
        start = first
        while start < selection[0].stop:
            stop = min((start // step + 1) * step, selection[0].stop)
            out[start - first : stop - first] = self._data[(slice(start, stop), *selection[1:])]
            start = stop

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _not_applied(data: h5py.Dataset, name: str) -> tuple[str, ...]:
    """Warnings about a scale of the values and a value for none (NetCDF, NeXus)."""

    def stated(*keys: str) -> str:
        return ", ".join(f"{key} = {data.attrs[key]}" for key in keys if key in data.attrs)

    found = []
    if text := stated("scale_factor", "scaling_factor", "add_offset"):
        found.append(f"{name} states {text}: grey values are read as they are stored")
    if text := stated("_FillValue", "missing_value"):
        found.append(f"{name} states {text}: voxels of that value are read as grey values; leave them out by a sample mask")
    return tuple(found)


def _beside(data: h5py.Dataset) -> h5py.Dataset:
    """The dataset with its raw files looked for beside its file, not in the working directory."""
    file, where = data.file, data.name
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    data.id.close()  # one that is open keeps its old prefix
    return h5py.Dataset(h5py.h5d.open(file.id, where.encode(), access))
