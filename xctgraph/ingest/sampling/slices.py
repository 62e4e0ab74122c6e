"""Slices of a series, read again by their rows in the embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest import config, volumes
from xctgraph.ingest.sampling.embed import Embedding
from xctgraph.ingest.sampling.resample import resample
from xctgraph.ingest.volumes.region import Region, resolve


def read(
    dataset: config.Dataset, embedding: Embedding, rows: NDArray[np.int64]
) -> Iterator[tuple[int, dict[str, Any], NDArray[Any]]]:
    """Read slices scan by scan: the place in `rows`, what the table of slices says, and grey values (y, x).

    Raises
    ------
    VolumeError
        If a volume is no longer there or cannot be read.
    """
    said = embedding.slices.take(rows).to_pylist()
    scans = {scan.t: scan for scan in dataset.scan}
    for t in sorted({row["t"] for row in said}):
        with volumes.open_apart(scans[t].path, axes=dataset.sample.axes) as volume:
            region = Region(volume, resolve(dataset.roi(scans[t]), volume.shape, scans[t].path))
            for place, row in enumerate(said):
                if row["t"] == t:
                    z = row["z"] - region.box[0][0]
                    yield place, row | {"path": scans[t].path, "box": region.box}, region.read(z, z + 1)[0]


def pictures(dataset: config.Dataset, embedding: Embedding, rows: NDArray[np.int64], edge: int) -> NDArray[np.float32]:
    """The slices (n, edge, edge) with grey values of 0 to 1, as networks see them."""
    out = np.empty((len(rows), edge, edge), np.float32)
    for place, row, plane in read(dataset, embedding, rows):
        grey = resample(plane[None], edge)[0]
        out[place] = np.clip((grey - row["low"]) / (row["high"] - row["low"]), 0, 1)
    return out
