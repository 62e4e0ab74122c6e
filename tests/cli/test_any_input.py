"""Whatever stands in DATASET.toml or on the command line: an answer, or one message and exit code 1 or 2; never a traceback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cli import command
from xctgraph.ingest import config

MODELS = {
    "sample": config.Sample,
    "segmentation": config.Segmentation,
    "measure": config.Measure,
    "proximity": config.Proximity,
    "correspondence": config.Correspondence,
}
EXAMPLES = settings(deadline=None, max_examples=120)
# No surrogates: neither TOML nor a shell can hold them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([0, 1, 2, 1.63, 1e-3, 1e300]))
WORDS = st.sampled_from(
    ["v.npy", "0:5,:,:", "::,", "1um", "otsu", "mask", "labels", "threshold", "zyx", "S1", "../v.npy", "", "\0"]
)
SCALARS = st.one_of(NUMBERS, TEXT, WORDS, st.booleans())
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=3)), max_leaves=8
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a volume and a store, in which all commands run."""
    folder = tmp_path_factory.mktemp("any")
    mask = np.zeros((6, 8, 10), np.uint8)
    mask[2:4, 3:5, 3:5] = 1
    np.save(folder / "v.npy", mask)
    before = Path.cwd()
    os.chdir(folder)
    try:
        made = command.run("ingest", "v.npy", "--sample", "S1", "--voxel-size", "2um", "--segmentation", "mask")
        assert made.code == 0, made
        yield folder
    finally:
        os.chdir(before)


def accepted(*arguments: str) -> None:
    done = command.run(*arguments)
    assert done.code in (0, 1, 2), done
    assert "Traceback" not in done.stderr
    if done.code:
        assert "Error" in done.stderr or "Usage" in done.stderr + done.stdout, done


def toml(value: Any) -> str:
    """A value as TOML writes it; keys and texts as JSON does, of which TOML's are a superset but for DEL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, str) else str(value)


@st.composite
def datasets(draw: st.DrawFn) -> dict[str, Any]:
    """A valid dataset in which some fields, known or not, have any value."""
    dataset: dict[str, Any] = {
        "sample": {"id": "S1", "voxel_size_um": 2},
        "segmentation": {"method": "mask"},
        "scan": [{"t": draw(st.integers(0, 3)), "path": "v.npy"}],
    }
    sections: list[tuple[dict[str, Any], Any]] = [(dataset.setdefault(name, {}), model) for name, model in MODELS.items()]
    sections.append((dataset["scan"][0], config.Scan))
    for _ in range(draw(st.integers(1, 4))):
        section, model = draw(st.sampled_from(sections))
        name = draw(st.one_of(st.sampled_from(sorted(model.model_fields)), TEXT))
        section[name] = draw(VALUES)
    if draw(st.booleans()):
        dataset[draw(st.one_of(TEXT, st.sampled_from(["scan", "sample", "measure"])))] = draw(VALUES)
    return dataset


@EXAMPLES
@given(dataset=datasets())
@example(dataset={"sample": {"id": "S1", "voxel_size_um": 2}, "scan": [{"t": 0, "path": "v.npy\0"}]})
@example(dataset={"sample": {"id": "S1", "voxel_size_um": 2, "roi": "0:99999999999999999999999,:,:"}, "scan": []})
@example(dataset={"sample": {"id": "S1", "voxel_size_um": 10**400}, "scan": [{"t": 0, "path": "v.npy"}]})
def test_any_dataset(dataset: dict[str, Any]) -> None:
    text = "".join(f"{toml(name)} = {toml(value)}\n" for name, value in dataset.items())
    Path("d.toml").write_text(text, encoding="utf-8")
    accepted("ingest", "d.toml", "--dry-run", "--store", "new.store")
    assert not Path("new.store").exists()


@settings(deadline=None, max_examples=40)
@given(content=st.one_of(st.binary(max_size=60), TEXT.map(str.encode)))
def test_any_file_for_a_dataset(content: bytes) -> None:
    Path("d.toml").write_bytes(content)
    accepted("ingest", "d.toml", "--dry-run", "--store", "new.store")


OPTIONS = {
    "ingest": ["--sample", "--voxel-size", "--segmentation", "--axes", "--roi", "--first-t", "--json", "--replace", "--graph"],
    "query": ["--list", "--show", "--param", "-p", "--format", "--json"],
    "cypher": ["-p", "--param", "--format", "--json"],
    "sql": ["--format", "--json"],
    "info": ["--json", "--store"],
    "graph": ["status", "--json", "--store"],
}
ARGUMENTS = [
    "largest-features",
    "t=0",
    "t=",
    "=",
    "MATCH (f:Feature) RETURN f.uid AS u",
    "RETURN $t AS t",
    "SELECT 1 AS a",
    "json",
]
WORD = st.one_of(TEXT, WORDS, st.sampled_from(ARGUMENTS), NUMBERS.map(str))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(OPTIONS)))
    words = draw(st.lists(st.one_of(st.sampled_from(OPTIONS[name]), WORD), max_size=6))
    return [name, *words, *(["--dry-run"] if name == "ingest" else [])]


@EXAMPLES
@given(words=command_lines())
@example(words=["ingest", "\0", "--sample", "S1", "--voxel-size", "1um", "--dry-run"])
@example(words=["ingest", "v.npy", "--sample", "S1", "--voxel-size", "1e400um", "--dry-run"])
@example(words=["ingest", "x" * 5000, "--sample", "S1", "--voxel-size", "1um", "--dry-run"])
@example(words=["info", "--store", "\0"])
@example(words=["info", "--store", "v.npy"])
def test_any_command_line(words: list[str]) -> None:
    accepted(*words)
