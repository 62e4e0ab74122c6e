"""What changed between two scans: the same features measured twice, and those that came and went."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from xctgraph.analysis.characterise.interval import FEWEST
from xctgraph.analysis.characterise.scan import Scan

MEASURES = ("volume", "axis_major_length", "axis_minor_length", "sphericity", "local_density")

Ints = NDArray[np.int64]


def matched(earlier: Scan, later: Scan) -> tuple[Ints, Ints]:
    """Rows of the features of one track in both scans; a track has at most one feature in a scan."""
    _, first, second = np.intersect1d(earlier.track_id, later.track_id, assume_unique=True, return_indices=True)
    return first.astype(np.int64), second.astype(np.int64)


def change(earlier: Scan, later: Scan, kind: str, seed: int, n_draws: int) -> list[dict[str, Any]]:
    """Ratio of each measure of the same features, later over earlier.

    Compared are the features that keep track and kind from one scan to the other and touch no border in either: what came
    or went is counted by `turnover` and changes nothing here. `ratio` is the geometric mean of the ratios, with a 95 % interval
    of a block bootstrap; `p` is Wilcoxon's signed-rank test of their logarithms being symmetric about 0, features taken
    as independent, below 10 of them none. A feature counts in blocks by its earlier centroid.
    """
    a, b = matched(earlier, later)
    same = (earlier.kind[a] == kind) & (later.kind[b] == kind) & ~earlier.border[a] & ~later.border[b]
    a, b = a[same], b[same]
    rows = []
    for i, name in enumerate(MEASURES):
        before, after = earlier.values[name][a], later.values[name][b]
        known = (before > 0) & (after > 0)
        logs = np.log(after[known] / before[known])
        row: dict[str, Any] = {"t": earlier.t, "t_later": later.t, "kind": kind, "measure": name, "n_matched": len(logs)}
        row |= dict.fromkeys(("ratio", "ratio_low", "ratio_high", "median_ratio", "share_larger", "p"), float("nan"))
        if len(logs):
            row |= {"ratio": float(np.exp(logs.mean())), "median_ratio": float(np.exp(np.median(logs)))}
            row["share_larger"] = float((logs > 0).mean())
        if len(logs) >= FEWEST:
            block = earlier.block[a[known]]
            rng = np.random.default_rng([seed, earlier.t, later.t, i])
            low, high = earlier.blocks.ratio_interval(earlier.blocks.sums(block, logs), earlier.blocks.sums(block), rng, n_draws)
            row |= {"ratio_low": float(np.exp(low)), "ratio_high": float(np.exp(high)), "p": _signed_rank(logs)}
        rows.append(row)
    return rows


def turnover(earlier: Scan, later: Scan, kind: str, links: pa.Table) -> dict[str, Any]:
    """How many features of the earlier scan go on, what became of the others, and where those of the later scan come from.

    Parameters
    ----------
    links : pyarrow.Table
        NEXT between the two scans: source, target, event.

    Notes
    -----
    `ended` = split + merged + swallowed + lost, `begun` = from_split + from_merge + born; a feature in two of these counts as
    the first. Of `lost` and `born`, those at the border are given too: they may have moved out of or into the volume.
    """
    a, b = matched(earlier, later)
    goes_on, came = np.zeros(len(earlier.kind), np.bool_), np.zeros(len(later.kind), np.bool_)
    goes_on[a] = came[b] = True
    event = np.array(links["event"].to_pylist(), dtype=object)
    ended, begun = earlier.of(kind) & ~goes_on, later.of(kind) & ~came
    row: dict[str, Any] = {"t": earlier.t, "t_later": later.t, "kind": kind, "n": int(earlier.of(kind).sum())}
    row |= {"n_later": int(later.of(kind).sum()), "matched": int((earlier.kind[a] == kind).sum())}
    row |= {"changed_kind": int(((earlier.kind[a] == kind) & (later.kind[b] != kind)).sum()), "ended": int(ended.sum())}
    for name, what in (("split", "split"), ("merged", "merge"), ("swallowed", "swallowed")):
        these = ended & np.isin(earlier.feature_id, links["source"].to_numpy()[event == what])
        row[name] = int(these.sum())
        ended &= ~these
    row |= {"lost": int(ended.sum()), "lost_at_border": int((ended & earlier.border).sum()), "begun": int(begun.sum())}
    for name, what in (("from_split", "split"), ("from_merge", "merge")):
        these = begun & np.isin(later.feature_id, links["target"].to_numpy()[event == what])
        row[name] = int(these.sum())
        begun &= ~these
    return row | {"born": int(begun.sum()), "born_at_border": int((begun & later.border).sum())}


def _signed_rank(values: np.ndarray) -> float:
    moved = values[values != 0]
    if not len(moved):
        return 1.0
    return float(wilcoxon(moved).pvalue)
