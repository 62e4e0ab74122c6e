"""Schemathesis asks the API at random, within its OpenAPI description and outside: answers are those described, none fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.web.conftest import Served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,missing_required_header"


def test_random_requests(served: Served, seed: int, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{served.url}/api/openapi.json", "--checks", CHECKS]
    done = subprocess.run(
        [*command, "--max-examples", "8", "--seed", str(seed), "--no-color"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "Tested: 12" in done.stdout
