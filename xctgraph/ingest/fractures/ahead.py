"""What lies ahead of points of a front: material, defects and the gaps to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.fractures.columns import Floats, Ints
from xctgraph.ingest.fractures.surroundings import Surroundings
from xctgraph.store.jit import njit

NOTHING, DEFECT, FRACTURE = 0, 1, 2


class Ahead(NamedTuple):
    """What sites see.

    `volume` of material and `defects`, (n,), um^3, in the half-ball of each; `site`, `label`, `gap` (um) and `direction` (k, 3)
    of the pairs of a site and a defect ahead, by site and label.
    """

    volume: Floats
    defects: Floats
    site: Ints
    label: Ints
    gap: Floats
    direction: Floats

    @property
    def density(self) -> Floats:
        """Volume fraction of defects (n,); NaN without material."""
        return np.asarray(np.divide(self.defects, self.volume, out=np.full(len(self.volume), np.nan), where=self.volume > 0))


def roles(label: Ints, fracture: NDArray[np.bool_], labels: int) -> NDArray[np.int8]:
    """What each label of a scan is, (largest label + 1,): FRACTURE or DEFECT; NOTHING where it is no feature.

    Parameters
    ----------
    label, fracture : (n,) int and bool
        Features, and which of them are fractures.
    labels : int
        Largest label that has voxels.
    """
    role = np.zeros(max(labels, int(label.max(initial=0))) + 1, np.int8)
    role[label] = np.where(fracture, FRACTURE, DEFECT)
    return role


def ahead(points: Floats, direction: Floats, radius: float, around: Surroundings, role: NDArray[np.int8]) -> Ahead:
    """Look into the half-balls ahead of sites.

    Counted are voxels with their centres in the half-ball: |p - site| <= radius and (p - site) . direction >= 0. What was not
    read, is no material or is fracture does not count as material.

    Parameters
    ----------
    points, direction : (n, 3), um and unit vectors
    radius : float, um
    around : Surroundings
    role : (labels + 1,) int8
        NOTHING, DEFECT or FRACTURE by label.
    """
    labels, material = around.labels, around.material or around.labels
    box = np.array(around.box, dtype=np.int64)
    arrays = (
        np.ascontiguousarray(points), np.ascontiguousarray(direction), float(radius), np.array(around.spacing), box,
        labels.shape[1], labels.row_offsets, labels.x_start, labels.x_stop, labels.label, role,
        around.material is not None, material.row_offsets, material.x_start, material.x_stop,
    )  # fmt: skip
    volume, defects, site, label, gap, towards = _look(*arrays)
    voxel = float(np.prod(around.spacing))
    order = np.lexsort((label, site))
    return Ahead(volume * voxel, defects * voxel, site[order], label[order], gap[order], towards[order])


def count_ahead(points: Floats, direction: Floats, radius: float, centroids: Floats) -> Ints:
    """Number of centroids (m, 3) in the half-ball ahead of each of the points (n, 3), all um."""
    if not len(points) or not len(centroids):
        return np.zeros(len(points), np.int64)
    pairs = cKDTree(points).sparse_distance_matrix(cKDTree(centroids), radius, output_type="ndarray")
    site, defect = pairs["i"], pairs["j"]
    forward = ((centroids[defect] - points[site]) * direction[site]).sum(axis=1) >= 0
    return np.bincount(site[forward], minlength=len(points))


@njit
def _look(
    points: Floats,
    direction: Floats,
    radius: float,
    spacing: Floats,
    box: Ints,
    n_y: int,
    offsets: Ints,
    x_start: NDArray[np.int32],
    x_stop: NDArray[np.int32],
    label: NDArray[np.int32],
    role: NDArray[np.int8],
    masked: bool,
    m_offsets: Ints,
    m_start: NDArray[np.int32],
    m_stop: NDArray[np.int32],
) -> tuple[Floats, Floats, Ints, Ints, Floats, Floats]:
    n = len(points)
    volume, defects = np.zeros(n), np.zeros(n)
    best = np.full(len(role), np.inf)
    towards = np.zeros((len(role), 3))
    seen = np.zeros(len(role), np.int64)
    size = 1024
    site_of, label_of, gap_of, way_of = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size), np.zeros((size, 3))
    count = 0
    for i in range(n):
        n_seen = 0
        z0 = max(box[0, 0], int(np.ceil((points[i, 0] - radius) / spacing[0])))
        z1 = min(box[0, 1] - 1, int(np.floor((points[i, 0] + radius) / spacing[0])))
        for z in range(z0, z1 + 1):
            pz = z * spacing[0] - points[i, 0]
            half = np.sqrt(max(0.0, radius * radius - pz * pz))
            y0 = max(box[1, 0], int(np.ceil((points[i, 1] - half) / spacing[1])))
            y1 = min(box[1, 1] - 1, int(np.floor((points[i, 1] + half) / spacing[1])))
            for y in range(y0, y1 + 1):
                py = y * spacing[1] - points[i, 1]
                chord = radius * radius - pz * pz - py * py
                if chord < 0.0:
                    continue
                low, high = -np.sqrt(chord), np.sqrt(chord)
                known = direction[i, 0] * pz + direction[i, 1] * py
                slope = direction[i, 2]
                if abs(slope) < 1e-12:
                    if known < 0.0:
                        continue
                elif slope > 0.0:
                    low = max(low, -known / slope)
                else:
                    high = min(high, -known / slope)
                a = max(box[2, 0], int(np.ceil((points[i, 2] + low) / spacing[2])))
                b = min(box[2, 1], int(np.floor((points[i, 2] + high) / spacing[2])) + 1)
                if a >= b:
                    continue
                row = z * n_y + y
                if masked:
                    run = m_offsets[row] + np.searchsorted(m_stop[m_offsets[row] : m_offsets[row + 1]], a, side="right")
                    while run < m_offsets[row + 1] and m_start[run] < b:
                        volume[i] += min(b, m_stop[run]) - max(a, m_start[run])
                        run += 1
                else:
                    volume[i] += b - a
                run = offsets[row] + np.searchsorted(x_stop[offsets[row] : offsets[row + 1]], a, side="right")
                while run < offsets[row + 1] and x_start[run] < b:
                    first, last = max(a, x_start[run]), min(b, x_stop[run])
                    k = label[run]
                    if role[k] == 2:
                        volume[i] -= last - first
                    elif role[k] == 1:
                        defects[i] += last - first
                        x = min(max(int(np.rint(points[i, 2] / spacing[2])), first), last - 1)
                        px = x * spacing[2] - points[i, 2]
                        square = pz * pz + py * py + px * px
                        if square < best[k]:
                            if best[k] == np.inf:
                                seen[n_seen] = k
                                n_seen += 1
                            best[k] = square
                            towards[k, 0], towards[k, 1], towards[k, 2] = pz, py, px
                    run += 1
        if count + n_seen > size:
            larger = 2 * (count + n_seen)
            site_of = np.append(site_of, np.zeros(larger - size, np.int64))
            label_of = np.append(label_of, np.zeros(larger - size, np.int64))
            gap_of = np.append(gap_of, np.zeros(larger - size))
            wide = np.zeros((larger, 3))
            wide[:count] = way_of[:count]
            way_of = wide
            size = larger
        for j in range(n_seen):
            k = seen[j]
            length = np.sqrt(best[k])
            site_of[count], label_of[count], gap_of[count] = i, k, length
            for axis in range(3):
                way_of[count, axis] = towards[k, axis] / length if length > 0.0 else direction[i, axis]
            best[k] = np.inf
            count += 1
    return volume, defects, site_of[:count], label_of[:count], gap_of[:count], way_of[:count]
