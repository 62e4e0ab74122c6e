"""From 24 annotated slices to the features of a whole series in four commands, held against the truth, beside Otsu's.

`python -m benchmarks.four_commands` prints the table of docs/training.md.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.learning import DIFFICULTIES
from benchmarks.pseudolabel import scans
from xctgraph.ingest import scoring, synth
from xctgraph.store import open_store

COMMANDS = (
    "xctgraph sample import annotate MASKS",
    "xctgraph train annotate --out trained",
    "xctgraph segment dataset.toml --model trained/model.pt --out masks",
    "xctgraph ingest masks/dataset.toml",
)
# What a CPU trains in minutes.
SMALL = "--encoder none --width 16 --loss dice+ce --crop 96 --aimed 0.8 --rate 0.003 --steps 400"


@dataclass(frozen=True)
class Found:
    """Rates of the features of a series against the truth, of whatever kind and of the right one, and what it took."""

    way: str
    seconds: float
    features: scoring.Rate
    of_kind: scoring.Rate


def command(text: str, folder: Path) -> None:
    """Run a command of ours in a folder."""
    words = [sys.executable, "-m", "xctgraph.cli.main", *shlex.split(text)[1:]]
    done = subprocess.run(words, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{text}: {done.stderr}")


def annotate(folder: Path, n: int, **made: Any) -> None:
    """A series in `folder`, a job of `n` slices and the truth of each as its mask."""
    truth = [scan.truth for scan in scans(folder, **made)]
    command(f"xctgraph sample dataset.toml --n {n} --out annotate", folder)
    (folder / "MASKS").mkdir()
    for entry in json.loads((folder / "annotate" / "job.json").read_text())["slices"]:
        Image.fromarray(truth[entry["t"]][entry["z"]]).save(folder / "MASKS" / f"{entry['name']}.png")


def scored(folder: Path, store: str, way: str, seconds: float) -> Found:
    """The features of a store against the truth."""
    components = synth.read(folder / "truth").components
    with open_store(folder / store) as opened:
        all_ = scoring.detection(opened.read("features"), components)
    of_kind = scoring.Rate(all_.right - all_.misnamed, all_.n_found, all_.n_truth)
    return Found(way, seconds, all_, of_kind)


def run(folder: Path, options: str, commands: Sequence[str] = COMMANDS) -> list[Found]:
    """The four commands and, beside them, an ingest of the series as its dataset file says: by Otsu's method."""
    start = time.perf_counter()
    for text in commands:
        command(f"{text} {options}" if " train " in text else text, folder)
    ours = scored(folder, "xct.store", "24 slices, U-Net", time.perf_counter() - start)
    start = time.perf_counter()
    command("xctgraph ingest dataset.toml --store otsu.store", folder)
    return [ours, scored(folder, "otsu.store", "Otsu", time.perf_counter() - start)]


def markdown(found: Sequence[tuple[str, Found]]) -> str:
    """A row for each difficulty and way."""
    lines = ["| difficulty | way | s | features: precision / recall / F1 | and of the right kind |", "|---|---|---|---|---|"]
    for difficulty, one in found:
        cells = [f"{rate.precision:.2f} / {rate.recall:.2f} / {rate.f1:.2f}" for rate in (one.features, one.of_kind)]
        lines.append(f"| {difficulty} | {one.way} | {one.seconds:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compared(size: dict[str, Any], options: str) -> list[Found]:
    """The rows of a series of its own; none where the masks are so poor that its scans cannot be registered."""
    with tempfile.TemporaryDirectory() as folder:
        annotate(Path(folder), 24, **size)
        try:
            return run(Path(folder), options)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return []


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    given = parser.parse_args()
    size = {"shape": (64, 160, 160), "steps": 4, "features": 250, "air_voxels": 8.0, "seed": given.seed}
    found = [(name, one) for name, made in DIFFICULTIES.items() for one in compared(size | made, SMALL)]
    print(f"seed {given.seed}\n\n{markdown(found)}")


if __name__ == "__main__":
    main()
