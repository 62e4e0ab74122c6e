"""Touching features of a scan told apart: which may be, and a second pass that measures what they became."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from xctgraph.ingest import config, labelling, splitting
from xctgraph.ingest.labelling import Labelled, Slab
from xctgraph.store.labels import Labels

# A run of the components and a run of their parts.
_RUN_BYTES = 40


class Apart(NamedTuple):
    """Features with the touching ones told apart, the kind of each, and the number of those too large to be looked at."""

    labelled: Labelled
    kinds: pa.Array
    n_too_large: int


def tell_apart(
    labelled: Labelled,
    kinds: pa.Array,
    dataset: config.Dataset,
    again: Callable[[Labels], Iterable[Slab]],
    *,
    workers: int,
    memory: int,
) -> Apart:
    """Split the features of the kinds that `[measure]` names; their parts are of the same kind.

    Parameters
    ----------
    labelled
        Components of the volume.
    kinds
        Kind of each.
    dataset
        What is asked for.
    again
        Slabs of the volume anew, with features that are known. They are read only if something is split.
    workers
        Threads.
    memory
        Bytes for the crop of a component, and then for runs and features.
    """
    asked = dataset.measure
    chosen = np.isin(np.asarray(kinds), asked.split) & (labelled.moments.n_voxels >= asked.split_min_voxels)
    parts = splitting.split(
        labelled.labels,
        labelled.moments.box,
        np.flatnonzero(chosen) + 1,
        dataset.sample.voxel_size_um,
        depth=dataset.split_depth_um,
        connectivity=asked.connectivity,
        workers=workers,
        memory=memory,
    )
    if parts.labels is labelled.labels:
        return Apart(labelled, kinds, len(parts.too_large))
    left = max(0, memory - _RUN_BYTES * len(parts.labels.label))
    found = labelling.label(again(parts.labels), parts.labels.shape, workers=workers, memory=left)
    row = parts.parent - 1
    found = replace(found, connectivity=asked.connectivity, class_code=labelled.class_code[row], source_label=None)
    return Apart(found, kinds.take(pa.array(row)), len(parts.too_large))
