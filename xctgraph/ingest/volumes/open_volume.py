"""From what the user names to a volume: which reader takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xctgraph.ingest.volumes import hdf5, npy, tiff
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.protocol import Volume
from xctgraph.ingest.volumes.slices import SlicesVolume
from xctgraph.store.errors import VolumeError

# To add a format, see README.md: whether a file is of the format, its extensions, its reader.
READERS: tuple[tuple[Callable[[Path], bool], tuple[str, ...], Callable[[Path, Axes], Volume]], ...] = (
    (hdf5.recognises, hdf5.SUFFIXES, hdf5.Hdf5Volume),
    (tiff.recognises, tiff.SUFFIXES, tiff.TiffVolume),
    (npy.recognises, npy.SUFFIXES, npy.NpyVolume),
)
SUPPORTED = "HDF5 or NeXus (.h5, .hdf5, .nxs; FILE.h5:/PATH names the dataset), TIFF (.tif, .tiff), a folder of TIFF slices, .npy"


def split_source(source: str | Path) -> tuple[Path, str | None]:
    """Split `FILE.h5:/PATH` into file and dataset; a file whose own name holds a colon is taken as it is."""
    text = str(source)
    if not Path(text).exists():
        for at in (index for index, character in enumerate(text) if character == ":"):
            if Path(text[:at]).is_file():
                return Path(text[:at]), text[at + 1 :] or None
        head, colon, tail = text.partition(":/")
        if colon and Path(head).suffix.lower() in hdf5.SUFFIXES:
            return Path(head), "/" + tail
    return Path(text), None


def open_volume(source: str | Path, *, axes: str = "zyx") -> Volume:
    """Open a volume for reading slab by slab.

    Parameters
    ----------
    source : str or Path
        HDF5 or NeXus (`scan.nxs`, `scan.h5:/entry/data`), multipage TIFF, folder of TIFF slices, `.npy`. The content decides,
        not the extension.
    axes : str
        Order of the axes in the file, slowest first; for a stack of slices the first is the axis across the slices.

    Returns
    -------
    Volume
        With axes (z, y, x), whatever the order in the file. Close it, or use it in a `with` statement.

    Raises
    ------
    VolumeError
        If it is missing, of no known format, damaged, or no volume.
    """
    order = Axes(axes)
    path, dataset = split_source(source)
    if path.is_dir():
        return SlicesVolume(path, order)
    if not path.exists():
        beside = ", ".join(sorted(entry.name for entry in path.parent.iterdir())[:10]) if path.parent.is_dir() else ""
        where = f"{path.parent.resolve()} holds: {beside or 'nothing'}" if path.parent.is_dir() else f"nor is {path.parent}"
        raise VolumeError(f"volume {path} is not there; {where}")
    if not path.stat().st_size:
        raise VolumeError(f"{path} is empty (0 bytes): it was not written, or not copied to its end")
    for recognises, _, reader in READERS:
        if recognises(path):
            if dataset is None:
                return reader(path, order)
            if reader is not hdf5.Hdf5Volume:
                raise VolumeError(f"{path} is not an HDF5 file: a dataset ({dataset}) can be named in HDF5 files only")
            return hdf5.Hdf5Volume(path, order, dataset)
    claims = [suffixes for _, suffixes, _ in READERS if path.suffix.lower() in suffixes]
    with path.open("rb") as file:
        start = file.read(8)
    if claims:
        raise VolumeError(
            f"{path} is not what its extension says: it starts with {start!r}. It may be damaged, cut off or an unresolved "
            f"placeholder (Git LFS). Supported: {SUPPORTED}"
        )
    raise VolumeError(f"{path} is of no known format (it starts with {start!r}). Supported: {SUPPORTED}")
