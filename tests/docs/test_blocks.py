"""Blocks of the README run as written, in order, in one folder; each block is tested or says why not."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from xctgraph.ingest import synth

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md"]


def _blocks(page: Path) -> list[tuple[str, str, str]]:
    return [(m["note"] or "", m["language"], m["text"]) for m in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_is_tested_or_says_why_not(page: Path) -> None:
    blocks = _blocks(page)
    assert blocks
    for note, language, text in blocks:
        assert note.startswith(("test: ", "not tested here: ")), f"{page.name}: this {language} block has no note:\n{text}"


def _run(command: list[str], folder: Path) -> str:
    bin_folder = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": bin_folder + os.pathsep + os.environ["PATH"]}
    done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run_as_written(page: Path, tmp_path: Path, seed: int) -> None:
    made = synth.generate(tmp_path / "made", shape=(48, 64, 64), steps=1, features=60, seed=seed, format="tiff", fracture_end=0.6)
    (made.dataset.parent / "scan_000").rename(tmp_path / "slices")
    ran = 0
    for note, language, text in _blocks(page):
        if not note.startswith("test: "):
            continue
        if language == "python":
            (tmp_path / "block.py").write_text(text, encoding="utf-8")
            _run([sys.executable, "block.py"], tmp_path)
            ran += 1
        for line in text.splitlines() if language == "console" else []:
            if line.startswith("$ "):
                output = _run(shlex.split(line[2:], comments=True), tmp_path)
                assert output.strip(), f"{line} printed nothing"
                ran += 1
    assert ran > 5
