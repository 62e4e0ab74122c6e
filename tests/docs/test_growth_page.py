"""Blocks of docs/growth.md run as written, in a folder that holds a smaller demo."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import command
from xctgraph.analysis.demo import demo
from xctgraph.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "growth.md"
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def test_blocks_run_as_written(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    demo(tmp_path / "demo", seed=seed, shape=(48, 160, 144), steps=4, features=250)
    monkeypatch.chdir(tmp_path)
    ran = []
    for note, language, text in (match.groups() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))):
        assert (note or "").startswith(("test: ", "not tested here: ")), text
        if note.startswith("not tested"):
            continue
        if language == "python":
            done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=300)
            assert done.returncode == 0, done.stderr
            assert "One crack is one specimen" in done.stdout
            ran.append("python")
        for line in text.splitlines() if language == "console" else []:
            if line.startswith("$ "):
                program, *arguments = shlex.split(line.removeprefix("$ "))
                answer = command.run(*arguments)
                assert (program, answer.code) == ("xctgraph", 0), answer
                ran.append(arguments[0])
    assert ran == ["query", "analyze", "python"]
    assert Path("growth.html").stat().st_size > 100_000
    with open_store("demo/xct.store") as store:
        assert store.read("studies").num_rows == 1


def test_the_figure_is_there() -> None:
    (name,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert (PAGE.parent / name).stat().st_size > 10_000
