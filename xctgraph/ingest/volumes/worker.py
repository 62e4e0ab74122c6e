"""The reader process: `python -m xctgraph.ingest.volumes.worker FD` answers on a socket until the other end is closed.

Messages are ("metadata", source, folder that relative paths start from), answered by what the file says; ("open", source, axes,
folder), answered by the key of the volume and its description; ("map", key, number), followed by the descriptor of shared
memory that this volume's slabs are read into; ("read", key, ranges, number); ("unmap", key, number); and ("close", key). Each is
answered by (answer, error).
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import traceback
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from xctgraph.ingest.volumes import nexus_metadata
from xctgraph.ingest.volumes.base import FileVolume
from xctgraph.ingest.volumes.open_volume import open_volume
from xctgraph.ingest.volumes.protocol import Box, Description, Volume
from xctgraph.store.errors import VolumeError, XctGraphError


@dataclass
class _Opened:
    volume: Volume
    folder: str
    memory: dict[int, mmap.mmap] = field(default_factory=dict)


class Server:
    """Volumes that are open, by key."""

    def __init__(self) -> None:
        self._opened: dict[int, _Opened] = {}
        self._keys = count()

    def answer(self, what: str, *message: Any, handle: int | None) -> Any:
        """Do what the message asks."""
        if what == "metadata":
            source, folder = message
            os.chdir(folder)
            return nexus_metadata.read(source)
        if what == "open":
            source, axes, folder = message
            os.chdir(folder)
            volume = open_volume(source, axes=axes)
            key = next(self._keys)
            self._opened[key] = _Opened(volume, folder)
            return key, _describe(volume)
        key, *rest = message
        if key not in self._opened:
            # A thread that reads ahead may ask once more after what it reads for has failed.
            raise VolumeError("the volume was closed while it was read")
        opened = self._opened[key]
        if what == "read":
            ranges, number = rest
            os.chdir(opened.folder)
            _read(opened.volume, ranges, opened.memory[number])
        elif handle is not None:
            opened.memory[rest[0]] = mmap.mmap(handle, 0)
            os.close(handle)
        elif what == "unmap":
            del opened.memory[rest[0]]
        else:
            self._opened.pop(key).volume.close()
        return None


def serve(connection: Connection[Any, Any]) -> None:
    """Answer requests until the connection is closed."""
    server = Server()
    while True:
        try:
            what, *message = connection.recv()
            handle = reduction.recv_handle(connection) if what == "map" else None
        except (EOFError, ConnectionError):
            return
        answer, error = None, None
        try:
            answer = server.answer(what, *message, handle=handle)
        except XctGraphError as raised:
            raised.add_note("in the reader process:\n" + "".join(traceback.format_exception(raised)))
            # What led to it is told above; the errors of some decoders cannot be sent.
            raised.__cause__ = raised.__context__ = None
            error = raised.with_traceback(None)
        try:
            connection.send((answer, error))
        except ConnectionError:
            # Whoever asked was killed.
            return


def _describe(volume: Volume) -> Description:
    return Description(
        path=volume.path,
        dataset=volume.dataset,
        shape=volume.shape,
        dtype=volume.dtype,
        voxel_size_um=volume.voxel_size_um,
        chunk_z=volume.chunk_z,
        files=tuple(getattr(volume, "files", (volume.path,))),
        warnings=tuple(getattr(volume, "warnings", ())),
    )


def _read(volume: Volume, ranges: Box, memory: mmap.mmap) -> None:
    z, rows, columns = ranges
    shape = [stop - start for start, stop in ranges]
    out = np.frombuffer(memory, volume.dtype, int(np.prod(shape))).reshape(shape)
    if isinstance(volume, FileVolume):
        volume.read_into(out, ranges)
    else:
        out[...] = volume.read(*z, rows=rows, columns=columns)


def main() -> None:
    """Serve on the socket whose descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
