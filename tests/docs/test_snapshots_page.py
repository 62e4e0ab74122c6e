"""Blocks of docs/snapshots.md run as written, on a store of random features."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.cli import command
from xctgraph.store import open_store

pytest.importorskip("torch")
pytest.importorskip("geff")

PAGE = Path(__file__).parents[2] / "docs" / "snapshots.md"
BLOCK = re.compile(r"<!-- test: [^>]* -->\n```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)


def test_blocks_run_as_written(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    made = factories.graph(rng, n_scans=5, n_features=60)
    made["scans"]["has_voxels"] = False
    with open_store(tmp_path / "xct.store", create=True) as store:
        factories.fill(store, made, project=True)
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = [(match["language"], match["text"]) for match in BLOCK.finditer(text)]
    assert text.count("```") == 2 * len(blocks), "each block has a note"
    assert [language for language, _ in blocks] == ["python", "python", "console"]
    assert len(blocks[0][1].splitlines()) <= 40
    outputs = []
    for language, block in blocks:
        if language == "python":
            env = os.environ | {"PYTHONWARNINGS": "ignore"}
            done = subprocess.run(
                [sys.executable, "-c", block], env=env, capture_output=True, text=True, check=False, timeout=300
            )
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout)
        for line in block.splitlines() if language == "console" else []:
            program, *arguments = shlex.split(line.removeprefix("$ "))
            answer = command.run(*arguments)
            assert (program, answer.code) == ("xctgraph", 0), answer
            assert answer.stdout.strip()
    losses = [float(loss) for loss in re.findall(r"'train': ([\d.]+)", outputs[0])]
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    assert "'inclusion': 2" in outputs[1]
