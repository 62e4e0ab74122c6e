"""NEXT: what each feature of a scan became in a later one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.correspondence import fractures
from xctgraph.ingest.correspondence.agreement import agreement
from xctgraph.ingest.correspondence.branching import Group, branches
from xctgraph.ingest.correspondence.confidence import ADDED, MATCHED, added_terms, matched_terms, probability
from xctgraph.ingest.correspondence.matching import Pairs, candidates, margins, match
from xctgraph.ingest.correspondence.overlaps import Overlaps, displaced
from xctgraph.ingest.correspondence.registration import FEWEST, Registration, follow, register
from xctgraph.ingest.correspondence.side import ScanSide
from xctgraph.ingest.correspondence.turned import hint
from xctgraph.store.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FIELD = ("z", "y", "x", "uz", "uy", "ux")
LEAST_LINKED = 0.5
_LEAST_INSIDE = 0.2
_LEAST_SUPPORT = 0.3
MOST_ERROR = 0.28
# On scans that have nothing to do with each other the displacement rests on at most 0.31 of the features, on related ones on 0.7.
_UNREGISTERED_SUPPORT, _ENOUGH = 0.4, 50
# A few links that agree by chance.
_CHANCE_SUPPORT = 0.2


@dataclass(frozen=True, eq=False)
class Links:
    """Links between two scans, the displacement they rest on, and doubts about them.

    Attributes
    ----------
    next : pyarrow.Table
        source, target (labels, int64), overlap (int64, voxels shared in the displaced frame), iou, cost, confidence (float64;
        null for links of fractures, given ones and where no displacement is known), event; sorted by source and target.
    field : pyarrow.Table
        z, y, x, uz, uy, ux (float64, um): displacement on the nodes of a regular grid; without rows where it is in doubt.
    warnings : tuple of str
        Empty if the pair is not in doubt.
    registered : bool
        False where no displacement explains the pair: then no link was searched.
    """

    next: pa.Table
    field: pa.Table
    warnings: tuple[str, ...]
    registered: bool = True


@dataclass(frozen=True, eq=False)
class Said:
    """Links that are not searched but said: pairs of labels (k, 2), as the sides name them.

    Attributes
    ----------
    given : tuple of ndarray or None
        All links of the pair, as a file gives them, with the confidence (k,) of each, NaN where it states none; None to search.
    added, removed : ndarray
        What a person adds to those found or given, and takes away from them.
    """

    given: tuple[Ints, Floats] | None = None
    added: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    removed: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))


def link(a: ScanSide, b: ScanSide, *, max_drift: float | None = None, said: Said | None = None) -> Links:
    """Link the features of scan `a` to those of the later scan `b`.

    The displacement between the scans is found first (`register`); features are then matched one to one at their predicted places
    by distance, volume and overlap; unmatched ones join splits and merges, and fractures are linked by overlap. Correct where the
    displacement less a global drift stays below half the distance of nearest neighbours.

    - Features of one kind are linked with each other; a pore and a fracture where one became the other.
    - `split`: all links of a parent with several children; `merge`: all links of a child with several parents, where no split.
    - `swallowed`: from an inclusion or pore without any other link to the fracture that covers or touches it.

    Parameters
    ----------
    a, b : ScanSide
    max_drift : float, optional
        Largest global drift looked for, um; half the extent along each axis by default.
    said : Said, optional
        Links given by a file or a person; events follow from all links together.

    Raises
    ------
    InputError
        If the scans differ in voxel size, or features and labels in number.
    """
    _check(a, b)
    if not a.n or not b.n:
        which = "both scans are" if not (a.n or b.n) else f"the {'later' if a.n else 'earlier'} scan is"
        return Links(_table(_no_edges(), a, b, None), pa.table({name: np.zeros(0) for name in _FIELD}), (f"{which} empty",))
    said = said or Said()
    if said.given is not None:
        i, j = _indices(a, b, said.given[0])
        known = follow(a, b, i, j)
        overlaps = displaced(a, b, known.field)
        edges = replace(_no_edges().plus(i, j, _overlap_cost(a, b, overlaps, i, j)), confidence=said.given[1])
        doubts = _doubts_of_given(known)
        grid = known.material.to_table()
        edges = _corrected(a, b, overlaps, edges, said)
        return Links(_table(edges, a, b, overlaps), grid[:0] if doubts or not known.support else grid, doubts)
    known = register(a, b, max_drift)
    predicted = a.position + known.field.at(a.position)
    overlaps = displaced(a, b, known.field)
    if refusal := _unregistered(a, b, known):
        edges = _corrected(a, b, overlaps, _no_edges(), said)
        return Links(_table(edges, a, b, overlaps), known.field.to_table().slice(0, 0), (refusal,), registered=False)
    edges, _ = _found(a, b, predicted, overlaps, known)
    edges = _with_fractures(a, b, overlaps, edges, known)
    doubts = _doubts(a, b, predicted, edges, known)
    grid = known.material.to_table()
    edges = _corrected(a, b, overlaps, edges, said)
    return Links(_table(edges, a, b, overlaps), grid.slice(0, 0) if doubts else grid, doubts)


@dataclass(frozen=True, eq=False)
class Judged:
    """Links found between features other than fractures: those of the one-to-one matching, then those that splits and merges add.

    Attributes
    ----------
    a, b : (k,) int64
        Indices (label - 1).
    matched, added : (n, 10) and (k - n, 6)
        What is known of each, as `confidence` takes it.
    """

    a: Ints
    b: Ints
    matched: Floats
    added: Floats


def judge(a: ScanSide, b: ScanSide) -> Judged:
    """Find the links of two scans with what their confidence rests on; for calibrating it."""
    known = register(a, b, None)
    predicted = a.position + known.field.at(a.position)
    edges, (matched, added) = _found(a, b, predicted, displaced(a, b, known.field), known)
    return Judged(edges.a, edges.b, matched, added)


@dataclass(frozen=True, eq=False)
class _Edges:
    a: Ints
    b: Ints
    cost: Floats
    confidence: Floats
    swallowed: NDArray[np.bool_]

    def plus(self, a: Ints, b: Ints, cost: Floats, *, swallowed: bool = False) -> _Edges:
        return _Edges(
            np.r_[self.a, a], np.r_[self.b, b], np.r_[self.cost, cost], np.r_[self.confidence, np.full(len(a), np.nan)],
            np.r_[self.swallowed, np.full(len(a), swallowed)],
        )  # fmt: skip

    def chosen(self, which: NDArray[np.bool_] | Ints) -> _Edges:
        return _Edges(*(getattr(self, name)[which] for name in ("a", "b", "cost", "confidence", "swallowed")))


def _corrected(a: ScanSide, b: ScanSide, overlaps: Overlaps, edges: _Edges, said: Said) -> _Edges:
    """Without the removed pairs, and with the added ones that are not there."""
    gone = np.isin(edges.a * b.n + edges.b, _keys(a, b, said.removed))
    kept = edges.chosen(~gone)
    new = np.setdiff1d(_keys(a, b, said.added), kept.a * b.n + kept.b)
    return kept.plus(new // b.n, new % b.n, _overlap_cost(a, b, overlaps, new // b.n, new % b.n))


def _keys(a: ScanSide, b: ScanSide, pairs: Ints) -> Ints:
    i, j = _indices(a, b, pairs)
    return i * b.n + j


def _indices(a: ScanSide, b: ScanSide, pairs: Ints) -> tuple[Ints, Ints]:
    """Indices (label - 1) of pairs of labels as the sides name them."""
    i, j = (pairs[:, k] - 1 if side.names is None else np.searchsorted(side.names, pairs[:, k]) for k, side in enumerate((a, b)))
    return i.astype(np.int64), j.astype(np.int64)


def _no_edges() -> _Edges:
    none = np.zeros(0, np.int64)
    return _Edges(none, none, np.zeros(0), np.zeros(0), np.zeros(0, np.bool_))


def _branch(a: ScanSide, b: ScanSide, predicted: Floats, overlaps: Overlaps, found: Pairs, tolerance: float) -> _Edges:
    edges = _no_edges().plus(found.a, found.b, found.cost)
    names = np.unique(np.concatenate([a.kind.astype(str), b.kind.astype(str)]))
    group_a, group_b = (
        Group(position, s.volume, s.reach, np.where(s.is_fracture, -1, np.searchsorted(names, s.kind.astype(str))))
        for position, s in ((predicted, a), (b.position, b))
    )
    child, parent = np.full(a.n, -1, np.int64), np.full(b.n, -1, np.int64)
    child[found.a], parent[found.b] = found.b, found.a
    of_b, of_a = overlaps.voxels / b.voxels[overlaps.b], overlaps.voxels / a.voxels[overlaps.a]
    split_a, split_b = branches(group_a, group_b, child, (overlaps.a, overlaps.b, of_b), tolerance)
    merge_b, merge_a = branches(group_b, group_a, parent, (overlaps.b, overlaps.a, of_a), tolerance)
    # The same pair may come from both sides where neither feature had a match.
    pair = np.unique(np.r_[split_a * b.n + split_b, merge_a * b.n + merge_b])
    i, j = pair // b.n, pair % b.n
    return edges.plus(i, j, _overlap_cost(a, b, overlaps, i, j))


def _found(
    a: ScanSide, b: ScanSide, predicted: Floats, overlaps: Overlaps, known: Registration
) -> tuple[_Edges, tuple[Floats, Floats]]:
    """Links of features other than fractures, and the terms of their confidence: of matched ones, and of those added to them."""
    # Where no displacement was found, features may have moved by about their size.
    unknown = 0.0 if known.support else 2 * float(np.median(a.radius))
    tolerance = max(2.5 * a.voxel, 5 * known.residual, unknown)
    most = max(2 * tolerance, 0.75 * known.spacing if np.isfinite(known.spacing) else 2 * tolerance)
    tolerance = min(tolerance, most)
    possible = candidates(a, b, predicted, overlaps, tolerance, most)
    found = match(possible)
    edges = _branch(a, b, predicted, overlaps, found, tolerance)
    n = len(found.a)
    at, off = a.position[edges.a], b.position[edges.b] - predicted[edges.a]
    scale = known.spacing if np.isfinite(known.spacing) else a.voxel
    own, around = (disagreement / scale for disagreement in agreement(at, off, n))
    matched = matched_terms(found.cost, margins(possible, found), own[:n], around[:n])
    added = added_terms(edges.cost[n:], own[n:], around[n:])
    if known.support and np.isfinite(known.spacing):
        voxels = a.labels is not None and b.labels is not None
        given = np.concatenate([probability(matched, MATCHED[voxels]), probability(added, ADDED[voxels])])
        edges = replace(edges, confidence=given)
    return edges, (matched, added)


def _with_fractures(a: ScanSide, b: ScanSide, overlaps: Overlaps, edges: _Edges, known: Registration) -> _Edges:
    i, j = fractures.fracture_links(a, b, overlaps)
    edges = edges.plus(i, j, _overlap_cost(a, b, overlaps, i, j))

    def free() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return np.bincount(edges.a, minlength=a.n) == 0, np.bincount(edges.b, minlength=b.n) == 0

    i, j = fractures.changed_kind(a, b, overlaps, *free())
    edges = edges.plus(i, j, _overlap_cost(a, b, overlaps, i, j))
    free_a, free_b = free()
    # A crack thinner than the error of the field may miss itself: then its nearest free fracture stands for it.
    i, j = fractures.touching(a, b, free_a & a.is_fracture, free_b & b.is_fracture, known.field)
    edges = edges.plus(i, j, _overlap_cost(a, b, overlaps, i, j))
    i, j = fractures.swallowed(a, b, overlaps, free()[0], known.field)
    return edges.plus(i, j, _overlap_cost(a, b, overlaps, i, j), swallowed=True)


def _overlap_cost(a: ScanSide, b: ScanSide, overlaps: Overlaps, i: Ints, j: Ints) -> Floats:
    return np.asarray(1 - overlaps.of(i, j) / np.minimum(a.voxels[i], b.voxels[j]), dtype=np.float64)


def _table(edges: _Edges, a: ScanSide, b: ScanSide, overlaps: Overlaps | None) -> pa.Table:
    edges = edges.chosen(np.lexsort([edges.b, edges.a]))
    i, j, swallowed = edges.a, edges.b, edges.swallowed
    shared = overlaps.of(i, j) if overlaps is not None else np.zeros(0, np.int64)
    union = a.voxels[i] + b.voxels[j] - shared if len(i) else np.ones(0)
    children = np.bincount(i[~swallowed], minlength=a.n)
    parents = np.bincount(j[~swallowed], minlength=b.n)
    event = np.full(len(i), "continue", dtype=object)
    event[parents[j] > 1] = "merge"
    event[children[i] > 1] = "split"
    event[swallowed] = "swallowed"
    return pa.table({
        "source": pa.array(a.name(i), pa.int64()),
        "target": pa.array(b.name(j), pa.int64()),
        "overlap": pa.array(shared, pa.int64()),
        "iou": pa.array(shared / union, pa.float64()),
        "cost": pa.array(edges.cost, pa.float64()),
        "confidence": pa.array(edges.confidence, pa.float64(), from_pandas=True),
        "event": pa.array(event, pa.string()),
    })  # fmt: skip


def _unregistered(a: ScanSide, b: ScanSide, known: Registration) -> str:
    """Why the two scans cannot be registered; empty where they can, or have too few features to tell."""
    fewer = min(int((~a.is_fracture).sum()), int((~b.is_fracture).sum()))
    near = known.held_out <= MOST_ERROR * known.spacing
    if fewer < _ENOUGH or known.support >= (_CHANCE_SUPPORT if near else _UNREGISTERED_SUPPORT) * fewer:
        return ""
    return (
        f"the scans cannot be registered: the best displacement puts only {known.support} of {fewer} features near one of the "
        f"other scan, {known.held_out:.3g} um (median) off where {known.spacing:.3g} um lie between neighbours. No links are "
        "made. Check that both are scans of one sample, their order, the voxel size, the order and direction of the axes and the "
        f"segmentation{''.join(f'; {text}' for text in hint(a, b))}"
    )


def _doubts(a: ScanSide, b: ScanSide, predicted: Floats, edges: _Edges, known: Registration) -> tuple[str, ...]:
    doubts = []
    inside = ~a.is_fracture & ~a.border & ((predicted >= 0) & (predicted <= b.extent)).all(axis=1)
    linked = np.bincount(edges.a, minlength=a.n) > 0
    n, n_linked = int(inside.sum()), int((inside & linked).sum())
    if n and n_linked < LEAST_LINKED * n:
        doubts.append(
            f"only {n_linked} of {n} features inside both scans are linked: the displacement may be wrong; "
            "check the voxel size, the order of the scans, the order and direction of the axes, or set the largest drift"
        )
    whole = int((~a.is_fracture & ~a.border).sum())
    if n < _LEAST_INSIDE * whole:
        doubts.append(
            f"only {n} of {whole} features stay inside the scan at the displacement found: it may be wrong; set the largest drift"
        )
    if known.held_out > MOST_ERROR * known.spacing:
        doubts.append(
            f"features lie {known.held_out:.3g} um (median) from where their neighbours' links put them, which is not small "
            f"against the {known.spacing:.3g} um between neighbours: links may be exchanged"
        )
    if not known.support:
        doubts.append("too few features other than fractures to find a displacement: none is assumed")
    else:
        fewer = min(int((~a.is_fracture).sum()), int((~b.is_fracture).sum()))
        if known.support < max(FEWEST, _LEAST_SUPPORT * fewer):
            doubts.append(f"the displacement rests on {known.support} of {fewer} features only")
    return (*doubts, *hint(a, b)) if doubts else ()


def _doubts_of_given(known: Registration) -> tuple[str, ...]:
    """Links by the labels of other scans lead anywhere: no smooth displacement explains them."""
    if known.support < FEWEST or known.held_out <= MOST_ERROR * known.spacing:
        return ()
    return (
        f"the links given lie {known.held_out:.3g} um (median) from a smooth displacement, which is not small against the "
        f"{known.spacing:.3g} um between neighbours: check that their labels are those of these scans. No displacement is stored",
    )


def _check(a: ScanSide, b: ScanSide) -> None:
    if not np.allclose(a.steps, b.steps, rtol=1e-6):
        raise InputError(f"the scans have voxel sizes {a.spacing} and {b.spacing} um: scans of one sample must have the same")
    for which, side in (("earlier", a), ("later", b)):
        if side.labels is None:
            continue
        label = np.sort(side.features["label"].to_numpy())
        if side.labels.n != side.n or not np.array_equal(label, np.arange(1, side.n + 1)):
            raise InputError(f"the {which} scan has labels 1 to {side.labels.n}, but {side.n} features: they must be the same")
