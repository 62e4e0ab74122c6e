"""Many networks on one set of slices: run one after the other, and compared slice by slice."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xctgraph.ingest import config
from xctgraph.ingest.learning import metrics, published
from xctgraph.ingest.learning.annotated import Annotated
from xctgraph.ingest.learning.spec import Spec, from_json
from xctgraph.ingest.learning.split import Split
from xctgraph.ingest.learning.train import train
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent

TABLE, COMPARISONS = "grid.csv", "comparisons.csv"
SCORES = ("accuracy", "precision", "recall", "f1", "miou")


@dataclass(frozen=True)
class Compared:
    """Two groups of networks on the same test slices.

    Attributes
    ----------
    question, first, second : str
    pairs : int
        Pairs of networks, or networks of the smaller group where they are not paired.
    difference : float
        Mean F1 over the classes but the background: that of the first less that of the second.
    interval : tuple of float
        95 %, by drawing test slices with replacement. It says nothing of other seeds of the training.
    """

    question: str
    first: str
    second: str
    pairs: int
    difference: float
    interval: tuple[float, float]


def load(path: Path, given: Spec) -> list[Spec]:
    """The networks of a grid file.

    `runs` is "published" for the 17 of the reference study, or a list of tables with fields of `Spec`; what they do not say is
    that of `given`, and of the section [train].

    Raises
    ------
    InputError
        If the file is not right.
    """
    content = config.read_toml(path)
    unknown = sorted(set(content) - {"train", "runs"})
    if unknown or "runs" not in content:
        raise InputError(
            f'{path}: {f"unknown field {unknown[0]!r}" if unknown else "no runs"}: a grid has `runs`, which is "published" or a '
            "list of networks ([[runs]]), and may have a section [train]"
        )
    shared = given.to_json() | dict(content.get("train", {}))
    rows = content["runs"]
    if rows == "published":
        rows = [{"architecture": row.architecture, "encoder": row.encoder, "weights": row.weights} for row in published.ROWS]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f'{path}: runs = {rows!r}: give "published", or tables [[runs]] with architecture, encoder and weights')
    specs = [from_json(shared | dict(row), f"{path}, run {k + 1}") for k, row in enumerate(rows)]
    names = [name_of(spec) for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"{path}: {twice[0]} stands twice among the runs: give each architecture, encoder, weights and seed once"
        )
    return specs


def name_of(spec: Spec) -> str:
    """Folder of a run."""
    weights = spec.weights if spec.weights in ("none", "imagenet") else Path(spec.weights).stem
    return "-".join([spec.architecture, spec.encoder, weights, str(spec.seed)])


def run(
    annotated: Annotated, specs: Iterable[Spec], folder: Path, parts: Split, *, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Train all networks; those that are done already are not trained again.

    Returns
    -------
    list of dict
        A row per network: `name`, architecture, encoder, weights, seed, the usual `mean_f1` and `mean_iou` over the classes but
        the background, the scores in the reference study's accounting, `published_...` where it has that network, and
        `confusion` of the test slices. Also written, without the last, to `grid.csv`, and the comparisons to `comparisons.csv`.

    Raises
    ------
    InputError
        If the split has no test slices, or a network cannot be built.
    """
    if not parts.test:
        raise InputError("a grid compares networks on test slices, but the split has none: give one such as 85/5/5")
    rows: list[dict[str, Any]] = []
    known = {(row.architecture, row.encoder, row.weights): row for row in published.ROWS}
    for spec in specs:
        name = name_of(spec)

        def told(message: str, done: int, total: int, name: str = name) -> None:
            progress(f"{name}: {message}", done, total)

        card = train(annotated, spec, folder / name, parts=parts, progress=told).card
        counts = np.array(card["test"]["confusion"])
        total = counts.sum(axis=0)
        row: dict[str, Any] = {key: getattr(spec, key) for key in ("architecture", "encoder", "weights", "seed")}
        row |= {"name": name, "mean_f1": float(metrics.mean_f1(total))}
        row["mean_iou"] = float(np.nanmean(metrics.scores(total)["iou"][1:]))
        row |= metrics.reference(total)
        printed = known.get((spec.architecture, spec.encoder, spec.weights))
        row |= {f"published_{score}": printed and getattr(printed, score) for score in SCORES}
        rows.append(row | {"confusion": counts})
    _write(folder / TABLE, [{key: value for key, value in row.items() if key != "confusion"} for row in rows])
    _write(folder / COMPARISONS, [vars(one) for one in compare(rows)])
    return rows


def compare(rows: list[dict[str, Any]]) -> list[Compared]:
    """What weights of ImageNet bring, and transformers against convolutional networks."""
    by = {(row["architecture"], row["encoder"], row["seed"], row["weights"]): row for row in rows}
    pairs = [(row, by[(*key[:3], "none")]) for key, row in by.items() if key[3] != "none" and (*key[:3], "none") in by]
    found = []
    if pairs:
        found.append(
            _compared("what do weights of ImageNet bring?", "ImageNet", "none", [list(side) for side in zip(*pairs, strict=True)])
        )
    transformers = [row for row in rows if row["encoder"].startswith("mit_")]
    others = [row for row in rows if row not in transformers] if transformers else []
    if transformers and others:
        found.append(_compared("are transformers ahead of convolutions?", "MiT", "convolutions", [transformers, others]))
    return found


def _compared(question: str, first: str, second: str, groups: list[list[dict[str, Any]]]) -> Compared:
    def mean(rows: list[dict[str, Any]], *, drawn: bool) -> Any:
        each = [metrics.resampled(row["confusion"]) if drawn else row["confusion"].sum(axis=0) for row in rows]
        return np.mean([metrics.mean_f1(counts) for counts in each], axis=0)

    differences = mean(groups[0], drawn=True) - mean(groups[1], drawn=True)
    low, high = np.nanquantile(differences, (0.025, 0.975))
    difference = mean(groups[0], drawn=False) - mean(groups[1], drawn=False)
    return Compared(question, first, second, min(map(len, groups)), float(difference), (float(low), float(high)))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    if rows:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
