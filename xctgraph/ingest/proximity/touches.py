"""TOUCHES: features of different kinds that share voxel faces."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from xctgraph.ingest.labelling import contact_faces
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels


def touches(labels: Labels, kinds: pa.Array | pa.ChunkedArray, spacing: tuple[float, float, float]) -> pa.Table:
    """Pairs of features of different kinds that share voxel faces.

    Parameters
    ----------
    labels : Labels
        Labels 1 .. N of the scan.
    kinds : pyarrow array of strings, (N,)
        Kind of label i + 1 in row i.
    spacing : (dz, dy, dx), micrometres

    Returns
    -------
    pyarrow.Table
        source < target (labels, int64), contact_area (float64, um^2: the shared faces by the area of a face of their axis),
        sorted by source and target.

    Raises
    ------
    InputError
        If a label has no kind.
    """
    if labels.n > len(kinds):
        raise InputError(
            f"the label volume holds label {labels.n}, but there are kinds for only {len(kinds)}: give one per label"
        )
    faces = contact_faces(labels)
    kind = np.asarray(kinds.to_numpy(zero_copy_only=False) if isinstance(kinds, pa.Array) else kinds.to_numpy(), dtype=object)
    source, target = faces.a.astype(np.int64), faces.b.astype(np.int64)
    differ = kind[source - 1] != kind[target - 1]
    dz, dy, dx = spacing
    area = faces.nz * (dy * dx) + faces.ny * (dz * dx) + faces.nx * (dz * dy)
    return pa.table({"source": source[differ], "target": target[differ], "contact_area": area[differ].astype(np.float64)})
