"""Sites of fracture fronts as arrays: what every test of growth is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EVERYWHERE = 0.9
"""Share of a front above which it counts as having moved everywhere."""


@dataclass(frozen=True)
class Sites:
    """Front sites whose advance until the next scan is known; row i of every array is site i.

    Attributes
    ----------
    fracture : (n,) int
        Number of the fracture (its track), from 0.
    front : (n,) int
        Number of the piece of front (one fracture, scan, patch and polyline), from 0: sites are compared within it alone.
    t : (n,) int
        Scan.
    position, direction : (n, 3) float
        z, y, x in micrometres and the outward unit vector, both in one frame.
    arc : (n,) float
        Position along the piece of front, micrometres.
    length : (n,) float
        Length of front that the site stands for, micrometres; its weight.
    density : (n,) float
        Volume fraction of defects ahead.
    surface_distance, opening, curvature : (n,) float
        Micrometres, micrometres, 1/micrometre; NaN where unknown.
    advance : (n,) float
        Advance until the next scan, micrometres.
    advanced : (n,) bool
    """

    fracture: Ints
    front: Ints
    t: Ints
    position: Floats
    direction: Floats
    arc: Floats
    length: Floats
    density: Floats
    surface_distance: Floats
    opening: Floats
    curvature: Floats
    advance: Floats
    advanced: Bools

    def __len__(self) -> int:
        return len(self.front)

    def take(self, chosen: Bools) -> Self:
        """The chosen sites; fractures and fronts are numbered anew."""
        arrays = {name: getattr(self, name)[chosen] for name in self.__dataclass_fields__}
        for name in ("fracture", "front"):
            arrays[name] = np.unique(arrays[name], return_inverse=True)[1].astype(np.int64)
        return replace(self, **arrays)

    def with_density(self, density: Floats) -> Self:
        """The same sites with another density ahead (n,)."""
        return replace(self, density=density)

    def judged(self, threshold: float, share: float) -> Self:
        """The same sites, advanced where they moved by at least `threshold`.

        Of a front of which more than 90 % moved, only those have advanced that moved farther than `share` of it: else it would
        have next to no contrast, however much faster it was in some places. Of other fronts this is not asked. Sites that moved,
        but less far than half, are no sites that stayed; to count them as such draws the ratio of hazards toward 1. Neither rule
        depends on where along its front a site lies.
        """
        return replace(self, advanced=judged(self.advance, self.front, threshold, share))

    def contrasting(self) -> Self:
        """The sites of fronts of which some sites advanced and others did not; the others say nothing of where a front goes."""
        n = np.bincount(self.front, minlength=1)
        moved = np.bincount(self.front, self.advanced, minlength=1)
        return self.take(((moved > 0) & (moved < n))[self.front])


def judged(advance: Floats, front: Ints, threshold: float, share: float) -> Bools:
    """Which sites count as advanced, as in `Sites.judged`: `advance` (n,) in micrometres, `front` (n,) numbered from 0."""
    moved = advance >= threshold
    limit = np.full(int(front.max(initial=-1)) + 1, -np.inf)
    for number in np.unique(front):
        member = front == number
        if share > 0 and moved[member].mean() > EVERYWHERE:
            limit[number] = np.quantile(advance[member], share)
    return moved & (advance > limit[front])
