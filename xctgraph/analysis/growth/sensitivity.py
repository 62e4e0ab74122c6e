"""Whether the conclusion depends on what was chosen: radius, threshold of advance, lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from xctgraph.analysis.growth.primary import LEVEL, ShiftTest, prepare
from xctgraph.analysis.growth.sites import Bools, Floats, Ints, Sites
from xctgraph.store.errors import InputError


@dataclass(frozen=True)
class Choice:
    """Result under one choice: hazard ratio, p, and p corrected for all radii of a scan (NaN outside one)."""

    radius_um: float
    threshold_um: float
    share: float
    lag: int
    effect: float
    p: float
    p_corrected: float = float("nan")

    @property
    def verdict(self) -> int:
        """1 toward, -1 away from, 0 neither told at 5 %."""
        return 0 if self.p >= LEVEL else (1 if self.effect > 1 else -1)


def scan_radii(
    sites: Sites, densities: Mapping[float, Floats], threshold: float, share: float, *, seed: int, n_shifts: int
) -> list[Choice]:
    """The primary test at several radii, each p corrected for all of them.

    The same shifts serve all radii; a corrected p is the share of shifts whose largest |z| over the radii reaches the radius' own
    (maxT: P. H. Westfall, S. S. Young, Resampling-Based Multiple Testing, 1993). Radii without any defect ahead are left out.

    Parameters
    ----------
    sites : Sites
    densities : mapping
        Density ahead (n,) by radius, micrometres.
    threshold, share : float
        By which the advance of the sites was judged.
    seed, n_shifts : int
    """
    found, nulls = [], []
    for radius, density in densities.items():
        try:
            ready = prepare(sites.with_density(density))
        except InputError:
            continue
        test = ShiftTest(ready, seed, n_shifts)
        z, null = test.z(ready.null)
        found.append((radius, float(np.exp(test.effect())), test.p(ready.null), abs(z)))
        nulls.append(np.abs(null))
    largest = np.max(nulls, axis=0) if nulls else np.zeros(0)
    return [
        Choice(radius, threshold, share, 1, effect, p, float((1 + (largest >= z - 1e-12).sum()) / (n_shifts + 1)))
        for radius, effect, p, z in found
    ]


def other_choices(
    sites: Sites, radius: float, rules: Sequence[tuple[float, float, int]], *, seed: int, n_shifts: int
) -> list[Choice]:
    """The primary test under other rules: threshold of advance, share of the front left behind, pairs of scans (`after`).

    What cannot be tested is left out.
    """
    found = []
    for threshold, share, lag in rules:
        try:
            ready = prepare(after(sites, lag).judged(threshold, share))
        except InputError:
            continue
        test = ShiftTest(ready, seed, n_shifts)
        found.append(Choice(radius, threshold, share, lag, float(np.exp(test.effect())), test.p(ready.null)))
    return found


def after(sites: Sites, lag: int) -> Sites:
    """Sites with their advance over `lag` pairs of scans, that of later scans being that of the nearest site of the fracture."""
    total = sites.advance.copy()
    at, here = np.arange(len(sites)), np.ones(len(sites), np.bool_)
    for _ in range(lag - 1):
        following, found = _nearest_later(sites)
        here &= found[at]
        at = following[at]
        total += sites.advance[at]
    return replace(sites, advance=total).take(here)


def _nearest_later(sites: Sites) -> tuple[Ints, Bools]:
    """Nearest site of the same fracture in the next scan of it, and whether there is one."""
    following, found = np.arange(len(sites)), np.zeros(len(sites), np.bool_)
    for fracture in np.unique(sites.fracture):
        scans = np.unique(sites.t[sites.fracture == fracture])
        for t, later in pairwise(scans):
            mine = np.flatnonzero((sites.fracture == fracture) & (sites.t == t))
            theirs = np.flatnonzero((sites.fracture == fracture) & (sites.t == later))
            following[mine] = theirs[cKDTree(sites.position[theirs]).query(sites.position[mine])[1]]
            found[mine] = True
    return following, found
