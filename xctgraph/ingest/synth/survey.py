"""What was painted in one scan: voxels of every defect, and the connected components they form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.synth.render import DARK, Scan
from xctgraph.ingest.synth.scene import Scene
from xctgraph.ingest.synth.spec import VISIBLE_VOXELS
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

CONNECTIVITY = 26
AMBIGUOUS_GAP = 2.5


class Painted:
    """Sums over the painted voxels by id, 0 to n - 1, fed slab after slab in order."""

    def __init__(self, n: int) -> None:
        self.count = np.zeros(n, np.int64)
        self.sums = np.zeros((n, 3), np.int64)
        self.box = np.zeros((n, 6), np.int64)
        self.first = np.full((n, 3), -1, np.int64)

    def add(self, ids: NDArray[np.int32], scan: Scan, z0: int) -> NDArray[np.uint8]:
        """Take in a painted slab whose first slice inside the halo is `z0`; returns its phases without the halo."""
        halo = scan.halo
        phases = np.zeros([n - 2 * halo for n in ids.shape], np.uint8)
        _survey(ids, halo, z0, scan.phase, phases, self.count, self.sums, self.box, self.first)
        return phases


@dataclass(frozen=True)
class Components:
    """Connected components of one phase; row i is the component i + 1, its label by the rule of the store.

    Attributes
    ----------
    phase : (m,) array
        1 bright, 2 dark.
    fracture : (m,) array
        Whether voxels of a fracture belong to it.
    n_voxels, first, centroid, box
        Voxels (m,), first voxel in C order (m, 3), centroid (m, 3) in voxels, bounding box (m, 6) as min and stop by axis.
    visible : (m,) array
        Whether it has at least `VISIBLE_VOXELS`.
    ambiguous : (m,) array
        Whether it is a pore so close to a fracture that blur may join them, or a lesser part of a fracture: a face of the
        volume may cut off what it has swallowed.
    of : (n + 1 + fractures,) array
        Component of each id: the one with its first voxel; a swallowed defect has that of the fracture, wherever the defect's
        centre is in the volume. 0 where nothing was painted.
    """

    phase: NDArray[np.uint8]
    fracture: NDArray[np.bool_]
    n_voxels: Ints
    first: Ints
    centroid: Array
    box: Ints
    visible: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    of: Ints

    @classmethod
    def gather(cls, scene: Scene, scan: Scan, painted: Painted, labels: Labels, phase: NDArray[np.uint8]) -> Components:
        """Gather the components from their runs, `labels`, and find the one of every defect."""
        n = len(phase)
        of = _labels_at(labels, painted.first)
        gone = np.flatnonzero(scene.defects.alive(scan.t) & (scene.swallowed <= scan.t))
        of[1 + gone] = _labels_at(labels, np.rint(scan.centre[gone]).astype(np.int64))
        parts = [np.append(of[1 + gone[scene.swallowed_by[gone] == id_]], of[id_]) for id_ in scene.fracture_ids]
        length = (labels.x_stop - labels.x_start).astype(np.int64)
        row = labels.label - 1
        count = np.bincount(row, length, n)
        middle = np.stack([labels.z, labels.y, (labels.x_start + labels.x_stop - 1) / 2], axis=1)
        centroid = np.stack([np.bincount(row, length * middle[:, k], n) for k in range(3)], axis=1) / count[:, None]
        low, high = np.full((n, 3), np.iinfo(np.int64).max), np.zeros((n, 3), np.int64)
        for k, (start, stop) in enumerate(((labels.z, labels.z + 1), (labels.y, labels.y + 1), (labels.x_start, labels.x_stop))):
            np.minimum.at(low[:, k], row, start)
            np.maximum.at(high[:, k], row, stop)
        _, run = np.unique(labels.label, return_index=True)
        fracture, lesser = np.zeros(n + 1, np.bool_), np.zeros(n + 1, np.bool_)
        for part in parts:
            fracture[part] = lesser[part] = True
        size = np.append(0, count)
        lesser[[part[np.argmax(size[part])] for part in parts]] = False
        fracture = fracture[1:]
        return cls(
            phase=phase,
            fracture=fracture,
            n_voxels=count.astype(np.int64),
            first=np.stack([labels.z[run], labels.y[run], labels.x_start[run]], axis=1).astype(np.int64),
            centroid=centroid,
            box=np.stack([low, high], axis=2).reshape(n, 6),
            visible=count >= VISIBLE_VOXELS,
            ambiguous=np.where(fracture, lesser[1:], _ambiguous(scene, scan, of, n)),
            of=of,
        )


def _ambiguous(scene: Scene, scan: Scan, of: Ints, n: int) -> NDArray[np.bool_]:
    ambiguous = np.zeros(n + 1, np.bool_)
    defects = slice(1, len(scene.defects) + 1)
    dark = np.flatnonzero((scan.phase[defects] == DARK) & (of[defects] > 0))
    near = scene.fractures.contains(scene.defects.samples(dark, scan.t), scan.t, AMBIGUOUS_GAP).any(axis=1)
    ambiguous[of[defects][dark[near]]] = True
    return ambiguous[1:]


def _labels_at(labels: Labels, voxels: Ints) -> Ints:
    """Labels of voxels (k, 3); 0 for background and beyond the volume."""
    shape = np.asarray(labels.shape)
    inside = ((voxels >= 0) & (voxels < shape)).all(axis=1)
    _, height, width = labels.shape
    row = (labels.z.astype(np.int64) * height + labels.y) * width
    start, stop = row + labels.x_start, row + labels.x_stop
    at = (voxels[:, 0] * height + voxels[:, 1]) * width + voxels[:, 2]
    run = np.searchsorted(start, at, side="right") - 1
    found = np.zeros(len(voxels), np.int64)
    hit = inside & (run >= 0)
    hit[hit] = at[hit] < stop[run[hit]]
    found[hit] = labels.label[run[hit]]
    return found


def slabs(depth: int, height: int) -> Iterator[tuple[int, int]]:
    """First slice and stop of consecutive slabs."""
    return ((z0, min(z0 + height, depth)) for z0 in range(0, depth, height))


@njit
def _survey(
    ids: NDArray[np.int32],
    halo: int,
    z0: int,
    phase: NDArray[np.uint8],
    phases: NDArray[np.uint8],
    count: Ints,
    sums: Ints,
    box: Ints,
    first: Ints,
) -> None:
    depth, height, width = phases.shape
    for k in range(depth):
        for y in range(height):
            for x in range(width):
                i = ids[k + halo, y + halo, x + halo]
                if i == 0:
                    continue
                phases[k, y, x] = phase[i]
                z = z0 + k
                if count[i] == 0:
                    first[i, 0], first[i, 1], first[i, 2] = z, y, x
                    box[i, 0], box[i, 2], box[i, 4] = z, y, x
                count[i] += 1
                sums[i, 0] += z
                sums[i, 1] += y
                sums[i, 2] += x
                box[i, 1] = z + 1
                box[i, 2], box[i, 3] = min(box[i, 2], y), max(box[i, 3], y + 1)
                box[i, 4], box[i, 5] = min(box[i, 4], x), max(box[i, 5], x + 1)
