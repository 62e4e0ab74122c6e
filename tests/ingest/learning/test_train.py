"""Training: killed and gone on with, refused, cut short by a full disk; what it learns is in the card."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.command import run
from tests.ingest.learning.annotated_series import Series
from xctgraph.ingest.learning import annotated, checkpoint, train
from xctgraph.ingest.learning.spec import Spec
from xctgraph.ingest.learning.split import split
from xctgraph.store.errors import InputError

SMALL = ("--crop", "64", "--batch", "4", "--loss", "dice+ce", "--split", "20/2/2")


def command(series: Series, out: Path, steps: int) -> list[str]:
    return ["train", str(series.job), "--out", str(out), "--steps", str(steps), *SMALL]


def state(folder: Path) -> dict[str, torch.Tensor]:
    held = checkpoint.read(folder / checkpoint.LAST)
    assert held is not None
    return held["network"] | {f"adam{k}": one["exp_avg"] for k, one in held["optimiser"]["state"].items()}


def test_a_killed_run_ends_as_if_it_had_not_been(series: Series, tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    script = "import torch; torch.set_num_threads(1); from xctgraph.ingest.learning import train; train._SAVE_SECONDS = 0; "
    script += "from xctgraph.cli.main import main; main()"

    def start(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", script, *command(series, out, 24)], env=environment)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    first = start(killed)
    deadline = time.monotonic() + 120
    while not (killed / checkpoint.LAST).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = checkpoint.read(killed / checkpoint.LAST)
    assert before is not None
    assert 0 < before["step"] < 24
    assert start(killed).wait() == 0
    assert start(whole).wait() == 0
    assert (killed / train.CURVES).read_text() == (whole / train.CURVES).read_text()
    expected, found = state(whole), state(killed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    best = [checkpoint.load(folder / checkpoint.MODEL) for folder in (whole, killed)]
    assert best[0].digest == best[1].digest
    assert best[0].card["test"] == best[1].card["test"]


def test_what_the_model_has_learnt(model: Path, series: Series) -> None:
    held = checkpoint.load(model)
    card = held.card
    assert card["classes"] == ["background", "inclusion", "pore", "fracture"]
    assert card["voxel_size_um"] == [1.63] * 3
    assert card["slices"] == annotated.load(series.job).digest
    assert card["test"]["slices"] == 2
    assert card["test"]["classes"]["inclusion"]["f1"] > 0.4
    with (model.parent / train.CURVES).open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["step"]) == 100
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    assert max(float(row["validation_f1"]) for row in rows) > 0.3


def test_a_finished_run_is_not_run_again(series: Series, tmp_path: Path) -> None:
    first = run(*command(series, tmp_path / "a", 4), "--json")
    assert first.code == 0, first.stderr
    before = (tmp_path / "a" / checkpoint.LAST).stat().st_mtime_ns
    second = run(*command(series, tmp_path / "a", 4), "--json")
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert (tmp_path / "a" / checkpoint.LAST).stat().st_mtime_ns == before
    other = run(*command(series, tmp_path / "a", 4), "--rate", "0.01")
    assert other.code == 2
    assert "holds a training made in another way (rate 0.001, now 0.01)" in other.stderr


def test_scores_are_printed(series: Series, tmp_path: Path) -> None:
    done = run(*command(series, tmp_path / "a", 4))
    assert done.code == 0, done.stderr
    assert "20 slices trained on, 2 to choose the best state by, 2 to test; 4 steps on cpu" in done.stdout
    assert "fracture" in done.stdout
    reference = run(*command(series, tmp_path / "a", 4), "--metrics", "reference")
    assert "accuracy equals recall" in reference.stdout


def test_tensorboard_reads_the_curves(series: Series, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = run(*command(series, tmp_path / "a", 4), "--tensorboard")
    assert done.code == 0, done.stderr
    events = EventAccumulator(str(tmp_path / "a" / "tensorboard"))
    events.Reload()
    with (tmp_path / "a" / train.CURVES).open() as file:
        rows = list(csv.DictReader(file))
    assert [(e.step, pytest.approx(e.value)) for e in events.Scalars("loss")] == [
        (int(r["step"]), float(r["loss"])) for r in rows
    ]


def test_2_5d_sees_the_neighbours(series: Series, tmp_path: Path) -> None:
    import h5py

    slices = annotated.load(series.job, 3)
    one = next(example for example in slices.examples if example.t == 1)
    with h5py.File(series.folder / "scan_001.h5") as file:
        found = []
        file.visititems(lambda _, item: found.append(item[one.z - 1 : one.z + 2]) if getattr(item, "ndim", 0) == 3 else None)
    assert np.array_equal(one.grey, found[0])
    spec = Spec(slices=3, crop=64, batch=2, steps=2)
    made = train.train(slices, spec, tmp_path / "m", parts=split(slices.examples, (20, 2, 2)))
    assert checkpoint.load(made.path).spec.slices == 3


def test_pseudo_labels_count_by_their_confidence(series: Series, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "job"
    shutil.copytree(series.job, copy)
    drawn = sorted((copy / "annotations" / "truth").glob("*.png"))
    (tmp_path / "pseudo" / "masks").mkdir(parents=True)
    (tmp_path / "pseudo" / "confidence").mkdir()
    for file in drawn[:8]:
        shape = np.asarray(Image.open(file)).shape
        Image.fromarray(np.full(shape, 128, np.uint8)).save(tmp_path / "pseudo" / "confidence" / file.name)
        file.rename(tmp_path / "pseudo" / "masks" / file.name)
    slices = annotated.load(copy, pseudo=tmp_path / "pseudo")
    assert sum(not example.annotated for example in slices.examples) == 8
    assert {int(example.weight.max()) for example in slices.examples if not example.annotated} == {128}
    parts = split(slices.examples, (10, 2, 2))
    assert all(example.annotated for example in slices.examples if example.name in {*parts.validation, *parts.test})
    without = annotated.load(copy)
    assert len(without.examples) == len(slices.examples) - 8
    assert without.digest != slices.digest


def test_annotators_vote(series: Series, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "job"
    shutil.copytree(series.job, copy)
    file = sorted((copy / "annotations" / "truth").glob("*.png"))[0]
    truth = np.asarray(Image.open(file))
    for name, value in (("b", 1), ("c", 1), ("d", 2)):
        (copy / "annotations" / name).mkdir()
        mask = truth.copy()
        mask[:5] = value
        Image.fromarray(mask).save(copy / "annotations" / name / file.name)
    (one,) = [example for example in annotated.load(copy).examples if example.name == file.stem]
    assert (one.target[:5] == 1).all()
    assert np.array_equal(one.target[5:], truth[5:])
    agreed = np.where(truth[:5] == 1, 3, 2)
    assert np.array_equal(one.weight[:5], agreed * 255 // 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "5/1"), "--split '5/1': shares of training, validation and test, as in 85/5/5"),
        (("--split", "0/1/1"), r"split \(0, 1, 1\)"),
        (("--metrics", "mine"), "--metrics 'mine' is not known. Valid: usual, reference"),
        (("--device", "tpu"), "device 'tpu' is not known"),
        (("--precision", "f16", "--device", "cpu"), "precision 'f16' needs a GPU"),
        (("--pseudo", "nowhere"), "nowhere holds no pseudo-labels"),
        (("--encoder", "resnet1"), "encoder 'resnet1' is not known"),
    ],
)
def test_wrong_options(series: Series, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    import re

    done = run(*command(series, tmp_path / "a", 2), *options)
    assert done.code == 2
    assert re.search(words, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_empty_masks_and_no_job(series: Series, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "job"
    shutil.copytree(series.job, copy)
    for file in (copy / "annotations" / "truth").glob("*.png"):
        Image.fromarray(np.zeros_like(np.asarray(Image.open(file)))).save(file)
    done = run("train", str(copy), "--out", str(tmp_path / "a"))
    assert (done.code, "masks of" in done.stderr, "background only" in done.stderr) == (2, True, True)
    shutil.rmtree(copy / "annotations")
    done = run("train", str(copy), "--out", str(tmp_path / "a"))
    assert (done.code, "holds no masks: annotate the files in" in done.stderr) == (2, True)
    done = run("train", str(tmp_path), "--out", str(tmp_path / "a"))
    assert (done.code, "holds no labelling job" in done.stderr) == (2, True)


def test_a_corrupt_checkpoint(series: Series, model: Path, tmp_path: Path) -> None:
    content = bytearray(model.read_bytes())
    damaged = tmp_path / "model.pt"
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content) // 10, len(content) * 9 // 10, 5):
        changed = content.copy()
        changed[place] ^= 0xFF
        damaged.write_bytes(changed)
        with pytest.raises(InputError, match="is damaged"):
            checkpoint.load(damaged)
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is damaged"):
        checkpoint.load(damaged)
    torch.save({"weights": torch.zeros(2)}, damaged)
    with pytest.raises(InputError, match="is no model that this version can read"):
        checkpoint.load(damaged)
    out = tmp_path / "a"
    assert run(*command(series, out, 2)).code == 0
    (out / checkpoint.LAST).write_bytes(b"torn")
    done = run(*command(series, out, 4))
    assert (done.code, "last.pt is damaged" in done.stderr) == (2, True)


def test_no_space_for_the_state(series: Series, tmp_path: Path) -> None:
    """The limit on files stands for a full disk: what was written before stays, and the run goes on once there is room."""
    out = tmp_path / "a"
    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, held[1]))
    try:
        done = run(*command(series, out, 8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)
        signal.signal(signal.SIGXFSZ, handler)
    assert done.code == 1
    assert "no space is left for" in done.stderr
    assert not list(out.glob(".*.part"))
    assert run(*command(series, out, 8)).code == 0


def test_a_grid_compares_networks(series: Series, tmp_path: Path) -> None:
    rows = [
        ("unet", "none", "none"), ("unet", "resnet18", "none"), ("upernet", "resnet18", "none"), ("segformer", "mit_b0", "none"),
        ("unet", "tu-tf_efficientnet_lite0", "none"), ("unet", "tu-tf_efficientnet_lite0", "imagenet"),
    ]  # fmt: skip
    lines = ['[train]\nsteps = 3\ncrop = 64\nbatch = 2\nwidth = 8\nloss = "dice+ce"\n']
    lines += [f'[[runs]]\narchitecture = "{a}"\nencoder = "{e}"\nweights = "{w}"\n' for a, e, w in rows]
    (tmp_path / "grid.toml").write_text("\n".join(lines))
    given = (
        "train",
        str(series.job),
        "--grid",
        str(tmp_path / "grid.toml"),
        "--out",
        str(tmp_path / "grid"),
        "--split",
        "20/2/2",
    )
    done = run(*given)
    assert done.code == 0, done.stderr
    assert "unet-none-none-0" in done.stdout
    assert "(.865)" in done.stdout  # what the study printed for the plain U-Net
    assert "what do weights of ImageNet bring?" in done.stdout
    assert "are transformers ahead of convolutions?" in done.stdout
    again = run(*given, "--json")
    table = json.loads(again.stdout)
    with (tmp_path / "grid" / "grid.csv").open() as file:
        kept = list(csv.DictReader(file))
    assert [row["name"] for row in kept] == [row["name"] for row in table["runs"]]
    by = {row["name"]: row["mean_f1"] for row in table["runs"]}
    brings = table["comparisons"][0]
    gain = by["unet-tu-tf_efficientnet_lite0-imagenet-0"] - by["unet-tu-tf_efficientnet_lite0-none-0"]
    assert brings["difference"] == pytest.approx(gain)
    assert brings["interval"][0] <= brings["difference"] <= brings["interval"][1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no runs: a grid has `runs`"),
        ('runs = "mine"', "runs = 'mine': give \"published\""),
        ('runs = "published"\n[other]\na = 1', "unknown field 'other'"),
        ('[[runs]]\nencodr = "none"', "run 1: unknown field 'encodr': did you mean 'encoder'"),
        ("[[runs]]\nseed = 1\n[[runs]]\nseed = 1", "stands twice among the runs"),
    ],
)
def test_wrong_grids(series: Series, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "grid.toml").write_text(text)
    done = run("train", str(series.job), "--grid", str(tmp_path / "grid.toml"), "--out", str(tmp_path / "g"), "--split", "20/2/2")
    assert done.code == 2
    assert words in done.stderr
