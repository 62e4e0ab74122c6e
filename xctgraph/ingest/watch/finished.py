"""Whether a scan is finished: nothing of it is opened as a volume before this says so.

A scan is a file or a folder. It is unfinished while any of these holds:

- a name in it ends in one of `TEMPORARY`;
- an HDF5 file of it is locked for writing by a process on this machine, or its superblock says that it is open for writing or
  for SWMR writing (files of `libver` v110 or later; a writer that died leaves the mark, `h5clear -s FILE` takes it away);
- a folder holds fewer slices than declared;
- markers are declared and its marker is not there;
- names, sizes, times or inodes of its files have changed within the last `settle_s` seconds. A marker that is there makes
  this wait needless.

The files that an HDF5 file links to (external links, virtual datasets) belong to the scan.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from xctgraph.ingest.config import Watch
from xctgraph.ingest.volumes import hdf5, slices

TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
MARKER = ".done"
SIGNATURE = b"\x89HDF\r\n\x1a\n"

Signature = tuple[tuple[str, int, int, int], ...]
"""Path, size, mtime and inode of every file of a scan."""


def is_temporary(name: str) -> bool:
    """Whether a name is one that programs give to what they are still writing or copying."""
    return name.startswith(".") or name.lower().endswith(TEMPORARY)


def signature(files: Iterable[Path]) -> Signature:
    """What changes while files are written; a file that goes away meanwhile is left out."""
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        found.append((str(file), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def files_of(scan: Path) -> list[Path]:
    """Every file of a scan, markers left out."""
    if not scan.is_dir():
        return [scan]
    return sorted(Path(folder) / name for folder, _, names in os.walk(scan) for name in names if name != MARKER)


def is_marked(scan: Path) -> bool:
    """Whether the marker of the scan is there."""
    return scan.with_name(scan.name + MARKER).exists() or (scan / MARKER).exists()


def unfinished(scan: Path, files: Iterable[Path], rules: Watch) -> str:
    """Why the scan is not finished, apart from changes within the settling time; empty if nothing speaks against it."""
    if rules.marker and not is_marked(scan):
        return f"no marker yet: {scan.name}{MARKER} beside it" + (f", or {MARKER} in it" if scan.is_dir() else "")
    files = list(files)
    temporary = next((file for file in files if file != scan and is_temporary(file.name) and file.name[0] != "."), None)
    if temporary is not None:
        return f"{temporary.name} in it is temporary"
    if scan.is_dir() and rules.slices is not None:
        count = sum(file.suffix.lower() in slices.SUFFIXES for file in files)
        if count < rules.slices:
            return f"it holds {count} of {rules.slices} slices"
    # Of a folder of slices not every file is opened.
    return next(_busy([file for file in files if file.suffix.lower() in hdf5.SUFFIXES] if scan.is_dir() else files), "")


def _busy(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        if file.suffix.lower() in hdf5.SUFFIXES or _superblock(file) is not None:
            # The lock is tried last, since trying takes it for a moment.
            if _consistency_flags(file):
                yield (
                    f"{file.name} is marked as open for writing: if its writer has died, "
                    f"make it readable with `h5clear -s {file.name}`"
                )
            elif _is_locked(file):
                yield f"{file.name} is locked: a process is writing it"


def _superblock(file: Path) -> int | None:
    """Offset of the superblock: 0, or a power of two from 512 on behind a user block."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            offset = 0
            while offset + len(SIGNATURE) <= min(size, 1 << 20):
                stream.seek(offset)
                if stream.read(len(SIGNATURE)) == SIGNATURE:
                    return offset
                offset = max(512, 2 * offset)
    except OSError:
        pass
    return None


def _consistency_flags(file: Path) -> int:
    """Byte "file consistency flags" of a superblock of version 3: bit 0 open for writing, bit 2 for SWMR writing."""
    offset = _superblock(file)
    if offset is None:
        return 0
    with file.open("rb") as stream:
        stream.seek(offset + len(SIGNATURE))
        head = stream.read(4)
    return head[3] & 0b101 if len(head) == 4 and head[0] >= 3 else 0


def _is_locked(file: Path) -> bool:
    # HDF5 locks with flock: a writer holds the file for itself alone.
    try:
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
