"""Slabs of a scan, read ahead in a second thread while the one before is being worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling import Slab
from xctgraph.ingest.segmentation import Segmenter, material_of
from xctgraph.ingest.volumes import Volume
from xctgraph.store.labels import Labels

Item = TypeVar("Item")


def slabs(
    opened: Mapping[str, Volume],
    segmenter: Segmenter | None,
    height: int,
    *,
    source: str,
    grey: str | None,
    first: int = 0,
    offset: int = 0,
    known: Labels | None = None,
) -> Iterator[Slab]:
    """Slabs of `height` slices in the order of z.

    Parameters
    ----------
    opened
        Volumes by role, all of one shape (z, y, x); the role `mask`, where there is one, is the sample mask, `confidence` that of
        the source.
    segmenter
        Gives each voxel of the source its class; None if its values are features.
    height
        Slices per slab.
    source
        Role of the volume that is segmented.
    grey
        Role of the volume whose grey values are measured; None if there is none.
    first
        Slice of the file that is the first of the volumes: slabs end at multiples of `height` in the file, as its chunks do.
    offset
        Number that the first slice has in the slabs.
    known
        Features that are known already: the source is not read then.
    """
    n_z = opened[source].shape[0]
    wanted = (*((source, "confidence") if known is None else ()), grey, "mask")
    roles = {role for role in wanted if role is not None and role in opened}
    if not roles:
        yield Slab(z0=0, known=known)
        return

    def read(z0: int) -> dict[str, NDArray[Any]]:
        return {role: opened[role].read(z0, min(n_z, z0 + height - (first + z0) % height)) for role in roles}

    starts = [0, *range(height - first % height, n_z, height)]
    for start, arrays in read_ahead(starts, read):
        z0 = offset + start
        material = material_of(arrays["mask"], z0) if "mask" in arrays else None
        grey_values = arrays[grey] if grey is not None else None
        sure = arrays.get("confidence")
        if known is not None:
            yield Slab(z0=z0, known=known, grey=grey_values, material=material)
            continue
        if segmenter is None:
            instances = arrays[source] if material is None else np.where(material, arrays[source], 0)
            yield Slab(z0=z0, instances=instances, grey=grey_values, material=material, confidence=sure)
            continue
        levels = segmenter.levels(arrays[source].dtype) if grey == source else None
        classes = segmenter.classify(arrays[source], material=material, z0=z0) if levels is None else None
        yield Slab(z0=z0, classes=classes, grey=grey_values, material=material, levels=levels, confidence=sure)


def read_ahead(keys: Sequence[int], read: Callable[[int], Item]) -> Iterator[tuple[int, Item]]:
    """Yield `(key, read(key))` in order, with the next read under way in another thread."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = None
        for key, following in zip(keys, [*keys[1:], None], strict=True):
            item = (pending or pool.submit(read, key)).result()
            pending = pool.submit(read, following) if following is not None else None
            yield key, item
