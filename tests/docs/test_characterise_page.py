"""docs/characterise.md: blocks run as written in a folder that holds a smaller demo; every column of every table is explained."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import command
from xctgraph.analysis.characterise.schemas import SCHEMAS
from xctgraph.analysis.demo import demo
from xctgraph.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "characterise.md"
BLOCK = re.compile(r"<!-- (?P<note>[^>]*) -->\n```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)
TEXT = PAGE.read_text(encoding="utf-8")


def test_blocks_run_as_written(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    demo(tmp_path / "demo", seed=seed, shape=(48, 96, 80), steps=3, features=80)
    monkeypatch.chdir(tmp_path)
    (console, python) = [match.groups() for match in BLOCK.finditer(TEXT)]
    assert console[0].startswith("test: ")
    assert python[0].startswith("test: ")
    (line,) = [line.removeprefix("$ ") for line in console[2].splitlines() if line.startswith("$ ")]
    program, *arguments = shlex.split(line)
    answer = command.run(*arguments)
    assert (program, answer.code) == ("xctgraph", 0), answer
    assert "files in characterisation" in answer.stdout
    done = subprocess.run([sys.executable, "-c", python[2]], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    with open_store("demo/xct.store") as store:
        means = store.sql(
            "SELECT t, avg(axis_major_length) AS mean FROM features WHERE kind = 'inclusion' GROUP BY t"
        ).to_pylist()
    printed = {int(row[1]): float(row[3]) for row in (line.split() for line in done.stdout.splitlines()[1:])}
    assert printed == pytest.approx({row["t"]: row["mean"] for row in means}, rel=1e-4)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_column_is_explained(name: str) -> None:
    section = re.split(r"\n\*\*|\n## ", TEXT.split(f"\n**{name}**", 1)[1])[0]
    for column in SCHEMAS[name].names:
        plain = re.sub(r"_px$|_adjusted$", "", column)
        alternatives = {f"`{column}`", f"`{plain}`", f"`{plain}_um`"}
        assert column in ("t", "kind") or any(word in section for word in alternatives), f"{name}.{column} is not explained"


def test_the_figure_is_small() -> None:
    (name,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)
    assert 10_000 < (PAGE.parent / name).stat().st_size < 200_000
