"""A Neo4j server as one child process that ends with us."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import neo4j

from xctgraph.store.neo4j_server import jars
from xctgraph.store.neo4j_server.jars import ServerUnavailable

_SOURCE = Path(__file__).with_name("Server.java")
_START_SECONDS = 300.0
_STOP_SECONDS = 120.0


@dataclass(frozen=True)
class Process:
    """A running server: its address, and the process, which tests kill."""

    uri: str
    process: subprocess.Popen[bytes]


@contextmanager
def running(
    home: Path | None = None, *, port: int | None = None, heap: str = "1g", libraries: Path | None = None
) -> Iterator[Process]:
    """Run a server on the loopback interface, without authentication, until the block ends; it also ends if we are killed.

    Parameters
    ----------
    home
        Folder of its data (HOME/data) and settings (HOME/conf/neo4j.conf, where there is one); a throwaway one where left out.
    port
        Port of Bolt; a free one where left out.
    heap
        Memory of the Java process, as -Xmx takes it.
    libraries
        Folder with Neo4j's jars; those of Maven where left out.

    Raises
    ------
    ServerUnavailable
        If Java or the jars are not there, or the server does not start.
    """
    found = libraries or jars.fetch()
    if shutil.which("java") is None:
        raise ServerUnavailable("java is not installed, which Neo4j needs (Debian: apt install default-jdk-headless)")
    with tempfile.TemporaryDirectory(prefix="xctgraph-neo4j-") as folder:
        chosen = port or _free_port()
        log = Path(folder) / "server.log"
        arguments = [str(Path(folder) if home is None else home), str(chosen)]
        command = ["java", f"-Xmx{heap}", "-cp", f"{found}/*", str(_SOURCE), *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  # our own class
        try:
            uri = f"bolt://127.0.0.1:{chosen}"
            _wait(uri, process, log)
            yield Process(uri, process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    port = int(uri.rpartition(":")[2])
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerUnavailable(f"the Neo4j server ended with {process.returncode}: {_end_of(log)}")
        if _answers(port):
            with neo4j.GraphDatabase.driver(uri, auth=None) as driver:
                try:
                    driver.verify_connectivity()
                except (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError):
                    pass
                else:
                    return
        time.sleep(0.2)
    raise ServerUnavailable(f"the Neo4j server did not answer in {_START_SECONDS:.0f} s: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2000:]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
