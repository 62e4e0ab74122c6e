"""What the labelling reads: consecutive slabs of a segmented volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.levels import Levels
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Slab:
    """Slices z0, z0 + 1, … of a volume; every array has shape (slices, n_y, n_x).

    Exactly one of `classes` (0 is background, else the class of the voxel), `instances` (0 is background, else the
    identifier of the voxel's feature), `levels` (the grey values that are features) and `known` (the features of the whole
    volume, numbered by their first voxels) is given. `grey` holds grey values, `material` is true inside the sample; classes
    and instances are 0 outside already, levels are applied inside only. Where features are known, `grey` or `material` says
    how many slices there are; without both the slab is all that are left. `confidence` of the classes or instances is carried
    along; the labelling does not look at it.
    """

    z0: int
    classes: NDArray[np.uint8] | None = None
    instances: NDArray[np.integer] | None = None
    grey: NDArray[np.generic] | None = None
    material: NDArray[np.bool_] | None = None
    levels: Levels | None = None
    known: Labels | None = None
    confidence: NDArray[np.generic] | None = None

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        if self.known is None:
            return len(self.values)
        arrays = [array for array in (self.grey, self.material) if array is not None]
        return len(arrays[0]) if arrays else self.known.shape[0] - self.z0

    @property
    def values(self) -> NDArray[Any]:
        """Classes, instances, or the grey values that the levels apply to, whichever is given."""
        given = [array for array in (self.classes, self.instances, self.grey if self.levels else None) if array is not None]
        if len(given) != 1:
            raise InputError(
                f"the slab at z = {self.z0} must hold either classes or instances, or grey with levels: exactly one of them"
            )
        return given[0]

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of what is given."""
        return tuple(
            name for name in ("classes", "instances", "levels", "known", "grey", "material") if getattr(self, name) is not None
        )


def checked(slabs: Iterable[Slab], shape: Shape, first: int = 0) -> Iterator[Slab]:
    """Pass slabs on, after making sure that together they are all slices of `shape` from `first` on, in order, and alike.

    Raises
    ------
    InputError
        If a slab is out of place, has another shape, holds other arrays than the first one, or the last slices are missing.
    """
    z, stop = first, first + shape[0]
    roles: tuple[str, ...] | None = None
    for slab in slabs:
        roles = roles or slab.roles
        if slab.z0 != z:
            raise InputError(f"a slab starts at z = {slab.z0}, but the next slice is {z}: give consecutive slabs")
        if slab.roles != roles:
            raise InputError(f"the slab at z = {z} holds {slab.roles}, the first one {roles}: all must hold the same arrays")
        size = (slab.n_slices, *shape[1:])
        for role in roles:
            if role in ("levels", "known"):
                continue
            found = getattr(slab, role).shape
            if found != size or z + size[0] > stop:
                raise InputError(f"{role} of the slab at z = {z} has shape {found}, which does not fit a volume of shape {shape}")
        z += size[0]
        yield slab
    if z != stop:
        raise InputError(f"the slabs end at slice {z}, but the volume has {stop} slices")


def plain(array: NDArray[Any], dtypes: tuple[str, ...]) -> NDArray[Any]:
    """`array` as a plain, writable array of the first of `dtypes` that holds its values, so that few kernels are compiled."""
    target = next((dtype for dtype in dtypes if np.can_cast(array.dtype, dtype)), dtypes[-1])
    return np.require(array, target, ("C", "W"))
