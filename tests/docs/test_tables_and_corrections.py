"""Blocks of docs/tables.md read real-looking exports, those of docs/corrections.md run as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.ingest.tables import exports
from tests.ingest.tables.test_ingest import geff_folder, lineage
from xctgraph.cli.main import app
from xctgraph.ingest import tables
from xctgraph.ingest.tables.formats import COLUMNS, FORMATS

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"<!-- test: (?P<note>[^>]*) -->\n```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)


def _blocks(page: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [(m["note"], m["text"]) for m in BLOCK.finditer(text)]
    assert text.count("```") == 2 * len(found), "each block has a note"
    return found


def test_every_program_has_a_block() -> None:
    assert {note for note, _ in _blocks("tables.md")} == set(FORMATS)
    page = (DOCS / "tables.md").read_text(encoding="utf-8")
    for name in COLUMNS:
        assert f"`{name}`" in page or name.startswith("semi_axis")


@pytest.mark.parametrize("program", FORMATS)
def test_the_block_of_a_program_reads_its_export(program: str, tmp_path: Path, rng: np.random.Generator) -> None:
    text = dict(_blocks("tables.md"))[program]
    (tmp_path / "dataset.toml").write_text(text, encoding="utf-8")
    if program == "geff":
        table, links = lineage(rng)
        geff_folder(tmp_path / "tracks.geff", table, links, "micrometer")
    else:
        write, suffix = exports.EXPORTS[program]
        write(exports.measured(exports.scene(rng)[0]), tmp_path / f"{program}.{suffix}")
    plans = tables.plan_tables(None, tables.load(tmp_path / "dataset.toml"), replace=False)
    assert [plan.found.num_rows for plan in plans] == [14] * (3 if program == "geff" else 1)


def test_corrections_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = np.zeros((12, 30, 30), np.uint8)
    for k in range(5):
        volume[2 + k : 5 + k, 5 * k + 1 : 5 * k + 4, 3 : 6 + k] = 1
    for t in (0, 1):
        np.save(tmp_path / f"{t}.npy", volume)
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> str:
        program, *arguments = shlex.split(line)
        assert program == "xctgraph"
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, f"{line}\n{done.output}"
        return done.stdout

    run("xctgraph ingest 0.npy 1.npy --sample S1 --voxel-size 1um --segmentation mask")
    ((_, text),) = _blocks("corrections.md")
    outputs = [run(line.removeprefix("$ ")) for line in text.splitlines()]
    assert "S1/0/1 is of the kind pore (job " in outputs[0]
    assert "1 features of later scans" in outputs[0]
    assert [line.split()[0] for line in outputs[4].splitlines()[2:6]] == ["kind", "unlink", "link", "drop"]
    assert outputs[6].count("correct ") == 5
