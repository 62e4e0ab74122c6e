"""From what the user names to a volume: which reader takes it."""

from __future__ import annotations

from pathlib import Path

from xctgraph.ingest.volumes import places
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.protocol import Volume
from xctgraph.ingest.volumes.registry import Reader, readers, supported
from xctgraph.store.errors import VolumeError, XctGraphError


def split_source(source: str | Path) -> tuple[Path, str | None]:
    """Split `FILE.h5:/PATH` into file and dataset; a file whose own name holds a colon is taken as it is."""
    text = str(source)
    if places.is_remote(text):
        return _split_remote(text)
    if not _exists(Path(text)):
        for at in (index for index, character in enumerate(text) if character == ":"):
            if _exists(Path(text[:at])):
                return Path(text[:at]), text[at + 1 :] or None
        head, colon, tail = text.partition(":/")
        suffixes = {suffix for reader in readers() if reader.has_datasets for suffix in reader.suffixes}
        if colon and Path(head).suffix.lower() in suffixes:
            return Path(head), "/" + tail
    return Path(text), None


def _split_remote(text: str) -> tuple[Path, str | None]:
    """Split s3://BUCKET/KEY:INSIDE at the last colon: asking an object store whether a name is there costs a round trip."""
    head, colon, tail = text.rpartition(":")
    return (places.located(head), tail) if colon and not tail.startswith("//") else (places.located(text), None)


def open_volume(source: str | Path, *, axes: str = "zyx") -> Volume:
    """Open a volume for reading slab by slab.

    Parameters
    ----------
    source : str or Path
        HDF5 or NeXus (`scan.nxs`, `scan.h5:/entry/data`), Zarr or OME-Zarr (`scan.zarr`, `scan.zarr:/1`, `series.zarr:t=3`),
        multipage TIFF, folder of TIFF slices, `.npy`, or a format of a registered reader. The content decides, not the
        extension.
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
    path, inside = split_source(source)
    try:
        return _open(path, order, inside)
    except PermissionError as error:
        raise VolumeError(f"{path} may not be read: {error.strerror}. Give yourself the right to read it") from error
    except XctGraphError:
        raise
    # Parsers of damaged files raise nearly anything, and so do object stores.
    except Exception as error:
        if places.is_remote(path):
            raise places.unreachable(path, error) from error
        raise VolumeError(f"{path} cannot be read, it is damaged: {type(error).__name__}: {error}") from error


def _open(path: Path, order: Axes, inside: str | None) -> Volume:
    if places.is_remote(path):
        return _open_remote(path, order, inside)
    if not path.exists():
        beside = ", ".join(sorted(entry.name for entry in path.parent.iterdir())[:10]) if path.parent.is_dir() else ""
        where = f"{path.parent.resolve()} holds: {beside or 'nothing'}" if path.parent.is_dir() else f"nor is {path.parent}"
        raise VolumeError(f"volume {path} is not there; {where}")
    if path.is_file() and not path.stat().st_size:
        raise VolumeError(f"{path} is empty (0 bytes): it was not written, or not copied to its end")
    start = _start(path) if path.is_file() else b""
    for reader in readers():
        if reader.recognises(path):
            return _open_with(reader, path, order, inside)
    if not path.is_file():
        raise VolumeError(f"{path} is neither a file nor a folder. Supported: {supported()}")
    claims = [reader for reader in readers() if path.suffix.lower() in reader.suffixes]
    if claims:
        raise VolumeError(
            f"{path} is not what its extension says: it starts with {start!r}. It may be damaged, cut off or an unresolved "
            f"placeholder (Git LFS). Supported: {supported()}"
        )
    raise VolumeError(f"{path} is of no known format (it starts with {start!r}). Supported: {supported()}")


def _open_remote(path: Path, order: Axes, inside: str | None) -> Volume:
    if not path.exists():
        raise VolumeError(f"volume {path} is not there: the object store holds nothing of that name")
    able = [reader for reader in readers() if reader.remote]
    for reader in able:
        if reader.recognises(path):
            return reader.open(path, order, inside)
    names = ", ".join(reader.name for reader in able)
    raise VolumeError(f"{path} cannot be read where it is: of an object store's volumes only those of {names} are. Copy it first")


def _open_with(reader: Reader, path: Path, order: Axes, inside: str | None) -> Volume:
    if reader.has_datasets:
        return reader.open(path, order, inside)
    if inside is not None:
        able = ", ".join(suffix for other in readers() if other.has_datasets for suffix in other.suffixes)
        raise VolumeError(f"{path} is one volume ({reader.name}): {inside!r} can be named inside files of {able} only")
    return reader.open(path, order)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that may not be entered, or a name too long
        return False
