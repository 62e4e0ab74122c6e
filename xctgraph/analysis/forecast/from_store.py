"""A forecast study of the samples of a store; kept as a study."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from xctgraph.analysis import study
from xctgraph.analysis.forecast import metrics, rows, scans
from xctgraph.analysis.forecast.columns import Target
from xctgraph.analysis.forecast.flat import FLAT
from xctgraph.analysis.forecast.metrics import Trial
from xctgraph.analysis.forecast.result import QUESTION, REFERENCE, Answer, Forecast, Score
from xctgraph.analysis.forecast.rows import Floats, Ints, Rows
from xctgraph.analysis.snapshots import selection
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.analysis.snapshots.splits import SPLITS
from xctgraph.store import Store
from xctgraph.store.errors import InputError, MissingExtra, nearest
from xctgraph.store.progress import Progress, silent

TARGETS: tuple[Target, ...] = ("swallowed", "advanced")
HOW = ("time", "block", "sample")
NETWORKS = ("network", "network-next")
FEWEST = 10
"""Events, and candidates without, that training and test need each."""
FEWEST_SAMPLES = 5
"""From which on samples are split as wholes."""
FEWEST_CLUSTERS = 10
"""Samples from which on these are the clusters, where they are split as wholes."""
FEWEST_PAIRS = 3
REACH = 3.0
BLOCK = 4.0
"""Reach of the candidates and edge of the blocks, in radii of what lies ahead of a front (scans.front_radius)."""


def forecast(
    store: Store,
    *,
    samples: Sequence[str] | None = None,
    targets: Sequence[Target] = TARGETS,
    split: str | None = None,
    repeats: int = 5,
    seed: int = 0,
    reach_um: float | None = None,
    share: float = 0.5,
    block_um: float | None = None,
    networks: bool = True,
    ablations: bool = True,
    n_draws: int = 999,
    shuffle: bool = False,
    progress: Progress = silent,
) -> Forecast:
    """Forecast from each scan what the fracture swallows and where its front advances by the next, and compare models.

    Models: `distance` to the front alone; `place`, all that has nothing to do with other defects (distance, geometry of the
    front, and of a defect its kind, size and shape), the reference; `density`, a logistic model of the local density beside
    it; `trees`, gradient boosting on all flat columns; `network`, message passing over NEAR, TOUCHES and FACES with the same
    columns; `network-next`, which sees the scan before over NEXT too; and this without NEAR, with NEAR shuffled, and without
    edges to the sites.

    Parameters
    ----------
    store
        With `front_sites`.
    samples
        All where left out.
    targets
        "swallowed", of each defect within reach of a front; "advanced", of each front site.
    split
        "time" (first scans train, last test), "block" of the sample, or "sample"; where left out, sample from five samples
        on, else time where each sample has three pairs of scans, else block. No track is in two parts.
    repeats, seed
        Repeats of split and training, with the seeds `seed`, `seed` + 1, ...
    reach_um
        Distance to the nearest site within which defects are candidates, µm; three radii of what lies ahead of a front where
        left out.
    share
        Share of a front that moved everywhere that a site must leave behind to have advanced, as in `growth`.
    block_um
        Edge of the blocks that are the clusters of the intervals, µm; four radii where left out. Where ten samples or more are
        split as wholes, the clusters are the samples.
    networks, ablations
        Whether to train the networks, and those that see less.
    n_draws
        Bootstrap samples.
    shuffle
        Deal the outcomes of each sample out anew over its candidates and scans: a probe in which nothing may be found.
    progress
        Called as work goes on.

    Returns
    -------
    Forecast
        effect, interval, p, text, figure.

    Raises
    ------
    InputError
        If a name is unknown, a number is out of range, the store has no front with a successor, or too little happened for any
        target.
    MissingExtra
        If torch, torch_geometric or scikit-learn is not installed.
    """
    require_pyg()
    if find_spec("sklearn") is None:
        raise MissingExtra("scikit-learn", "ml", "a forecast")
    _check(targets, split, {"repeats": repeats, "reach_um": reach_um, "block_um": block_um, "n_draws": n_draws}, share)
    chosen = selection.select(store, samples=samples)
    radius = _largest(store, chosen.samples, "front_radius")
    reach = REACH * radius if reach_um is None else reach_um
    how = split or _split(chosen)
    whole = how == "sample" and len(chosen.samples) >= FEWEST_CLUSTERS
    block = 0.0 if whole else BLOCK * radius if block_um is None else block_um
    plan = _Plan(how, tuple(range(seed, seed + repeats)), block, _largest(store, chosen.samples, "near_gap"), n_draws)
    seen = (*NETWORKS, *(_networks().ABLATIONS if ablations else ())) if networks else ()
    answers: list[Answer] = []
    unanswered: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="xctgraph-forecast-") as folder:
        found = scans.read(
            chosen, targets, reach_um=reach, share=share, folder=Path(folder) if networks else None, progress=progress
        )
        for target in targets:
            if target not in found:
                unanswered[target] = "there is no candidate"
                continue
            own, files = found[target].rows, found[target].files
            own = own.shuffled(seed) if shuffle else own
            parts = [rows.split(own, how, number, plan.margin) for number in plan.seeds]
            why = _too_few(own, parts)
            if why:
                unanswered[target] = why
            else:
                answers.append(_answer(own, files, parts, plan, seen, progress))
    if not answers:
        raise InputError("; ".join(f"{name!r} cannot be answered: {why}" for name, why in unanswered.items()))
    return Forecast(
        samples=chosen.samples, split=how, repeats=repeats, seed=seed, reach_um=reach, share=share, block_um=block,
        n_draws=n_draws, shuffled=shuffle, answers=tuple(answers), unanswered=unanswered,
    )  # fmt: skip


@dataclass(frozen=True)
class _Plan:
    """Split, seeds of the repeats, edge of the clusters (0: samples), margin of blocks, bootstrap samples."""

    how: str
    seeds: tuple[int, ...]
    block_um: float
    margin: float
    n_draws: int


def _answer(
    found: Rows, files: Sequence[Path], parts: Sequence[Ints], plan: _Plan, seen: Sequence[str], progress: Progress
) -> Answer:
    nets = _networks().Networks(found, files, seen) if seen else None
    tested, validation = [], []
    for k, (part, seed) in enumerate(zip(parts, plan.seeds, strict=True)):
        progress(f"training for {found.target}", k, len(parts))
        chance = {name: model(found, part, seed) for name, model in FLAT.items()}
        if nets is not None:
            chance |= dict(nets.chances(part, seed))
        test, val = np.flatnonzero(part == 2), part == 1
        tested.append(Trial(test, {name: values[test] for name, values in chance.items()}))
        validation.append(
            {name: float(metrics.average_precision(found.y[val], values[val])[0]) for name, values in chance.items()}
        )
    mean = {name: float(np.mean([one[name] for one in validation])) for name in validation[0]}
    best = max(
        (name for name in mean if name in (*FLAT, *NETWORKS) and name not in ("distance", REFERENCE)), key=lambda name: mean[name]
    )
    cluster = found.clusters(plan.block_um) if plan.block_um else found.sample
    drawn = metrics.draws(found.y, tested, cluster, plan.n_draws, plan.seeds[0])
    precision, loss = drawn["average_precision"], drawn["log_loss"]
    structure = None
    if nets is not None:
        network, flat = (max(names, key=lambda name: mean[name]) for names in (NETWORKS, FLAT))
        structure = metrics.difference(precision[network], precision[flat])
    covered = np.unique(np.concatenate([one.rows for one in tested]))
    return Answer(
        target=found.target,
        n=len(found),
        n_events=int(found.y.sum()),
        n_tested=len(covered),
        n_clusters=len(np.unique(cluster[covered])),
        tested_share=float(np.mean([found.y[one.rows].mean() for one in tested])),
        scores=_scores(precision, loss, mean),
        best=best,
        structure=structure,
        calibration={name: metrics.calibration(found.y, tested, name) for name in mean},
        worth=nets.worth if nets is not None else {},
    )


def _scores(precision: Mapping[str, Floats], loss: Mapping[str, Floats], validation: Mapping[str, float]) -> dict[str, Score]:
    gain = {name: metrics.difference(values, precision[REFERENCE]) for name, values in precision.items()}
    corrected = metrics.holm({name: one.p for name, one in gain.items() if name != REFERENCE}) | {REFERENCE: 1.0}
    return {
        name: Score(
            average_precision=metrics.estimate(values),
            log_loss=metrics.estimate(loss[name]),
            gain=gain[name],
            less_loss=metrics.difference(loss[REFERENCE], loss[name]),
            p_corrected=corrected[name],
            beyond_distance=metrics.difference(values, precision["distance"]),
            validation=validation[name],
        )
        for name, values in precision.items()
    }


def keep(store: Store, found: Forecast) -> str:
    """Add the result to the table `studies`, under its first sample; its `study_id`."""
    one = found.primary
    return study.record(
        store,
        command="analyze forecast",
        question=QUESTION,
        sample=found.samples[0],
        parameters={
            "samples": list(found.samples), "target": one.target, "model": one.best, "reference": REFERENCE, "split": found.split,
            "repeats": found.repeats, "reach_um": found.reach_um, "share": found.share, "block_um": found.block_um,
            "n_draws": found.n_draws, "shuffled": found.shuffled, "n": one.n, "n_events": one.n_events,
            "average_precision": {
                answer.target: {name: score.average_precision.value for name, score in answer.scores.items()}
                for answer in found.answers
            },
        },
        effect=found.effect,
        interval=found.interval,
        p=found.p,
        seed=found.seed,
    )  # fmt: skip


def _networks() -> Any:
    """The module of the networks: it imports torch."""
    with warnings.catch_warnings():
        # torch_geometric 2.8 compiles classes with torch.jit while it is imported; torch 2.15 deprecates that.
        warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
        return importlib.import_module("xctgraph.analysis.forecast.networks")


def _split(chosen: selection.Selection) -> str:
    if len(chosen.samples) >= FEWEST_SAMPLES:
        return "sample"
    pairs = [sum(scan.sample == sample and scan.next is not None for scan in chosen.scans) for sample in chosen.samples]
    return "time" if min(pairs) >= FEWEST_PAIRS else "block"


def _largest(store: Store, samples: Sequence[str], column: str) -> float:
    """Largest value of a column of `scans`; 0 where there is none."""
    values = [store.read("scans", sample=sample, columns=[column])[column].to_pylist() for sample in samples]
    return max((value or 0.0 for found in values for value in found), default=0.0)


def _too_few(found: Rows, parts: Sequence[Ints]) -> str | None:
    """Why the target cannot be answered."""
    for k, part in enumerate(parts):
        for number, fewest in ((0, FEWEST), (1, 1), (2, FEWEST)):
            own = found.y[part == number]
            events = int(own.sum())
            if min(events, len(own) - events) < fewest:
                return (
                    f"of {len(found)} candidates with {int(found.y.sum())} events, repeat {k} has {len(own)} with {events} in "
                    f"{SPLITS[number]}, and {fewest} with and without are needed: take more scans, "
                    f"more samples, or another --split"
                )
    return None


def _check(targets: Sequence[str], split: str | None, numbers: Mapping[str, float | None], share: float) -> None:
    for target in targets:
        if target not in TARGETS:
            raise InputError(f"there is no target {target!r}: {nearest(target, TARGETS)}")
    if not targets:
        raise InputError(f"no target is named: {', '.join(TARGETS)}")
    if split is not None and split not in HOW:
        raise InputError(f"there is no split {split!r}: {nearest(split, HOW)}")
    for name, value in numbers.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value!r} must be a positive number")
    if not 0 <= share < 1:
        raise InputError(f"share = {share!r} must be at least 0 and below 1")
