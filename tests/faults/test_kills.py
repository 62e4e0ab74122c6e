"""A bounded number of kills in every run of the tests; `make faults` runs more (docs/faults.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def kill(arguments: list[str], seed: int) -> dict[str, dict[str, int]]:
    command = [sys.executable, "-m", "tests.faults.kills", *arguments, "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    assert not found["lost"]
    return found


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(seed: int) -> None:
    found = kill(["100"], seed)
    assert sum(found["kills"].values()) == 100
    assert len(found["kills"]) == 6
    # About 85 where the machine is as busy as it was when the time of an undisturbed run was taken.
    assert sum(found["while_at_work"].values()) >= 10


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_interrupted_commands_say_so_and_lose_nothing(signal: str, seed: int) -> None:
    kill(["10", "--signal", signal], seed)


def test_kills_of_loads_into_a_server(neo4j_uri: str, seed: int) -> None:
    kill(["4", "--graph", neo4j_uri, "--commands", "load", "drop"], seed)
