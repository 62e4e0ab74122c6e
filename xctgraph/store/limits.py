"""What this process, and those that it starts, may use: memory, threads, a folder for temporary files.

Said once for every stage, in the environment: `XCTGRAPH_MEMORY`, `XCTGRAPH_WORKERS` and, as everywhere, `TMPDIR`. The options of
the command line are written there.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from xctgraph.store.errors import InputError, OutOfRoom

MEMORY, WORKERS, TEMPORARY = "XCTGRAPH_MEMORY", "XCTGRAPH_WORKERS", "TMPDIR"
# Measured: addresses that libraries and the stacks of threads take and never touch.
ADDRESSES = 2 * 2**30
_SHARE = 0.8
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def restrict(*, memory: int | None = None, workers: int | None = None, temporary: Path | None = None) -> None:
    """Set limits for this process and those that it starts from now on; what is None stays as it was.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    if memory is not None:
        os.environ[MEMORY] = str(memory)
    if workers is not None:
        # The second is heeded by torch and other libraries with threads of their own that are loaded after this.
        os.environ[WORKERS] = os.environ["OMP_NUM_THREADS"] = str(workers)
        pa.set_cpu_count(workers)
    if temporary is not None:
        if not (temporary.is_dir() and os.access(temporary, os.W_OK | os.X_OK)):
            raise InputError(f"temporary files cannot be written to {temporary}: give a folder that is there and writable")
        os.environ[TEMPORARY] = str(temporary.resolve())
        tempfile.tempdir = None  # it is looked up again


def memory() -> int:
    """Bytes that this process may hold; without a limit four fifths of what it could have."""
    given = os.environ.get(MEMORY)
    if given:
        return parse_bytes(given, MEMORY)
    return resident() + int(_SHARE * available_memory())


def room() -> int:
    """Bytes that this process may take beside what it holds."""
    return max(0, memory() - resident())


def workers() -> int:
    """Threads that may work at once; without a limit the cores that this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers_asked_for() or cores


def workers_asked_for() -> int | None:
    """Threads that may work at once; None without a limit.

    Raises
    ------
    InputError
        If the environment holds something else.
    """
    given = os.environ.get(WORKERS)
    if not given:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise InputError(f"{WORKERS}={given!r} is not valid: give a number of threads, at least 1")
    return int(given)


def available_memory() -> int:
    """Bytes that this process could have beside its own without swapping or being killed; half a gigabyte if nothing is known.

    What the machine has, what the control groups of the process leave, and `ulimit -v`.
    """
    known = [*_of_the_machine(), *control_groups(), *_of_addresses()]
    return max(0, min(known)) if known else 2**29


def parse_bytes(text: str, origin: str = "memory") -> int:
    """Bytes from a size as users write it: 2GB, 500 MiB, 3g.

    Raises
    ------
    InputError
        If it is not a positive number with a unit of bytes; `origin` says where it stands.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    size = int(float(match[1]) * _UNITS[match[2]]) if match and match[2] in _UNITS else 0
    if size <= 0:
        raise InputError(f"{origin} {text!r} is not valid: give a size with its unit, as in 2GB or 500MiB")
    return size


def resident() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not say."""
    return _status("VmRSS")


def release() -> None:
    """Give memory that was freed back to the system, which the C library and Arrow keep for later otherwise."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
        if trim is not None:
            trim(0)


def share(part: float, least: int, most: int) -> int:
    """Bytes for an engine that likes a part of the room; see `require`."""
    require(least, "the engines")
    return max(least, min(most, int(room() * part)))


def require(n_bytes: int, what: str) -> None:
    """Refuse work for which there is too little room.

    Raises
    ------
    OutOfRoom
        If fewer than `n_bytes` are left.
    """
    held = resident()
    if memory() - held < n_bytes:
        raise OutOfRoom(
            f"--memory {memory() / 1e9:.2f}GB is too little: the program holds {held / 1e9:.2f} GB, and {what} need "
            f"{n_bytes / 1e9:.2f} GB more. Give --memory {(held + 1.5 * n_bytes) / 1e9 + 0.01:.2f}GB ({MEMORY}); what was "
            "committed is safe, and the same command goes on from there"
        )


def addresses_left() -> int | None:
    """Bytes of addresses that `ulimit -v` leaves to this process; None without such a limit."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else max(0, limit - _status("VmSize"))


def control_groups(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Bytes that each control group with a limit leaves, of the process and above it, in either version."""
    for line in _lines(groups):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _left(root, path, "memory.max", ("anon", "shmem"))
        elif "memory" in controllers.split(","):
            yield from _left(root / "memory", path, "memory.limit_in_bytes", ("total_rss", "total_shmem"))


def _left(root: Path, path: str, limit: str, held: tuple[str, ...]) -> Iterator[int]:
    inner = root / path.lstrip("/")
    for folder in (inner, *inner.parents):
        for text in _lines(folder / limit):
            if text.isdecimal() and int(text) < 2**60:  # version 1 writes 2^63 for none
                used = dict(line.split() for line in _lines(folder / "memory.stat"))
                yield int(text) - sum(int(used.get(name, 0)) for name in held)
        if folder == root:
            return


def _of_the_machine() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _of_addresses() -> Iterator[int]:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield min(limit - ADDRESSES - resident(), limit - _status("VmSize"))


def _status(name: str) -> int:
    return next((int(line.split()[1]) * 1024 for line in _lines(Path("/proc/self/status")) if line.startswith(f"{name}:")), 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
