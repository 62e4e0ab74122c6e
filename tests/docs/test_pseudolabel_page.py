"""Blocks of docs/pseudolabel.md run as written, in a folder that holds a small demo and a job with some masks."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli import command
from tests.ingest.pseudo.conftest import Made, annotate
from tests.ingest.pseudo.conftest import labelling as labelling  # noqa: PLC0414  # fixtures
from tests.ingest.pseudo.conftest import made as made  # noqa: PLC0414

PAGE = Path(__file__).parents[2] / "docs" / "pseudolabel.md"
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def test_blocks_run_as_written(made: Made, labelling: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, truth = labelling
    annotate(folder, dict(list(truth.items())[:6]))
    folder.rename(tmp_path / "annotate")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/data").symlink_to(made.dataset.parent)
    monkeypatch.chdir(tmp_path)
    said = []
    for note, _, text in (match.groups() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))):
        assert (note or "").startswith("test: "), text
        for line in text.splitlines():
            _, *arguments = shlex.split(line.removeprefix("$ "))
            answer = command.run(*arguments)
            assert answer.code == 0, answer
            said.append(answer.stdout)
    of_job, of_dataset, ingested = said
    for text in (of_job, of_dataset):
        assert "parameters sought on 6 annotated slices, 5-fold cross-validation" in text
    assert "added" in ingested
    assert {"masks", "confidence", "pseudo.json", "overlays.html"} == {entry.name for entry in Path("annotate/pseudo").iterdir()}
    assert Path("weak/overlays.html").exists()
