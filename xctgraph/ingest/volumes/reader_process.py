"""A process of its own that opens and decodes files: a damaged one can crash a C library there, and not the ingest."""

from __future__ import annotations

import atexit
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.volumes.base import box_of
from xctgraph.ingest.volumes.open_volume import open_volume, split_source
from xctgraph.ingest.volumes.protocol import Description, Metadata, Volume, VoxelSize
from xctgraph.ingest.volumes.registry import registered_here
from xctgraph.store.errors import VolumeError, XctGraphError

WAIT_S = 10


def open_apart(source: str | Path, *, axes: str = "zyx") -> Volume:
    """Open a volume as `open_volume` does, in the reader process: a crash of the decoder is a VolumeError here.

    Slabs come back in shared memory, so that nothing is copied. A reader that `register` has added to this process alone runs
    in this process.
    """
    if registered_here(split_source(source)[0]):
        return open_volume(source, axes=axes)
    return ApartVolume(reader_process(), str(source), axes)


def metadata_apart(source: str | Path) -> Metadata:
    """What a file says beside its voxels, read in the reader process; see `nexus_metadata.read`.

    Raises
    ------
    VolumeError
        If the decoder crashes.
    """
    found: Metadata = reader_process().request(str(source), "metadata", str(source), str(Path.cwd()))
    return found


@cache
def reader_process() -> ReaderProcess:
    """The one reader process of this process; it is started when it is first needed, and again after a crash."""
    made = ReaderProcess()
    atexit.register(made.close)
    return made


class ReaderProcess:
    """Starts the worker and talks to it, one request at a time, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._owner = os.getpid()
        self._starts = 0

    @property
    def life(self) -> int:
        """Number of the worker that runs now, from 1; 0 if none does. What an earlier one had open is gone."""
        return self._starts if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Start the worker unless it runs; it is ready some tenths of a second later."""
        with self._lock:
            if self._owner != os.getpid():
                # Forked: the worker belongs to the parent.
                self._process, self._connection, self._owner = None, None, os.getpid()
            if self._process is not None and self._process.poll() is None:
                return
            self.close()
            here, there = Pipe()
            path = os.pathsep.join(entry for entry in sys.path if entry)
            command = [sys.executable, "-P", "-m", "xctgraph.ingest.volumes.worker", str(there.fileno())]
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                command,
                pass_fds=(there.fileno(),),
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C is for the parent: the worker ends when the connection does.
                process_group=0,
            )
            there.close()
            self._connection = here
            self._starts += 1

    def request(self, name: str, *message: object, handle: int | None = None, timeout_s: float | None = None) -> Any:
        """Answer of the worker to a message about the file `name`.

        Raises
        ------
        VolumeError
            If the worker crashed, or did not answer within `timeout_s`.
        XctGraphError
            What the worker raised.
        """
        with self._lock:
            self.start()
            assert self._connection is not None  # noqa: S101  # `start` has made it
            assert self._process is not None  # noqa: S101
            try:
                self._connection.send(message)
                if handle is not None:
                    reduction.send_handle(self._connection, handle, self._process.pid)
                if timeout_s is not None and not self._connection.poll(timeout_s):
                    self._kill()
                    raise VolumeError(f"{name} cannot be read: its decoder did not end within {timeout_s:g} s")
                answer, error = self._connection.recv()
            except (EOFError, ConnectionError) as gone:
                raise self._crashed(name) from gone
            except BaseException:
                # Interrupted between question and answer: the next answer would be the wrong one.
                self._kill()
                raise
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            if self._process is not None and self._owner == os.getpid():
                try:
                    self._process.wait(WAIT_S)
                except subprocess.TimeoutExpired:
                    self._kill()
            self._process = self._connection = None

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _crashed(self, name: str) -> XctGraphError:
        assert self._process is not None  # noqa: S101  # asked only after a request
        code = self._process.wait()
        if code >= 0:
            return XctGraphError(f"the reader process ended with exit code {code} before it answered: see its message above")
        died = signal.Signals(-code).name
        reason = "it may have run out of memory" if died == "SIGKILL" else "the file is damaged"
        return VolumeError(f"{name} cannot be read: its decoder crashed ({died}), {reason}. Copy the file again or write it anew")


@dataclass(frozen=True, eq=False)
class _Buffer:
    """Memory that both processes see; the worker knows it by its number."""

    number: int
    memory: mmap.mmap


class ApartVolume:
    """A volume that the reader process has open; see `Volume`."""

    def __init__(self, process: ReaderProcess, source: str, axes: str, *, timeout_s: float | None = None) -> None:
        self._reader = process
        self._source, self._axes = source, axes
        self._timeout_s = timeout_s
        self._key = 0
        self._life = -1
        self._made = 0
        self._free: list[_Buffer] = []
        description = self._open()
        self.path = description.path
        self.dataset = description.dataset
        self.shape = description.shape
        self.dtype: np.dtype[Any] = description.dtype
        self.voxel_size_um: VoxelSize | None = description.voxel_size_um
        self.chunk_z = description.chunk_z
        self.files = description.files
        self.warnings = description.warnings

    def read(
        self, z0: int, z1: int, *, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """Read slices `z0` to `z1 - 1`; see `Volume.read`."""
        ranges = box_of(self, z0, z1, rows, columns)
        shape = [stop - start for start, stop in ranges]
        n_bytes = int(np.prod(shape, dtype=object)) * self.dtype.itemsize
        if not n_bytes:
            return np.empty(shape, self.dtype)
        if self._reader.life != self._life:
            # It crashed on another file.
            self._open()
        buffer = self._buffer(n_bytes)
        self._request("read", self._key, ranges, buffer.number)
        flat = np.frombuffer(buffer.memory, self.dtype, n_bytes // self.dtype.itemsize)
        # Once no array shows these voxels any more the memory is used again: new pages cost more than reading a raw file.
        weakref.finalize(flat, self._free.append, buffer)
        return flat.reshape(shape)

    def _buffer(self, n_bytes: int) -> _Buffer:
        while self._free:
            buffer = self._free.pop()
            if len(buffer.memory) >= n_bytes:
                return buffer
            self._request("unmap", self._key, buffer.number)
        handle = _shared_memory()
        try:
            os.truncate(handle, n_bytes)
            memory = mmap.mmap(handle, n_bytes)
            self._made += 1
            self._request("map", self._key, self._made, handle=handle)
        except (OSError, OverflowError, ValueError) as error:
            if isinstance(error, XctGraphError):
                raise
            raise VolumeError(
                f"{self._source}: {n_bytes / 1e9:.1f} GB of memory cannot be had for a slab: is the shape {self.shape} right? "
                "Then take a region of interest"
            ) from error
        finally:
            os.close(handle)
        return _Buffer(self._made, memory)

    def close(self) -> None:
        """Release the file."""
        if self._reader.life == self._life:
            self._request("close", self._key)
        self._life = -1
        self._free = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self) -> Description:
        # Memory that an earlier worker knew is forgotten.
        self._free = []
        self._made = 0
        self._key, description = self._request("open", self._source, self._axes, str(Path.cwd()))
        self._life = self._reader.life
        found: Description = description
        return found

    def _request(self, *message: object, handle: int | None = None) -> Any:
        return self._reader.request(self._source, *message, handle=handle, timeout_s=self._timeout_s)


def _shared_memory() -> int:
    """File descriptor of memory that another process can map; it has no name, so that nothing can be left behind."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("xctgraph-slab")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
