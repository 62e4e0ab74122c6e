"""Where sites lie along their fronts: in which order, turned to one sense in all scans of a fracture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.growth.sites import Floats, Ints, Sites


@dataclass(frozen=True)
class Along:
    """Sites along the front.

    Attributes
    ----------
    pieces : list of list of (m,) int
        For each fracture, for each piece of front, its sites in their order along the front.
    coordinate : (n,) float
        Position on the longest axis of the fracture's front, micrometres.
    axes : (fractures, 3) float
        That axis, a unit vector.
    """

    pieces: list[list[Ints]]
    coordinate: Floats
    axes: Floats


def along(sites: Sites) -> Along:
    """Lay out the sites along the fronts.

    Open pieces run up the longest axis of their fracture's front. Closed ones begin where they face it, and run toward the
    second longest.
    """
    coordinate = np.empty(len(sites))
    pieces, axes = [], []
    for number in range(int(sites.fracture.max()) + 1):
        member = np.flatnonzero(sites.fracture == number)
        unordered = [member[sites.front[member] == front] for front in np.unique(sites.front[member])]
        ordered = [piece[np.argsort(sites.arc[piece], kind="stable")] for piece in unordered]
        axis, across = _axes(sites.position, ordered)
        pieces.append([_turned(piece, sites, axis, across) for piece in ordered])
        coordinate[member] = (sites.position[member] - sites.position[member].mean(axis=0)) @ axis
        axes.append(axis)
    return Along(pieces, coordinate, np.array(axes))


def _axes(position: Floats, pieces: list[Ints]) -> tuple[Floats, Floats]:
    """The two longest axes of the pieces of front, each about its own middle."""
    scatter = np.zeros((3, 3))
    for piece in pieces:
        place = position[piece] - position[piece].mean(axis=0)
        scatter += place.T @ place
    vectors = np.linalg.eigh(scatter)[1]
    return vectors[:, 2], vectors[:, 1]


def _turned(piece: Ints, sites: Sites, axis: Floats, across: Floats) -> Ints:
    place = sites.position[piece] - sites.position[piece].mean(axis=0)
    if not _closed(place, sites.length[piece]):
        return piece if (place[-1] - place[0]) @ axis >= 0 else piece[::-1]
    angle = np.unwrap(np.arctan2(place @ across, place @ axis))
    start = int(np.abs(np.angle(np.exp(1j * angle))).argmin())
    around = np.roll(piece, -start)
    return around if angle[-1] >= angle[0] else np.roll(around[::-1], 1)


def _closed(place: Floats, length: Floats) -> bool:
    """Whether the last site of a piece is as near to the first as neighbours are."""
    return len(place) > 7 and float(np.linalg.norm(place[0] - place[-1])) < 2.0 * float(length.mean())
