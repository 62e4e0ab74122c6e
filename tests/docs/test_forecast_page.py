"""Blocks of docs/forecast.md run as written, on a sample made by hand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.forecast import made
from tests.cli import command

pytest.importorskip("torch_geometric")

PAGE = Path(__file__).parents[2] / "docs" / "forecast.md"
BLOCK = re.compile(r"<!-- test: [^>]* -->\n```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)


def test_blocks_run_as_written(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    made.make(tmp_path / "xct.store", rng, made.by_itself, samples=5).close()
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = [(match["language"], match["text"]) for match in BLOCK.finditer(text)]
    assert text.count("```") == 2 * len(blocks), "each block has a note"
    for language, block in blocks:
        if language == "python":
            done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False, timeout=300)
            assert done.returncode == 0, done.stderr
            assert "Split by sample" in done.stdout
        for line in block.splitlines() if language == "console" else []:
            program, *arguments = shlex.split(line.removeprefix("$ "))
            answer = command.run(*arguments)
            assert (program, answer.code) == ("xctgraph", 0), answer
    assert Path("forecast.html").stat().st_size > 100_000
