"""Splits, and merges as splits read backwards: unmatched features that complete a matched one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.proximity.pairs import best_mutual, pairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROUNDS = 3
_MOST_RATIO = 0.5
_GAIN = 4.0
_RATIO_DEVIATION = 0.2
_COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Group:
    """Features in the frame of the later scan: position (n, 3), volume, reach, kind code (n,); of kind -1 take no part."""

    position: Floats
    volume: Floats
    reach: Floats
    kind: Ints


def branches(whole: Group, part: Group, held: Ints, shared: tuple[Ints, Ints, Floats], tolerance: float) -> tuple[Ints, Ints]:
    """Parts that belong to a whole besides the one it is matched with.

    A free part is taken by a whole of its kind if at least half of it lies within the whole, or if with it all parts together
    resemble the whole better: (distance of centroids / (`tolerance` / 2.5))^2 + (log volume ratio / 0.2)^2 falls by 4, while
    |log ratio| is at most 0.5 and the distance at most `tolerance` + 0.3 of the whole's reach. A whole without a match may
    take two free parts at once by the same test.

    Parameters
    ----------
    whole, part : Group
    held : (n,) int64
        Index of the part that each whole is matched with, -1 for none.
    shared
        Indices of whole and part, and the share of the part that lies within the whole.
    tolerance : float, um

    Returns
    -------
    whole, part : (k,) int64
        Added pairs.
    """
    matched = np.flatnonzero(held >= 0)
    free = part.kind >= 0
    free[held[matched]] = False
    volume, moment = np.zeros(len(held)), np.zeros((len(held), 3))
    volume[matched] = part.volume[held[matched]]
    moment[matched] = volume[matched, None] * part.position[held[matched]]
    w, p, covered = _candidates(whole, part, free, shared, tolerance)
    within = tolerance + 0.3 * whole.reach
    deviation = tolerance / 2.5
    added: list[tuple[Ints, Ints]] = [_two_at_once(whole, part, w, p, held < 0, within)]
    for new_w, new_p in added:
        free[new_p] = False
        np.add.at(volume, new_w, part.volume[new_p])
        np.add.at(moment, new_w, part.volume[new_p, None] * part.position[new_p])
    for _ in range(_ROUNDS):
        open_ = free[p] & (volume[w] > 0)
        w, p, covered = w[open_], p[open_], covered[open_]
        joint = volume[w] + part.volume[p]
        ratio_before, ratio = np.abs(np.log(volume[w] / whole.volume[w])), np.abs(np.log(joint / whole.volume[w]))
        centre_before = moment[w] / volume[w, None]
        centre = (moment[w] + part.volume[p, None] * part.position[p]) / joint[:, None]
        off_before = np.linalg.norm(centre_before - whole.position[w], axis=1)
        off = np.linalg.norm(centre - whole.position[w], axis=1)
        error_before = (off_before / deviation) ** 2 + (ratio_before / _RATIO_DEVIATION) ** 2
        error = (off / deviation) ** 2 + (ratio / _RATIO_DEVIATION) ** 2
        completes = (ratio <= _MOST_RATIO) & (off <= within[w]) & (error < error_before - _GAIN)
        good = completes | (covered >= _COVERED)
        score = off / within[w] + 2 * ratio - 2 * covered
        chosen = np.flatnonzero(good)
        chosen = chosen[best_mutual(len(held), len(free), w[good], p[good], score[good])]
        if not len(chosen):
            break
        new_w, new_p = w[chosen], p[chosen]
        added.append((new_w, new_p))
        free[new_p] = False
        volume[new_w] += part.volume[new_p]
        moment[new_w] += part.volume[new_p, None] * part.position[new_p]
    return np.concatenate([x for x, _ in added]), np.concatenate([y for _, y in added])


def _candidates(
    whole: Group, part: Group, free: Bools, shared: tuple[Ints, Ints, Floats], tolerance: float
) -> tuple[Ints, Ints, Floats]:
    of = np.flatnonzero(free)
    most = float(np.max(whole.reach[whole.kind >= 0], initial=0.0) + np.max(part.reach[of], initial=0.0)) + 2 * tolerance
    w, k, distance = pairs(whole.position, part.position[of], most)
    p = of[k]
    close = distance <= whole.reach[w] + part.reach[p] + 2 * tolerance
    n = max(len(part.volume), 1)
    inside = free[shared[1]]
    key = np.unique(np.r_[w[close] * n + p[close], shared[0][inside] * n + shared[1][inside]])
    w, p = key // n, key % n
    alike = (whole.kind[w] == part.kind[p]) & (whole.kind[w] >= 0)
    key, w, p = key[alike], w[alike], p[alike]
    covered = np.zeros(len(w))
    known = shared[0] * n + shared[1]
    place = np.searchsorted(key, known)
    hit = np.flatnonzero(place < len(key))
    hit = hit[key[place[hit]] == known[hit]]
    covered[place[hit]] = shared[2][hit]
    return w, p, covered


def _two_at_once(whole: Group, part: Group, w: Ints, p: Ints, lonely: Bools, within: Floats) -> tuple[Ints, Ints]:
    """Two free parts for each whole without a match, where no other whole or pair wants one of them more."""
    open_ = lonely[w]
    w, p = w[open_], p[open_]
    counts = np.bincount(w, minlength=len(lonely))
    first = np.repeat(np.arange(len(w)), counts[w])
    start = np.r_[0, np.cumsum(counts)][w]
    second = np.repeat(start, counts[w]) + np.arange(len(first)) - np.repeat(np.cumsum(counts[w]) - counts[w], counts[w])
    first, second = first[first < second], second[first < second]
    x, i, j = w[first], p[first], p[second]
    joint = part.volume[i] + part.volume[j]
    centre = (part.volume[i, None] * part.position[i] + part.volume[j, None] * part.position[j]) / joint[:, None]
    off, ratio = np.linalg.norm(centre - whole.position[x], axis=1), np.abs(np.log(joint / whole.volume[x]))
    good = (ratio <= _MOST_RATIO) & (off <= within[x])
    x, i, j, score = x[good], i[good], j[good], (off / within[x] + 2 * ratio)[good]
    best_whole, best_part = np.full(len(lonely), np.inf), np.full(len(part.volume), np.inf)
    np.minimum.at(best_whole, x, score)
    np.minimum.at(best_part, np.r_[i, j], np.r_[score, score])
    best = (score <= best_whole[x]) & (score <= best_part[i]) & (score <= best_part[j])
    return np.r_[x[best], x[best]], np.r_[i[best], j[best]]
