"""One scan: from its volumes to measured features, edges within the scan, and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from xctgraph.ingest import config, kinds, labelling, measurement, plan, segmentation, volumes
from xctgraph.ingest.labelling import Slab
from xctgraph.ingest.segmentation import Segmenter
from xctgraph.ingest.slabs import slabs
from xctgraph.store.labels import Labels
from xctgraph.store.progress import Progress


@dataclass(frozen=True)
class MeasuredScan:
    """What one scan holds, before it is seen what is around each feature.

    `features` has the columns of `schema.FEATURES` that each feature alone decides, keyed by `label`. `labels` are None where
    the features have no voxels. `material_volume` is in um^3.
    """

    features: pa.Table
    labels: Labels | None
    material_volume: float
    segmentation: dict[str, Any]


def measure(dataset: config.Dataset, scan_plan: plan.ScanPlan, progress: Progress) -> MeasuredScan:
    """Segment, label and measure one scan, streamed by slab; the volume is never held as a whole.

    Raises
    ------
    VolumeError
        If a volume cannot be read or segmented.
    """
    scan = scan_plan.scan
    spacing = dataset.sample.voxel_size_um
    with ExitStack() as stack:
        opened = {
            role: stack.enter_context(volumes.open_volume(path, axes=dataset.sample.axes)) for role, path in plan.inputs(scan)
        }
        source = "labels" if scan.labels is not None else "path"
        reads_grey = dataset.segmentation.method in ("otsu", "threshold")
        grey = "path" if reads_grey or scan.labels is not None else None
        progress(f"t = {scan.t}: finding thresholds", 0, 0)
        segmenter = make_segmenter(dataset.segmentation, opened[source], opened.get("mask"))
        stream = _Watched(
            slabs(opened, segmenter, scan_plan.slab, source=source, grey=grey),
            lambda z: progress(f"t = {scan.t}: labelling", z, scan_plan.shape[0]),
        )
        labelled = labelling.label(
            stream,
            scan_plan.shape,
            connectivity=dataset.measure.connectivity,
            min_voxels=dataset.min_voxels,
        )
    n_material = stream.n_material if scan.mask is not None else int(np.prod(scan_plan.shape, dtype=np.int64))
    progress(f"t = {scan.t}: measuring {labelled.labels.n} features", 0, 0)
    features = measurement.measure(labelled, spacing)
    features = features.append_column(
        "kind", _kinds(dataset.segmentation, segmenter.classes if segmenter else (), labelled, features)
    )
    return MeasuredScan(
        features=features,
        labels=labelled.labels,
        material_volume=n_material * float(np.prod(spacing)),
        segmentation=segmenter.description if segmenter is not None else {"method": "labels"},
    )


def make_segmenter(spec: config.Segmentation, volume: volumes.Volume, mask: volumes.Volume | None) -> Segmenter | None:
    """Segmenter for a method of the configuration; None where the values of the volume are features."""
    if spec.method == "otsu":
        return segmentation.otsu(volume, sample_mask=mask)
    if spec.method == "threshold":
        return segmentation.threshold(bright=spec.bright, dark=spec.dark)
    return segmentation.classes(spec.kinds) if spec.method == "mask" else None


def _kinds(spec: config.Segmentation, class_names: tuple[str, ...], labelled: labelling.Labelled, features: pa.Table) -> pa.Array:
    if labelled.source_label is not None:
        names = np.full(labelled.n, spec.kind, dtype=object)
        for value, kind in spec.kinds.items() if "kinds" in spec.model_fields_set else ():
            names[labelled.source_label == value] = kind
        return pa.array(names, pa.string())
    classes = np.asarray(class_names, dtype=object)[labelled.class_code.astype(np.int64) - 1]
    rule = kinds.Rule(
        min_voxels=spec.fracture_min_voxels,
        max_flatness=spec.fracture_max_flatness,
        max_sphericity=spec.fracture_max_sphericity,
        max_extent=spec.fracture_max_extent,
    )
    return kinds.assign(features, classes, rule)


class _Watched:
    """Passes slabs on, reports how far they are, and counts the voxels of their sample masks."""

    def __init__(self, stream: Iterator[Slab], report: Callable[[int], None]) -> None:
        self._stream = stream
        self._report = report
        self.n_material = 0

    def __iter__(self) -> Iterator[Slab]:
        for slab in self._stream:
            self._report(slab.z0)
            self.n_material += 0 if slab.material is None else int(np.count_nonzero(slab.material))
            yield slab
