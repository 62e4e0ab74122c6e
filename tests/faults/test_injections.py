"""A bounded number of other faults in every run of the tests; docs/faults.md tells of many more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 150
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_faults_around_a_command_lose_nothing(seed: int) -> None:
    command = [sys.executable, "-m", "tests.faults.injections", "28", "--limit", str(LIMIT), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert not found["lost"]
    assert sum(found["injected"].values()) == 28 or found["seconds"] >= LIMIT
    # Some of them did hit: a disk that is full or a client that is killed ends the command.
    assert sum(found["failed"].values()) > 0
