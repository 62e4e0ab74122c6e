"""Links that a file gives in place of those searched: read, checked, and kept beside the scans they join."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.store import Transaction
from xctgraph.store.errors import InputError, nearest

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COLUMNS = ("t", "label", "t_next", "label_next")
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class GivenLinks:
    """Links of a file.

    Attributes
    ----------
    path : str
    ends : (k, 4) int64
        Scan and label of the earlier feature, scan and label of the later one; sorted.
    confidence : (k,) float64
        Probability that the link is right; NaN where none is given.
    row : (k,) int64
        Row of the file.
    """

    path: str
    ends: Ints
    confidence: Floats
    row: Ints

    def chosen(self, which: NDArray[np.bool_]) -> GivenLinks:
        """Some of the links."""
        return GivenLinks(self.path, self.ends[which], self.confidence[which], self.row[which])

    def of_scan(self, t: int) -> GivenLinks:
        """Links with an end in a scan."""
        return self.chosen((self.ends[:, 0] == t) | (self.ends[:, 2] == t))

    def digest(self, t: int) -> str:
        """Sha256 of the links that arrive at a scan: those that leave it belong to the scans they reach."""
        arriving = self.chosen(self.ends[:, 2] == t)
        content = np.ascontiguousarray(arriving.ends).tobytes(), np.ascontiguousarray(arriving.confidence).tobytes()
        return hashlib.sha256(b"\0".join(content)).hexdigest()


def read(path: str, times: Collection[int]) -> GivenLinks:
    """Read a CSV, TSV or Parquet file with the columns `COLUMNS` and, if there, `confidence`.

    Parameters
    ----------
    path
    times
        Scans of the dataset.

    Raises
    ------
    InputError
        If the file cannot be read or lacks a column; if a link names a scan that the dataset lacks, does not lead to a later
        scan, is given twice or has a confidence outside 0 to 1. It names the row.
    """
    # Not above: the package of tables imports the pipeline, which imports this module.
    from xctgraph.ingest.tables import read as table

    remedy = "A file of links names its columns so, and may have a column `confidence`"
    raw = table.read(path, [(name,) for name in COLUMNS], separator=None, remedy=remedy)
    headings = {str(heading).casefold(): str(heading) for heading in raw.frame.columns}
    for name in COLUMNS:
        if name not in headings:
            raise InputError(
                f"{path} has no column {name!r} (a file of links has {', '.join(COLUMNS)}); {nearest(name, headings)}"
            )
    ends = np.stack([table.integers(raw, headings[name]) for name in COLUMNS], axis=1)
    confidence = np.full(len(ends), np.nan)
    if "confidence" in headings:
        confidence = table.numbers(raw, headings["confidence"], decimal=".")
    order = np.lexsort(ends.T[::-1])
    links = GivenLinks(path, ends[order], confidence[order], raw.first_row + order)
    _check(links, times)
    return links


def _check(links: GivenLinks, times: Collection[int]) -> None:
    ends = links.ends
    for column in (0, 2):
        strange = ~np.isin(ends[:, column], list(times))
        if strange.any():
            raise InputError(
                f"{links.path}, {_rows(links, strange)}: {COLUMNS[column]} = {ends[strange][0, column]} is no scan of the "
                f"dataset, which has t = {_some(sorted(times))}: add a [[scan]], or remove the links to it"
            )
    backward = ends[:, 2] <= ends[:, 0]
    if backward.any():
        t, _, t_next, _ = ends[backward][0]
        raise InputError(f"{links.path}, {_rows(links, backward)}: t_next = {t_next} is not after t = {t}: exchange the ends")
    again = np.flatnonzero((np.diff(ends, axis=0) == 0).all(axis=1))
    if len(again):
        first, second = sorted(links.row[again[0] : again[0] + 2].tolist())
        t, label, t_next, label_next = ends[again[0]]
        raise InputError(
            f"{links.path}: the link from {label} in t = {t} to {label_next} in t = {t_next} is given twice, in the rows {first} "
            f"and {second}: remove one of them"
        )
    wrong = ~(np.isnan(links.confidence) | ((links.confidence >= 0) & (links.confidence <= 1)))
    if wrong.any():
        raise InputError(
            f"{links.path}, {_rows(links, wrong)}: the confidence {links.confidence[wrong][0]:g} is not from 0 to 1: correct it"
        )


def doubts(links: GivenLinks, times: Collection[int]) -> Iterator[str]:
    """What to tell of links that take no effect, and of scans without any."""
    following = set(pairwise(sorted(times)))
    pairs, counts = np.unique(links.ends[:, [0, 2]], axis=0, return_counts=True)
    found = {(int(t), int(t_next)): int(n) for (t, t_next), n in zip(pairs, counts, strict=True)}
    n = sum(count for pair, count in found.items() if pair not in following)
    if n:
        yield f"{links.path}: {n} of {len(links.ends)} links do not join a scan and the next one: they take no effect"
    for t, t_next in sorted(following - found.keys()):
        yield f"{links.path} has no link from t = {t} to t = {t_next}: none is made between them"


def check_labels(links: GivenLinks, t: int, labels: Ints) -> None:
    """Refuse links with labels that a scan does not have.

    Raises
    ------
    InputError
        With their number, the labels and the rows.
    """
    unknown = np.zeros(len(links.ends), np.bool_)
    named = []
    for column in (0, 2):
        strange = (links.ends[:, column] == t) & ~np.isin(links.ends[:, column + 1], labels)
        named.append(links.ends[strange, column + 1])
        unknown |= strange
    lost = np.unique(np.concatenate(named)).tolist()
    if lost:
        held = f"{len(labels)} features, labelled {labels.min()} to {labels.max()}" if len(labels) else "no features"
        raise InputError(
            f"{links.path} names {len(lost)} label{'s' if len(lost) > 1 else ''} that scan t = {t} does not have: {_some(lost)} "
            f"({_rows(links, unknown)}); it has {held}. Labels are those of the label volume or the table, elsewhere the column "
            "`label` of features; what `min_voxels` drops has none. Correct the file, or remove these rows"
        )


def names(features: pa.Table) -> pa.ChunkedArray:
    """What links call the features: by the label of the program that made them, else by ours."""
    return pc.coalesce(features["source_label"], pc.cast(features["label"], pa.int64()))


def put(tx: Transaction, sample: str, t: int, links: GivenLinks | None) -> None:
    """Stage the links with an end in scan `t` in place of those that were there; None where they are searched."""
    tx.drop("given_links", sample=sample, t=t)
    if links is None:
        return
    ends = links.ends
    for source in np.unique(ends[:, 0]).tolist():
        held = tx.read("given_links", sample=sample, t=source)
        kept = held.filter(pc.not_equal(held["t_target"], t)) if source != t else held[:0]
        new = ends[:, 0] == source
        table = pa.table({
            "t_target": pa.array(ends[new, 2], pa.int32()),
            "source_label": pa.array(ends[new, 1]),
            "target_label": pa.array(ends[new, 3]),
            "confidence": pa.array(links.confidence[new], from_pandas=True),
        })  # fmt: skip
        rest = kept.select(table.column_names).cast(table.schema)
        tx.put("given_links", pa.concat_tables([rest, table]), sample=sample, t=source)


def of_pair(tx: Transaction, sample: str, a: tuple[int, pa.Table], b: tuple[int, pa.Table]) -> tuple[Ints, Floats]:
    """Links between two scans, given t and features of each, as pairs of labels with their confidence.

    Those of dropped features are left out.
    """
    links = tx.read("given_links", sample=sample, t=a[0]).select(["t_target", "source_label", "target_label", "confidence"])
    links = links.filter(pc.equal(links["t_target"], b[0]))
    for (_, features), end in ((a, "source"), (b, "target")):
        named = pa.table({f"{end}_label": names(features), end: pc.cast(features["label"], pa.int64())})
        links = links.join(named, f"{end}_label", join_type="inner")
    links = links.sort_by([("source", "ascending"), ("target", "ascending")])
    pairs = np.stack([links[end].to_numpy() for end in ("source", "target")], axis=1)
    return np.ascontiguousarray(pairs, dtype=np.int64), links["confidence"].to_numpy().astype(np.float64)


def _rows(links: GivenLinks, which: NDArray[np.bool_]) -> str:
    rows = np.sort(links.row[which]).tolist()
    return f"row {rows[0]}" if len(rows) == 1 else f"rows {_some(rows)}"


def _some(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:_SHOWN]))
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} others"
