"""HDF5 and NeXus files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # importing it registers its compression filters
from numpy.typing import NDArray

from xctgraph.ingest.volumes import hdf5_discovery, hdf5_voxel_size
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
        filter is missing.
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
            self.voxel_size_um = hdf5_voxel_size.find(self._data, self._file, axes)
            _check_filters(self._data, self.name)
            self.files = _files(self._data, self.name, path)
            self.warnings = _check_allocation(self._data, self.name)
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


def _check_filters(data: h5py.Dataset, name: str) -> None:
    properties = data.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, _, _, label = properties.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            filter_name = label.decode("ascii", "replace") or "unnamed"
            raise VolumeError(
                f"{name} is compressed with the HDF5 filter {code} ({filter_name}), which is not available here. "
                "Install its plugin and set HDF5_PLUGIN_PATH, or rewrite the file: h5repack -f GZIP=4 IN OUT"
            )


def _check_allocation(data: h5py.Dataset, name: str) -> tuple[str, ...]:
    """HDF5 reads what was never written as fill values: a file whose writer stopped looks whole."""
    if data.is_virtual or data.external:
        return ()
    stored = data.id.get_num_chunks() if data.chunks else int(data.id.get_storage_size() > 0)
    chunks = [math.ceil(size / chunk) for size, chunk in zip(data.shape, data.chunks or data.shape, strict=True)]
    missing = math.prod(chunks) - stored
    if missing <= 0:
        return ()
    what = f"{missing} of {math.prod(chunks)} chunks were never written" if data.chunks else "no data were ever written"
    undefined = data.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED
    if stored == 0 or undefined:
        raise VolumeError(f"{name}: {what}. Is the file still being written, or did its writer stop?")
    return (
        f"{name}: {what}; their voxels are read as the fill value {data.fillvalue}. Some programs leave out chunks that hold "
        "nothing else, but a file whose writer stopped looks the same: check it if this is more than you expect",
    )


def _files(data: h5py.Dataset, name: str, path: Path) -> tuple[Path, ...]:
    """Every file that holds voxels: the named one, the target of an external link, sources of a virtual dataset."""
    home = Path(data.file.filename)
    files = [path, home]
    if data.is_virtual:
        # Names with % stand for a series of files; HDF5 resolves them itself.
        names = sorted({source.file_name for source in data.virtual_sources()} - {"."})
        sources = [home.parent / source for source in names if "%" not in source]
        for source in sources:
            if not source.exists():
                raise VolumeError(
                    f"{name} is a virtual dataset whose source file {source} is missing: HDF5 would show it as fill values. "
                    "Copy the source file beside it"
                )
        files += sources
    files += [home.parent / raw for raw, _, _ in data.external or ()]
    unique: dict[Path, None] = dict.fromkeys(file.resolve() for file in files)
    return tuple(unique)
