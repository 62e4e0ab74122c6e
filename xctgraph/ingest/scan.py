"""One scan: from its volumes to measured features, edges within the scan, and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from xctgraph.ingest import config, kinds, labelling, measurement, plan, segmentation, volumes
from xctgraph.ingest.labelling.levels import NotFiniteError
from xctgraph.ingest.labelling.ordered import ordered_map
from xctgraph.ingest.labelling.slab import checked
from xctgraph.ingest.looking import Collector, Looked
from xctgraph.ingest.looking import look as look_at
from xctgraph.ingest.neighbourhood import Neighbourhood
from xctgraph.ingest.quality import Quality
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.segmentation import Segmenter
from xctgraph.ingest.slabs import slabs
from xctgraph.ingest.touching import tell_apart
from xctgraph.ingest.volumes.region import Region, shape_of
from xctgraph.store.errors import VolumeError
from xctgraph.store.labels import Labels
from xctgraph.store.progress import Progress

if TYPE_CHECKING:
    from xctgraph.ingest.learning.predicted import Prepared


@dataclass(frozen=True)
class MeasuredScan:
    """What one scan holds.

    `features` has the columns of `schema.FEATURES` that each feature alone decides, keyed by `label`. `labels` are None where
    the features have no voxels. `material` are the voxels of the sample mask, all with label 1; None without a mask.
    `material_volume` is in um^3. `around` is what is around the features, where it was looked for already.
    """

    features: pa.Table
    labels: Labels | None
    material: Labels | None
    material_volume: float
    quality: Quality
    segmentation: dict[str, Any]
    warnings: tuple[str, ...] = ()
    around: Neighbourhood | None = None


class Settled(NamedTuple):
    """What is settled of a scan before its slabs are looked at.

    `source` is the role of the volume whose voxels become features, by `segmenter`, or as they are without one; `grey` that of
    the volume whose grey values are measured, None without one.
    """

    segmenter: Segmenter | None
    source: str
    grey: str | None


Opened = dict[str, volumes.Volume]


def measure(
    dataset: config.Dataset, scan_plan: plan.ScanPlan, progress: Progress, resources: Resources | None = None
) -> MeasuredScan:
    """Segment, label and measure one scan, streamed by slab; the volume is never held as a whole.

    Raises
    ------
    VolumeError
        If a volume cannot be read or segmented.
    """
    resources = resources or Resources()
    with opened_volumes(dataset, scan_plan) as opened:
        settled = settle(dataset, scan_plan, opened, progress)
        looked = look(dataset, scan_plan, opened, settled, workers=resources.workers)
        return finish(dataset, scan_plan, opened, settled, looked, progress, resources)


@contextmanager
def opened_volumes(dataset: config.Dataset, scan_plan: plan.ScanPlan) -> Iterator[Opened]:
    """Volumes of a scan by role, each the box that is read."""
    with ExitStack() as stack, _in_frame_of_the_file(_origin(scan_plan)):
        yield {
            role: Region(stack.enter_context(volumes.open_apart(path, axes=dataset.sample.axes)), scan_plan.box)
            for role, path in scan_plan.scan.volumes()
        }


def settle(dataset: config.Dataset, scan_plan: plan.ScanPlan, opened: Opened, progress: Progress) -> Settled:
    """Find the thresholds of a scan; a model predicts all of it, and `opened` gains the volumes that it makes."""
    t, method = scan_plan.scan.t, dataset.segmentation.method
    predicted = None
    if method == "model":
        progress(f"t = {t}: making the model ready", 0, 0)
        predicted = _predicted(dataset.segmentation, opened["path"], t)
        opened |= predicted.volumes
    source = "labels" if "labels" in opened else "path"
    reads_grey = method in ("otsu", "threshold")
    grey = "path" if reads_grey or source == "labels" else None
    progress(f"t = {t}: finding thresholds", 0, 0)
    segmenter = predicted.segmenter if predicted else make_segmenter(dataset.segmentation, opened[source], opened.get("mask"))
    return Settled(segmenter, source, grey)


def look(
    dataset: config.Dataset,
    scan_plan: plan.ScanPlan,
    opened: Opened,
    settled: Settled,
    *,
    workers: int,
    part: tuple[int, int] | None = None,
) -> Iterator[Looked]:
    """Look at the slabs of a scan, or of its slices `part[0]` to `part[1]` - 1, in the order of z."""
    z, y, x = _origin(scan_plan)
    n_z, n_y, n_x = shape_of(scan_plan.box)
    first, stop = part or (0, n_z)
    if part is not None:
        opened = {role: Region(volume, ((first, stop), (0, n_y), (0, n_x))) for role, volume in opened.items()}
    # The centre of the whole slices, wherever the region of interest lies in them.
    axis_y, axis_x = dataset.sample.rotation_axis or ((scan_plan.shape[1] - 1) / 2, (scan_plan.shape[2] - 1) / 2)
    stream = slabs(
        opened, settled.segmenter, scan_plan.slab, source=settled.source, grey=settled.grey, first=z + first, offset=first
    )
    return ordered_map(
        lambda slab: look_at(slab, n_z, (axis_y - y, axis_x - x)), checked(stream, (stop - first, n_y, n_x), first), workers
    )


def finish(
    dataset: config.Dataset,
    scan_plan: plan.ScanPlan,
    opened: Opened,
    settled: Settled,
    looked: Iterable[Looked],
    progress: Progress,
    resources: Resources,
) -> MeasuredScan:
    """Label and measure a scan from what was kept of its slabs; `opened` is read once more where touching features are split."""
    scan, segmenter = scan_plan.scan, settled.segmenter
    spacing, origin, shape = dataset.sample.voxel_size_um, _origin(scan_plan), shape_of(scan_plan.box)
    collector = Collector(shape[0], scan_plan.n_bytes, lambda z, rate: progress(f"t = {scan.t}: labelling{rate}", z, shape[0]))
    labelled = labelling.fold(
        collector.extracted(looked),
        shape,
        connectivity=dataset.measure.connectivity,
        min_voxels=dataset.min_voxels,
        workers=resources.workers,
        memory=resources.left(scan_plan.memory),
    )
    material = None if scan.mask is None else collector.material(origin, scan_plan.shape)
    n_material = int(np.prod(shape, dtype=np.int64)) if material is None else int(material.counts.sum())
    if n_material == 0:
        raise VolumeError(
            f"scan t = {scan.t}: the sample mask {scan.mask} is 0 in every voxel that is read, so that nothing is material. "
            "It must be above 0 where the sample is: is it the wrong file, or the region of interest outside the sample?"
        )
    if segmenter is not None:
        _check_background(labelled, n_material, scan)
    unused = _unused_kinds(dataset, labelled, scan.t)
    apart = None
    if dataset.measure.split:
        progress(f"t = {scan.t}: telling apart features that touch", 0, 0)
        apart = tell_apart(
            labelled,
            _kinds(dataset.segmentation, segmenter, labelled, measurement.measure(labelled, spacing, resources.workers)),
            dataset,
            lambda known: slabs(
                opened, None, scan_plan.slab, source=settled.source, grey=settled.grey, first=origin[0], known=known
            ),
            workers=resources.workers,
            memory=resources.left(scan_plan.memory),
        )
    labelled = apart.labelled if apart else labelled
    sure = collector.confidence.of(labelled.labels)
    labelled = labelled.placed(origin, scan_plan.shape)
    progress(f"t = {scan.t}: measuring {labelled.labels.n} features", 0, 0)
    features = measurement.measure(labelled, spacing, resources.workers)
    names = apart.kinds if apart else _kinds(dataset.segmentation, segmenter, labelled, features)
    features = features.append_column("kind", names)
    return MeasuredScan(
        features=features if sure is None else features.append_column("confidence", pa.array(sure)),
        labels=labelled.labels,
        material=material,
        material_volume=n_material * float(np.prod(spacing)),
        quality=collector.quality.result(),
        segmentation=segmenter.description if segmenter is not None else {"method": "labels"},
        warnings=(*_left_whole(scan.t, apart.n_too_large if apart else 0), *unused),
    )


def _origin(scan_plan: plan.ScanPlan) -> tuple[int, int, int]:
    (z, _), (y, _), (x, _) = scan_plan.box
    return z, y, x


@contextmanager
def _in_frame_of_the_file(origin: tuple[int, int, int]) -> Iterator[None]:
    try:
        yield
    except NotFiniteError as error:
        raise error.moved(*origin) from error


def make_segmenter(spec: config.Segmentation, volume: volumes.Volume, mask: volumes.Volume | None) -> Segmenter | None:
    """Segmenter for a method of the configuration; None where the values of the volume are features."""
    if spec.method == "otsu":
        return segmentation.otsu(volume, sample_mask=mask)
    if spec.method == "threshold":
        return segmentation.threshold(bright=spec.bright, dark=spec.dark)
    return segmentation.classes(spec.kinds) if spec.method == "mask" else None


def _predicted(spec: config.Segmentation, volume: volumes.Volume, t: int) -> Prepared:
    from xctgraph.ingest.learning import predicted  # needs the extra ml

    return predicted.prepare(Path(spec.model or ""), volume, consistent=spec.consistent, t=t)


def _kinds(spec: config.Segmentation, segmenter: Segmenter | None, labelled: labelling.Labelled, features: pa.Table) -> pa.Array:
    class_names = segmenter.classes if segmenter is not None else ()
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


def _unused_kinds(dataset: config.Dataset, labelled: labelling.Labelled, t: int) -> tuple[str, ...]:
    """In a series, a label may well be in some scans only."""
    spec = dataset.segmentation
    if labelled.source_label is None or "kinds" not in spec.model_fields_set or len(dataset.scan) > 1:
        return ()
    unused = sorted(spec.kinds.keys() - set(labelled.source_label.tolist()))
    if not unused:
        return ()
    return (
        f"scan t = {t}: `kinds` names labels that no feature has ({len(unused)}, the first is {unused[0]}): not in the volume, "
        "smaller than `min_voxels` or outside the sample mask",
    )


def _left_whole(t: int, n: int) -> tuple[str, ...]:
    if not n:
        return ()
    return (
        f"scan t = {t}: {n} features are so large that telling apart what touches in them does not fit into the memory: they "
        "are left whole. Allow more with --memory and ingest again with --replace",
    )


def _check_background(labelled: labelling.Labelled, n_material: int, scan: config.Scan) -> None:
    """Features that fill the sample are no features: the threshold is beyond the grey values, or the mask is inverted."""
    if labelled.n == 1 and labelled.moments.n_voxels[0] == n_material:
        raise VolumeError(
            f"scan t = {scan.t}: every voxel of {scan.labels or scan.path} is foreground, one feature fills the whole sample. "
            "Background must be 0 in a mask, and have grey values between the thresholds: is the mask inverted, the threshold "
            "wrong, or the volume constant?"
        )
