"""`make neo4j`: a server whose data outlives it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import neo4j_driver, skip_unless_required
from xctgraph.store import neo4j_server
from xctgraph.store.neo4j_server.process import _free_port


@contextmanager
def _serving(home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "xctgraph.store.neo4j_server", str(home), "--port", str(_free_port()), "--heap", "500m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Neo4j at bolt://127.0.0.1:"), line
        yield line.split()[2].rstrip(",")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0


@pytest.mark.slow
def test_the_data_are_there_when_it_runs_again(tmp_path: Path) -> None:
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", lacking)
    with _serving(tmp_path / "home") as uri, neo4j_driver(uri) as driver:
        driver.execute_query("CREATE (:Note {text: 'kept'})")
    with _serving(tmp_path / "home") as uri, neo4j_driver(uri) as driver:
        assert driver.execute_query("MATCH (n:Note) RETURN n.text").records[0][0] == "kept"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "xctgraph.store.neo4j_server", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "file" in done.stderr
    assert "Traceback" not in done.stderr
