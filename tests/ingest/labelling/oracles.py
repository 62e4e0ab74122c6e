"""What the labelling must give, by other means: cc3d, numpy, scipy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cc3d
import hypothesis.strategies as st
import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling import Labelled, Slab, label

Array = NDArray[Any]


@st.composite
def class_volumes(draw: st.DrawFn, largest: int = 11) -> Array:
    """Volumes of up to three classes: 1-voxel, 1-slice and 1-row ones, sparse to full."""
    shape = tuple(draw(st.lists(st.integers(1, largest), min_size=3, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.03, 0.2, 0.5, 0.8, 1.0]))
    n_classes = draw(st.integers(1, 3))
    return ((rng.random(shape) < share) * rng.integers(1, n_classes + 1, shape)).astype(np.uint8)


def renumbered(labels: Array) -> Array:
    """Labels by the rank of their first voxel in C order."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    found = np.flatnonzero(values != 0)
    rank = np.zeros(len(values), np.int64)
    rank[found[np.argsort(first[found])]] = np.arange(1, len(found) + 1)
    return rank[inverse].reshape(labels.shape)


def components(classes: Array, connectivity: int, min_voxels: int = 1) -> Array:
    """Label volume by cc3d, small components dropped, renumbered by first voxel."""
    found = cc3d.connected_components(np.ascontiguousarray(classes), connectivity=connectivity)
    sizes = np.bincount(found.ravel())
    sizes[0] = 0
    return renumbered(np.where(sizes[found] >= min_voxels, found, 0))


def cut(height: int, **arrays: Array) -> Iterator[Slab]:
    """Slabs of `height` slices of the given volumes."""
    n_z = len(next(iter(arrays.values())))
    for z in range(0, n_z, height):
        yield Slab(z, **{name: array[z : z + height] for name, array in arrays.items()})


def label_volume(arrays: dict[str, Array], height: int | None = None, **options: int) -> Labelled:
    """Label whole arrays in slabs of `height` slices, or in one."""
    shape = next(iter(arrays.values())).shape
    return label(cut(height or shape[0], **arrays), shape, **options)


def painted(labelled: Labelled) -> Array:
    """The label volume."""
    n_z, n_y, n_x = labelled.labels.shape
    return labelled.labels.crop(0, n_z, 0, n_y, 0, n_x)


def everything(labelled: Labelled) -> dict[str, Array]:
    """All arrays of a result, to be compared bit for bit."""
    arrays = {name: getattr(labelled.labels, name) for name in ("z", "y", "x_start", "x_stop", "label")}
    arrays |= {name: getattr(labelled, name) for name in ("class_code", "source_label", "border_touching")}
    arrays |= labelled.moments._asdict()
    return arrays | (labelled.grey._asdict() if labelled.grey is not None else {})
