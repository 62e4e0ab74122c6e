"""What of a slab is kept once its voxels are gone: runs, quality, confidence. Slabs can be looked at anywhere, in any order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.confidence import Confidence
from xctgraph.ingest.labelling import Extracted, Slab, extracted_of
from xctgraph.ingest.quality import QualityMeter
from xctgraph.store.labels import Labels


@dataclass(frozen=True)
class Looked:
    """What is kept of one slab."""

    extracted: Extracted
    quality: QualityMeter
    confidence: Confidence


def look(slab: Slab, n_z: int, axis: tuple[float, float]) -> Looked:
    """What is kept of a slab of a scan with `n_z` slices, whose rotation axis is at (y, x) voxels."""
    found = Looked(extracted_of(slab), QualityMeter(n_z, axis), Confidence())
    found.quality.look(slab)
    found.confidence.look(slab)
    return found


class Collector:
    """Passes on what was extracted, slab after slab; keeps the rest, and reports how far and how fast.

    Parameters
    ----------
    n_z
        Slices of the scan.
    n_bytes
        Bytes of its voxels.
    report
        Called with the slices that are done and a text on the rate.
    """

    def __init__(self, n_z: int, n_bytes: int, report: Callable[[int, str], None]) -> None:
        self.quality = QualityMeter(n_z)
        self.confidence = Confidence()
        self._n_z = n_z
        self._n_bytes = n_bytes
        self._report = report
        self._material: list[NDArray[np.int32]] = []

    def extracted(self, looked: Iterable[Looked]) -> Iterator[Extracted]:
        """What was extracted of consecutive slabs."""
        start = time.monotonic()
        for found in looked:
            z = found.extracted.z0
            self._report(z, self._rate(z, time.monotonic() - start))
            self.quality.add(found.quality)
            self.confidence.add(found.confidence)
            if found.extracted.material is not None:
                self._material.append(found.extracted.material)
            yield found.extracted

    def material(self, origin: tuple[int, int, int], shape: tuple[int, int, int]) -> Labels:
        """Voxels of the sample masks of all slabs in a volume of `shape`, in which the slabs begin at `origin`."""
        spans = np.concatenate([np.zeros((0, 4), np.int32), *self._material])
        z, y, x = origin
        return Labels(shape, spans[:, 0] + z, spans[:, 1] + y, spans[:, 2] + x, spans[:, 3] + x, np.ones(len(spans), np.int32))

    def _rate(self, z: int, seconds: float) -> str:
        if z == 0 or seconds < 1:
            return ""
        rate = self._n_bytes * z / self._n_z / seconds
        return f", {rate / 1e6:.0f} MB/s, {seconds * (self._n_z - z) / z:.0f} s left"
