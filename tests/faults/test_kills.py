"""A bounded number of kills in every run of the tests; `make faults` runs more (docs/faults.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIMIT = 240
ROOT = Path(__file__).parents[2]


def kill(arguments: list[str], seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.kills", *arguments, "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["lost"]
    return found


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(seed: int) -> None:
    found = kill(["100", "--limit", str(LIMIT)], seed)
    # A busy machine does as many as it can; about 85 % hit the command at work where it is as busy as when its time was taken.
    assert sum(found["kills"].values()) == 100 or found["seconds"] >= LIMIT
    assert sum(found["while_at_work"].values()) > 0


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_interrupted_commands_say_so_and_lose_nothing(signal: str, seed: int) -> None:
    kill(["10", "--signal", signal, "--limit", "60"], seed)


def test_kills_of_loads_into_a_server(neo4j_uri: str, seed: int) -> None:
    kill(["4", "--graph", neo4j_uri, "--commands", "load", "drop"], seed)
