"""The jars of the Neo4j community server and its import tool, fetched with Maven once."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from xctgraph.store.errors import EngineError

POM = Path(__file__).with_name("pom.xml")

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class ServerUnavailable(EngineError):
    """There is no way to run a server here; the message says why."""


def missing_tool() -> str | None:
    """What keeps us from running a server, or None."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed, which running Neo4j without an installation needs"
    return None


def version() -> str:
    """The version of Neo4j whose jars `fetch` gives."""
    found = re.search(r"<neo4j.version>(.*)</neo4j.version>", POM.read_text(encoding="utf-8"))
    return found[1] if found else ""


def fetch() -> Path:
    """Folder with the jars, below XCTGRAPH_CACHE or ~/.cache/xctgraph; an interrupted download starts over.

    Raises
    ------
    ServerUnavailable
        If Java or Maven is not there, or Maven cannot fetch them.
    """
    lacking = missing_tool()
    if lacking:
        raise ServerUnavailable(f"{lacking}: install it (Debian: apt install default-jdk-headless maven)")
    cache = _cache() / "neo4j"
    cache.mkdir(parents=True, exist_ok=True)
    jars = cache / version()
    with (cache / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not jars.is_dir():
            partial = cache / f"{version()}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            options = ["-q", "-B", "-f", str(POM), _PLUGIN, f"-DoutputDirectory={partial}", "-DincludeScope=runtime"]
            done = subprocess.run(["mvn", *options], capture_output=True, text=True, check=False)  # noqa: S603, S607  # fixed words; mvn is what the path has
            if done.returncode:
                raise ServerUnavailable(f"Maven could not fetch Neo4j {version()}: {(done.stdout + done.stderr).strip()[-1500:]}")
            partial.rename(jars)
    return jars


def _cache() -> Path:
    given = os.environ.get("XCTGRAPH_CACHE")
    if given:
        return Path(given).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xctgraph"
