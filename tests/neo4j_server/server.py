"""A real Neo4j for the tests: the community server from Maven, fetched once, started on a loopback port, stopped at the end."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import neo4j

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_START_SECONDS = 300.0


class ServerUnavailable(Exception):
    """There is no way to run a server here; the message says why."""


def missing_tool() -> str | None:
    """What keeps us from running a server, or None."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed, which the Neo4j test server needs"
    return None


@contextmanager
def running() -> Iterator[str]:
    """URI of a fresh server without authentication; it ends with the block, or with this process."""
    jars = fetch()
    with tempfile.TemporaryDirectory(prefix="xctgraph-neo4j-") as home:
        port = _free_port()
        log = Path(home) / "server.log"
        command = ["java", "-Xmx1g", "-cp", f"{jars}/*", str(_HERE / "Server.java"), home, str(port)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)
        try:
            uri = f"bolt://127.0.0.1:{port}"
            _wait(uri, process, log)
            yield uri
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fetch() -> Path:
    """Folder with the server's jars, fetched with Maven on the first call; an interrupted download starts over."""
    version = re.search(r"<neo4j.version>(.*)</neo4j.version>", (_HERE / "pom.xml").read_text(encoding="utf-8"))
    assert version is not None
    cache = Path(os.environ.get("XCTGRAPH_CACHE", _ROOT / ".cache")) / "neo4j"
    cache.mkdir(parents=True, exist_ok=True)
    jars = cache / version[1]
    with (cache / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not jars.is_dir():
            partial = cache / f"{version[1]}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            command = [
                "mvn",
                "-q",
                "-B",
                "-f",
                str(_HERE / "pom.xml"),
                _PLUGIN,
                f"-DoutputDirectory={partial}",
                "-DincludeScope=runtime",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ServerUnavailable(
                    f"Maven could not fetch Neo4j {version[1]}: {(done.stdout + done.stderr).strip()[-1500:]}"
                )
            partial.rename(jars)
    return jars


def _wait(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    port = int(uri.rpartition(":")[2])
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerUnavailable(
                f"the Neo4j server ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}"
            )
        if _answers(port):
            with neo4j.GraphDatabase.driver(uri, auth=None) as driver:
                try:
                    driver.verify_connectivity()
                except (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError):
                    pass
                else:
                    return
        time.sleep(0.2)
    raise ServerUnavailable(
        f"the Neo4j server did not answer in {_START_SECONDS:.0f} s: {log.read_text(errors='replace')[-2000:]}"
    )


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
