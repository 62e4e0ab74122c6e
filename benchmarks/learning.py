"""Where learning pays: a small U-Net against tuned top-hat and hysteresis, over the difficulty of the generator.

`python -m benchmarks.learning` prints the tables of docs/training.md: F1 of pixels and of objects by kind, difficulty and number
of annotated slices, and what consistency along z brings. `--only NAME` takes one difficulty.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.pseudolabel import Classes, Scan, scans
from xctgraph.ingest.learning import checkpoint, consistency
from xctgraph.ingest.learning.annotated import Annotated, Example, scaled
from xctgraph.ingest.learning.predictor import predictor
from xctgraph.ingest.learning.spec import Spec
from xctgraph.ingest.learning.split import Split
from xctgraph.ingest.learning.train import train
from xctgraph.ingest.pseudo import label, search
from xctgraph.ingest.pseudo.flatten import flatten
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters
from xctgraph.ingest.pseudo.scores import count

DIFFICULTIES: dict[str, dict[str, Any]] = {
    "noise 0.125": {"noise": 0.125},
    "noise 0.25, artefacts": {"noise": 0.25, "rings": 0.1, "beam_hardening": 0.2, "contrast_drift": -0.3},
    "noise 0.4, more of them": {"noise": 0.4, "rings": 0.15, "beam_hardening": 0.3, "contrast_drift": -0.4},
    "noise 0.6, yet more": {"noise": 0.6, "rings": 0.2, "beam_hardening": 0.4, "contrast_drift": -0.5},
}
BLOCK = 8  # slices that are drawn together: neighbours are alike
DRAWS = 2000

Counts = NDArray[np.int64]
Ways = dict[str, "Counted"]


@dataclass(frozen=True)
class Size:
    """How large the series are, and what is trained on them.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) of each of two scans; the test series is another of this size.
    features, steps, width : int
        Defects of a series, steps of a training, channels of the first level of the U-Net.
    annotated : tuple of int
        Slices that are annotated.
    seeds : int
        Series, each with a training and a choice of slices of its own.
    """

    shape: tuple[int, int, int] = (64, 96, 96)
    features: int = 110
    steps: int = 320
    width: int = 8
    annotated: tuple[int, ...] = (6, 24, 72)
    seeds: int = 3


@dataclass(frozen=True, eq=False)
class Counted:
    """Counts (see `pseudo.scores.count`): of blocks of slices, (blocks, kinds, 6), and of scans in 3D, (scans, kinds, 6)."""

    slices: Counts
    volumes: Counts


def evenly(of: Sequence[Scan], n: int, seed: int) -> list[tuple[int, int]]:
    """`n` places (scan, z), evenly spread over the series from a random one on."""
    total = sum(len(scan.grey) for scan in of)
    first = np.random.default_rng([seed, n]).uniform(0, total / n)
    flat = (first + np.arange(n) * total / n).astype(int)
    return [divmod(int(k), len(of[0].grey)) for k in flat]


def window(scan: Scan) -> tuple[float, float]:
    """Grey values that become 0 and 1, as `train` has them."""
    low, high = np.percentile(scan.grey, (0.5, 99.5))
    return float(low), float(high)


def learned(of: Sequence[Scan], places: Sequence[tuple[int, int]], spec: Spec, folder: Path) -> checkpoint.Checkpoint:
    """A network trained on all of some slices."""
    sides = spec.halo
    examples = []
    for t, z in places:
        around = np.clip(np.arange(z - sides, z + sides + 1), 0, len(of[t].grey) - 1)
        truth = of[t].truth[z]
        whole = np.full(truth.shape, 255, np.uint8)
        examples.append(Example(f"t{t}_z{z}", t, z, of[t].grey[around], window(of[t]), truth, whole, annotated=True))
    given = Annotated(tuple(examples), ("background", *KINDS), None, folder.name)
    parts = Split(tuple(one.name for one in examples), (), ())
    return checkpoint.load(train(given, spec, folder, parts=parts).path)


def shares(model: checkpoint.Checkpoint, scan: Scan) -> NDArray[np.float32]:
    """Shares of the classes in all slices of a scan, (z, classes, y, x)."""
    ready = predictor(model, (scan.grey.shape[1], scan.grey.shape[2]), precision="f32")
    sides = model.spec.halo
    planes = np.pad(scaled(scan.grey, window(scan)), [(sides, sides), (0, 0), (0, 0)], mode="edge")
    return ready(np.stack([planes[z : z + 2 * sides + 1] for z in range(len(scan.grey))]))


def classical(of: Sequence[Scan], places: Sequence[tuple[int, int]], seed: int) -> Parameters:
    """Thresholds, sizes and rules sought on the same slices."""
    given = [search.Annotated(flatten(of[t].grey[z], of[t].known), of[t].truth[z]) for t, z in places]
    return search.search(given, Parameters(), seed=seed).parameters


def counted(test: Sequence[Scan], masks: Iterable[Classes]) -> Counted:
    """Counts of masks of whole scans."""
    slices, volumes = [], []
    for scan, mask in zip(test, masks, strict=True):
        pairs = [[(truth == code, found == code) for code in range(1, 4)] for truth, found in zip(scan.truth, mask, strict=True)]
        each = np.array([[count(*pair) for pair in of_slice] for of_slice in pairs])
        slices += [each[z : z + BLOCK].sum(axis=0) for z in range(0, len(each), BLOCK)]
        volumes.append([count(scan.truth == code, mask == code) for code in range(1, 4)])
    return Counted(np.array(slices), np.array(volumes))


def series(folder: Path, made: dict[str, Any], size: Size, seed: int) -> list[Scan]:
    """Two scans of the generator, with a surface and a fracture."""
    given = {"shape": size.shape, "steps": 2, "features": size.features, "air_voxels": 8.0, "seed": seed} | made
    return list(scans(folder, **given))


def one_seed(made: dict[str, Any], size: Size, seed: int, folder: Path) -> Ways:
    """Every way, trained or tuned on one series, on another one."""
    given, test = (series(folder / str(k), made, size, seed + k) for k in range(2))
    found = {}
    for n in size.annotated:
        places = evenly(given, n, seed)
        tuned = classical(given, places, seed)
        masks = [np.stack([label.pseudolabel(plane, scan.known, tuned)[0] for plane in scan.grey]) for scan in test]
        found[f"classical {n}"] = counted(test, masks)
        for n_slices in (1, 3) if n == max(size.annotated) else (1,):
            spec = Spec(
                encoder="none", weights="none", width=size.width, slices=n_slices, loss="dice+ce", steps=size.steps, batch=8,
                crop=64, aimed=0.8, rate=3e-3, seed=seed, device="cpu",
            )  # fmt: skip
            model = learned(given, places, spec, folder / f"{n}_{n_slices}")
            of_scans = [shares(model, scan) for scan in test]
            name = f"learned {n}" if n_slices == 1 else f"learned {n}, 2.5D"
            found[f"{name}, each slice"] = counted(test, (one.argmax(axis=1).astype(np.uint8) for one in of_scans))
            found[name] = counted(test, (consistency.consistent(one, 0, 0) for one in of_scans))
    return found


def f1(counts: Counts) -> NDArray[np.float64]:
    """F1 of pixels and of objects, (..., 2), of counts (..., 6); 0 where nothing is."""
    right, surplus, missed = (counts[..., k::3].astype(np.float64) for k in range(3))
    found: NDArray[np.float64] = 2 * right / np.maximum(2 * right + surplus + missed, 1)
    return found


def drawn(of_seeds: Sequence[Counts], seed: int) -> NDArray[np.float64]:
    """F1 of series drawn with replacement, and of their blocks likewise, (draws, kinds, 2); the same draws for one seed."""
    rng = np.random.default_rng([seed, 2000])
    counts = np.stack(of_seeds)
    n_seeds, n_blocks = counts.shape[:2]
    chosen = rng.integers(n_seeds, size=(DRAWS, n_seeds))
    blocks = rng.integers(n_blocks, size=(DRAWS, n_seeds, n_blocks))
    return f1(counts[chosen[:, :, None], blocks].sum(axis=(1, 2)))


def interval(values: NDArray[np.float64]) -> str:
    """95 %."""
    low, high = np.quantile(values, (0.025, 0.975))
    return f"{low:+.2f} to {high:+.2f}"


def table(found: dict[str, list[Ways]]) -> str:
    """Markdown: F1 of pixels and objects by difficulty and way; of what is learned also its lead over the classical."""
    lines = [
        f"| difficulty | way, annotated slices | {' | '.join(f'{kind}s' for kind in KINDS)} |", "|---|---|---|---|---|"
    ]  # fmt: skip
    for difficulty, seeds in found.items():
        for name in [name for name in seeds[0] if not name.endswith("each slice")]:
            cells = []
            other = f"classical {name.split()[1].rstrip(',')}"
            own, others = ([ways[which].slices for ways in seeds] for which in (name, other))
            score = f1(np.concatenate(own).sum(axis=0))
            lead = drawn(own, 0) - drawn(others, 0)
            for k in range(len(KINDS)):
                cell = f"{score[k, 0]:.2f} / {score[k, 1]:.2f}"
                if name != other:
                    cell += f" ({interval(lead[:, k, 0])} / {interval(lead[:, k, 1])})"
                cells.append(cell)
            lines.append(f"| {difficulty} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def along_z(found: dict[str, list[Ways]], size: Size) -> str:
    """Markdown: object F1 in slices and in 3D, each slice by itself and consistent along z, and the gain."""
    lines = [
        "| difficulty | objects of | kind | each slice | consistent | gain |", "|---|---|---|---|---|---|"
    ]  # fmt: skip
    name = f"learned {max(size.annotated)}"
    for difficulty, seeds in found.items():
        for where in ("slices", "volumes"):
            before, after = ([getattr(ways[which], where) for ways in seeds] for which in (f"{name}, each slice", name))
            gain = drawn(after, 0) - drawn(before, 0)
            scores = [f1(np.concatenate(part).sum(axis=0))[:, 1] for part in (before, after)]
            lines += [
                f"| {difficulty} | {where} | {kind} | {scores[0][k]:.3f} | {scores[1][k]:.3f} | {interval(gain[:, k, 1])} |"
                for k, kind in enumerate(KINDS)
            ]
    return "\n".join(lines)


def run(difficulties: dict[str, dict[str, Any]], size: Size, seed: int) -> Iterator[tuple[str, list[Ways]]]:
    """Every difficulty with every seed."""
    for name, made in difficulties.items():
        with tempfile.TemporaryDirectory() as folder:
            yield name, [one_seed(made, size, seed + 10 * k, Path(folder) / str(k)) for k in range(size.seeds)]


def section(difficulties: dict[str, dict[str, Any]], size: Size, seed: int) -> str:
    """Both tables."""
    found = dict(run(difficulties, size, seed))
    return f"{table(found)}\n\n{along_z(found, size)}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--only", choices=DIFFICULTIES)
    given = parser.parse_args()
    torch.set_num_threads(1)  # two would wait for each other on a busy machine
    start = time.process_time()
    chosen = {name: made for name, made in DIFFICULTIES.items() if given.only in (None, name)}
    print(f"seed {given.seed}\n\n{section(chosen, Size(), given.seed)}\n\n{time.process_time() - start:.0f} s of the processor")


if __name__ == "__main__":
    main()
