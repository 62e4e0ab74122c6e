"""Which readers there are: those of this package, those of installed packages, and those registered by the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from xctgraph.ingest.volumes import hdf5, npy, slices, tiff, zarr_layout
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.protocol import Volume
from xctgraph.store.errors import VolumeError

ENTRY_POINTS = "xctgraph.readers"


@dataclass(frozen=True)
class Reader:
    """How one format of volumes is recognised and opened.

    Attributes
    ----------
    name : str
        What error messages call the format, e.g. "Zeiss XRM".
    suffixes : tuple of str
        Its extensions in lower case, with the dot. They are only used in error messages: the content decides.
    recognises : callable
        `recognises(path)` says whether the file or folder is of the format, from its first bytes or names. It must not be slow.
    open : callable
        `open(path, axes)`, or `open(path, axes, inside)` where `has_datasets` is true, returns a `Volume`.
    has_datasets : bool
        Whether `PATH:/INSIDE` names something inside the file: `inside` is that text, or None.
    remote : bool
        Whether it reads volumes in an object store, whose path is a `upath.UPath` then.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path], bool]
    open: Callable[..., Volume]
    has_datasets: bool = False
    remote: bool = False


def _open_zarr(path: Path, axes: Axes, inside: str | None) -> Volume:
    # Half a second to import, for the few runs that need it.
    from xctgraph.ingest.volumes.zarr_array import ZarrVolume

    return ZarrVolume(path, axes, inside)


BUILT_IN = (
    Reader("HDF5 or NeXus (FILE.h5:/PATH names the dataset)", hdf5.SUFFIXES, hdf5.recognises, hdf5.Hdf5Volume, has_datasets=True),
    Reader("TIFF", tiff.SUFFIXES, tiff.recognises, tiff.TiffVolume),
    Reader("NumPy", npy.SUFFIXES, npy.recognises, npy.NpyVolume),
    Reader(
        "Zarr or OME-Zarr (also zipped; STORE.zarr:/PATH names the array, STORE.zarr:t=3 the time)",
        zarr_layout.SUFFIXES,
        zarr_layout.recognises,
        _open_zarr,
        has_datasets=True,
        remote=True,
    ),
    Reader("folder of TIFF slices", (), slices.recognises, slices.SlicesVolume),
)
_registered: dict[str, Reader] = {}


def register(reader: Reader) -> None:
    """Add a reader for this process; one of the same name is replaced. It is asked before those of this package.

    A package that declares its reader in the entry point group `xctgraph.readers` need not call this, and its reader runs in
    the reader process, where a crash of its C code does no harm; one that is registered here runs in the caller's process.
    """
    _registered[reader.name] = reader


def unregister(name: str) -> None:
    """Remove a reader that `register` has added."""
    del _registered[name]


def readers() -> tuple[Reader, ...]:
    """All readers in the order they are asked."""
    return (*_registered.values(), *_installed(), *BUILT_IN)


def registered_here(path: Path) -> bool:
    """Whether a reader that lives in this process only takes `path`."""
    return any(path.exists() and reader.recognises(path) for reader in _registered.values())


def supported() -> str:
    """All formats in one line, for error messages."""
    return ", ".join(reader.name + (f" ({', '.join(reader.suffixes)})" if reader.suffixes else "") for reader in readers())


@cache
def _installed() -> tuple[Reader, ...]:
    found = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            reader = point.load()
        # Whatever a package raises on import.
        except Exception as error:
            raise VolumeError(f"the reader {point.value!r} of an installed package cannot be loaded: {error}") from error
        if not isinstance(reader, Reader):
            raise VolumeError(
                f"the entry point {point.value!r} of the group {ENTRY_POINTS} is a {type(reader).__name__}: it must be an "
                "xctgraph.ingest.volumes.Reader. Update or remove its package"
            )
        found.append(reader)
    return tuple(found)
