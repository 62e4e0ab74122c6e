"""A signal that comes where Python drops what is raised: in a destructor."""

import subprocess
import sys

import pytest

_COMMAND = """
import os, signal, time
from xctgraph.cli import main

class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.01)

def work():
    Held()
    time.sleep(50)

main.app = work
main.main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal_in_a_destructor_is_not_lost(name: str) -> None:
    command = [sys.executable, "-c", _COMMAND.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 1
    assert "interrupted: what was committed stays" in done.stderr
    assert "ignored" not in done.stderr
