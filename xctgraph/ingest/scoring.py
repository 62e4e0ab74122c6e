"""How well found features and links agree with the truth of a synthetic sample.

Found tables are those of the store or of the stages before it: `source` and `target` of links may be feature ids or labels.
Truth tables are `components` and `links` of `synth.Truth`.

Some of the truth is not asked for, and finding it is not held against the finder: components below `VISIBLE_VOXELS` voxels, and
what is `ambiguous`: pores so near the fracture that blur may join them, and lesser parts of the fracture. Found features below
`VISIBLE_VOXELS` that match nothing are left out likewise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.synth.spec import VISIBLE_VOXELS
from xctgraph.store.errors import InputError
from xctgraph.store.ids import LABEL_BITS, MAX_LABEL

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

SMALLEST_TOLERANCE = 1.5
RELATIVE_TOLERANCE = 0.25
LARGEST_RATIO = 3.0
EVENTS = ("split", "merge", "swallowed")


@dataclass(frozen=True)
class Rate:
    """Precision and recall of `n_found` found against `n_truth` true things; 1 where there is nothing to be wrong about."""

    right: int
    n_found: int
    n_truth: int

    @property
    def precision(self) -> float:
        """Share of the found that is true."""
        return self.right / self.n_found if self.n_found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true that is found."""
        return self.right / self.n_truth if self.n_truth else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.n_found + self.n_truth
        return 2 * self.right / total if total else 1.0


@dataclass(frozen=True)
class Detection(Rate):
    """Rate of features, and which found feature is which true component.

    Attributes
    ----------
    matches : pyarrow.Table
        t, label, component; one row per found feature that matches, one to one.
    misnamed : int
        Matches whose kind differs; 0 if the found features have no kind.
    """

    matches: pa.Table
    misnamed: int


@dataclass(frozen=True)
class Score:
    """Rates of features, of links, and of the links with each event other than continue."""

    detection: Detection
    links: Rate
    events: dict[str, Rate]


def score(found: pa.Table, found_links: pa.Table, components: pa.Table, links_: pa.Table) -> Score:
    """Score features and links together; see `detection`, `links` and `events`."""
    detected = detection(found, components)
    return Score(
        detected,
        links(found_links, links_, found, components, detected),
        events(found_links, links_, found, components, detected),
    )


def detection(found: pa.Table, components: pa.Table) -> Detection:
    """Match found features with true components, one to one, and count.

    The two match if their centroids are closer than 1.5 voxels or a quarter of the equivalent diameter of the true one, and
    their volumes differ by less than a factor of three. Where there is a choice, the nearest pair comes first.

    Parameters
    ----------
    found
        t, label, vz, vy, vx, n_voxels and, if known, kind; any number of scans.
    components
        Truth of the same scans.

    Raises
    ------
    InputError
        If a column is missing.
    """
    _require(found, ("t", "label", "vz", "vy", "vx", "n_voxels"), "found features")
    _require(components, ("t", "component", "vz", "vy", "vx", "n_voxels", "visible", "ambiguous"), "true components")
    pairs = [np.empty((0, 2), np.int64)]
    for t in np.unique(components["t"].to_numpy()):
        rows, true_rows = (np.flatnonzero(table["t"].to_numpy() == t) for table in (found, components))
        a, b = _match(_points(found, rows), _points(components, true_rows))
        pairs.append(np.stack([rows[a], true_rows[b]], axis=1))
    row, true_row = np.concatenate(pairs).T
    asked = _asked(components)
    matched = np.zeros(found.num_rows, np.bool_)
    matched[row] = True
    wrong = ~matched & (found["n_voxels"].to_numpy() >= VISIBLE_VOXELS)
    right = int(asked[true_row].sum())
    misnamed = 0
    if "kind" in found.column_names and "kind" in components.column_names:
        kinds = (table["kind"].to_numpy(zero_copy_only=False) for table in (found, components))
        misnamed = int(np.count_nonzero(next(kinds)[row] != next(kinds)[true_row]))
    matches = pa.table(
        {
            "t": components["t"].to_numpy()[true_row],
            "label": found["label"].to_numpy()[row],
            "component": components["component"].to_numpy()[true_row],
        }
    )
    return Detection(right, right + int(wrong.sum()), int(asked.sum()), matches, misnamed)


def links(found_links: pa.Table, true_links: pa.Table, found: pa.Table, components: pa.Table, detected: Detection) -> Rate:
    """Count found links whose two ends match components that share a defect.

    A link that is not true doesn't count as wrong if one of its ends is a component that is not asked for, or a found feature
    too small to be asked for, or if what became of its source is not asked for.

    Parameters
    ----------
    found_links
        t, source, target; t is the scan of the source.
    true_links
        t, source, target, visible, ambiguous.
    detected
        Outcome of `detection` for `found` and `components`.
    """
    _, rate = _compare(found_links, true_links, found, components, detected)
    return rate


def events(
    found_links: pa.Table, true_links: pa.Table, found: pa.Table, components: pa.Table, detected: Detection
) -> dict[str, Rate]:
    """Rate, for each event other than continue, of the links that bear it: right are true links with the right event."""
    _require(found_links, ("event",), "found links")
    _require(true_links, ("event",), "true links")
    return {name: _compare(found_links, true_links, found, components, detected, name)[1] for name in EVENTS}


def missed(found_links: pa.Table, true_links: pa.Table, found: pa.Table, components: pa.Table, detected: Detection) -> pa.Table:
    """Rows of `true_links` that were asked for and not found."""
    hit, _ = _compare(found_links, true_links, found, components, detected)
    return true_links.filter(pa.array(_asked(true_links) & ~hit))


def _compare(
    found_links: pa.Table,
    true_links: pa.Table,
    found: pa.Table,
    components: pa.Table,
    detected: Detection,
    event: str | None = None,
) -> tuple[Mask, Rate]:
    """Which true links were found, and the rate; of those with one event only, if it is given."""
    _require(found_links, ("t", "source", "target"), "found links")
    _require(true_links, ("t", "source", "target", "visible", "ambiguous"), "true links")
    t = found_links["t"].to_numpy().astype(np.int64)
    ends = [found_links[name].to_numpy() & MAX_LABEL for name in ("source", "target")]
    scans = (t, t + 1)
    labels = _key(detected.matches["t"].to_numpy(), detected.matches["label"].to_numpy())
    partner = [_look_up(_key(s, e), labels, detected.matches["component"].to_numpy()) for s, e in zip(scans, ends, strict=True)]
    small = found["n_voxels"].to_numpy() < VISIBLE_VOXELS
    unasked_found = _key(found["t"].to_numpy(), found["label"].to_numpy())[small]
    unasked_true = _key(components["t"].to_numpy(), components["component"].to_numpy())[~_asked(components)]
    excused = np.zeros(len(t), np.bool_)
    for s, e, p in zip(scans, ends, partner, strict=True):
        excused |= (p == 0) & np.isin(_key(s, e), unasked_found)
        excused |= (p > 0) & np.isin(_key(s, p), unasked_true)
    fate_unasked = _key(true_links["t"].to_numpy(), true_links["source"].to_numpy())[~_asked(true_links)]
    excused |= (partner[0] > 0) & np.isin(_key(t, partner[0]), fate_unasked)
    keep, true_keep = (_with_event(table, event) for table in (found_links, true_links))
    # Pairs of components as one number: their ranks among all that occur.
    true_t = true_links["t"].to_numpy().astype(np.int64)
    true_ends = [true_links[name].to_numpy() for name in ("source", "target")]
    pair = np.stack([_key(scans[0], partner[0]), _key(scans[1], partner[1])], axis=1)
    true_pair = np.stack([_key(true_t, true_ends[0]), _key(true_t + 1, true_ends[1])], axis=1)
    _, rank = np.unique(np.concatenate([pair, true_pair]), axis=0, return_inverse=True)
    rank, true_rank = np.split(rank.reshape(-1), [len(pair)])
    asked = _asked(true_links) & true_keep
    hit = true_keep & np.isin(true_rank, rank[keep])
    right = int((hit & asked).sum())
    wrong = keep & ~np.isin(rank, true_rank[true_keep]) & ~excused
    return hit, Rate(right, right + int(wrong.sum()), int(asked.sum()))


def _with_event(table: pa.Table, event: str | None) -> Mask:
    if event is None:
        return np.ones(table.num_rows, np.bool_)
    return np.asarray(table["event"].to_numpy(zero_copy_only=False) == event, np.bool_)


def _match(found: NDArray[np.float64], true: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Rows (z, y, x, voxels) of both that belong together, one to one, nearest first."""
    nothing = np.empty(0, np.int64)
    if not len(found) or not len(true):
        return nothing, nothing
    diameter = (6 * true[:, 3] / np.pi) ** (1 / 3)
    tolerance = np.maximum(SMALLEST_TOLERANCE, RELATIVE_TOLERANCE * diameter)
    near = cKDTree(found[:, :3]).sparse_distance_matrix(cKDTree(true[:, :3]), tolerance.max(), output_type="ndarray")
    a, b, distance = near["i"].astype(np.int64), near["j"].astype(np.int64), near["v"]
    ratio = found[a, 3] / true[b, 3]
    fits = (distance <= tolerance[b]) & (ratio < LARGEST_RATIO) & (ratio > 1 / LARGEST_RATIO)
    order = np.argsort(distance[fits], kind="stable")
    a, b = a[fits][order], b[fits][order]
    taken: list[tuple[Ints, Ints]] = [(nothing, nothing)]
    while len(a):
        first_a, first_b = (np.zeros(len(a), np.bool_) for _ in range(2))
        first_a[np.unique(a, return_index=True)[1]] = True
        first_b[np.unique(b, return_index=True)[1]] = True
        chosen = first_a & first_b
        taken.append((a[chosen], b[chosen]))
        free = ~np.isin(a, a[chosen]) & ~np.isin(b, b[chosen])
        a, b = a[free], b[free]
    return np.concatenate([x for x, _ in taken]), np.concatenate([y for _, y in taken])


def _asked(table: pa.Table) -> Mask:
    asked: Mask = table["visible"].to_numpy() & ~table["ambiguous"].to_numpy()
    return asked


def _points(table: pa.Table, rows: Ints) -> NDArray[np.float64]:
    return np.stack([table[name].to_numpy()[rows].astype(np.float64) for name in ("vz", "vy", "vx", "n_voxels")], axis=1)


def _key(t: NDArray[np.integer], label: NDArray[np.integer]) -> Ints:
    return np.asarray(t, np.int64) << LABEL_BITS | np.asarray(label, np.int64)


def _look_up(keys: Ints, known: Ints, values: Ints) -> Ints:
    """Value of each key, 0 where it is not known."""
    if not len(known):
        return np.zeros(len(keys), np.int64)
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)
    return np.where(known[order[at]] == keys, values[order[at]], 0).astype(np.int64)


def _require(table: pa.Table, columns: tuple[str, ...], what: str) -> None:
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise InputError(f"{what} lack the columns {', '.join(absent)}; they have {', '.join(table.column_names)}")
