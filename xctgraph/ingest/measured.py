"""Measured scans as folders of their own: made by any process that sees the volumes, taken into a store by one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

import xctgraph
from xctgraph.ingest import config, neighbourhood, plan, scan
from xctgraph.ingest.correspondence import Links
from xctgraph.ingest.neighbourhood import Neighbourhood
from xctgraph.ingest.quality import Quality
from xctgraph.ingest.resources import Resources
from xctgraph.store import files
from xctgraph.store.errors import StoreCorrupt
from xctgraph.store.health import leftovers
from xctgraph.store.labels import Labels
from xctgraph.store.progress import Progress

if TYPE_CHECKING:
    from xctgraph.ingest.distributed import Cluster

FOLDER = leftovers.MEASURED
"""Name of the folder in a store."""

_RECORD = "measured.json"


def folder_of(root: Path, sample: str, scan_plan: plan.ScanPlan) -> Path:
    """Folder below `root` for a scan; its name depends on all that decides what is measured."""
    decides = json.dumps([xctgraph.__version__, sample, scan_plan.scan.t, scan_plan.checksum, scan_plan.parameters])
    digest = hashlib.sha256(decides.encode()).hexdigest()[:16]
    return root / f"{quote(sample, safe='')}-t{scan_plan.scan.t:05d}-{digest}"


def save(folder: Path, measured: scan.MeasuredScan) -> None:
    """Write a measured scan; the folder is there as a whole or not at all, and one that is there already stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = files.temporary_beside(folder)
    try:
        temporary.mkdir()
        pq.write_table(measured.features, temporary / "features.parquet", compression="zstd")
        shapes = {}
        for name in ("labels", "material"):
            labels: Labels | None = getattr(measured, name)
            if labels is not None:
                shapes[name] = labels.shape
                pq.write_table(labels.to_table(), temporary / f"{name}.parquet", compression="zstd")
        around = measured.around
        if around is not None:
            each = pa.table({"density": around.density, "cluster": around.cluster})
            for name, table in (("near", around.near), ("touches", around.touches), ("around", each)):
                pq.write_table(table, temporary / f"{name}.parquet", compression="zstd")
        record = {
            "shapes": shapes,
            "material_volume": measured.material_volume,
            "quality": dataclasses.asdict(measured.quality),
            "segmentation": measured.segmentation,
            "warnings": measured.warnings,
            "checksums": {file.name: files.sha256(file) for file in sorted(temporary.iterdir())},
        }
        (temporary / _RECORD).write_text(json.dumps(record), encoding="utf-8")
        for file in temporary.iterdir():
            files.sync(file)
        if not folder.exists():
            temporary.rename(folder)
            files.sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(folder: Path) -> scan.MeasuredScan:
    """Read a measured scan.

    Raises
    ------
    StoreCorrupt
        If it is damaged.
    """
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        for name, checksum in record["checksums"].items():
            if files.sha256(folder / name) != checksum:
                raise ValueError(f"{name} differs from its checksum")
        labels = {name: Labels.from_table(_read(folder, name), tuple(shape)) for name, shape in record["shapes"].items()}
        around = None
        if "around.parquet" in record["checksums"]:
            each = _read(folder, "around")
            density, cluster = (each[name].combine_chunks() for name in ("density", "cluster"))
            around = Neighbourhood(_read(folder, "near"), _read(folder, "touches"), density, cluster)
        return scan.MeasuredScan(
            features=_read(folder, "features"),
            labels=labels.get("labels"),
            material=labels.get("material"),
            material_volume=record["material_volume"],
            quality=Quality(**record["quality"]),
            segmentation=record["segmentation"],
            warnings=tuple(record["warnings"]),
            around=around,
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise StoreCorrupt(f"{folder}, a measured scan, is damaged ({error}): remove it, and it is measured anew") from error


class Measuring:
    """The way the scans of `plans` come to be measured: here or by workers; one that is in `root` is taken from there."""

    def __init__(
        self, dataset: config.Dataset, plans: Sequence[plan.ScanPlan], root: Path, resources: Resources, cluster: Cluster | None
    ) -> None:
        self._dataset = dataset
        self._root = root
        self._resources = resources
        self._cluster = cluster
        if cluster is not None:
            cluster.submit(dataset, [one for one in plans if one.action != "skip"], resources)

    def measure(self, scan_plan: plan.ScanPlan, progress: Progress) -> scan.MeasuredScan:
        """A scan of the plans, measured."""
        folder = folder_of(self._root, self._dataset.sample.id, scan_plan)
        if self._cluster is not None and not folder.exists():
            self._cluster.wait(scan_plan, progress)
        if not folder.exists():
            return scan.measure(self._dataset, scan_plan, progress, self._resources)
        progress(f"t = {scan_plan.scan.t}: taking it from {folder}", 0, 0)
        return load(folder)

    def links(self, t_a: int, t_b: int) -> Links | None:
        """Links between two scans, where workers have looked for them."""
        return None if self._cluster is None else self._cluster.links(t_a, t_b)


@contextmanager
def measuring(dataset: config.Dataset, plans: Sequence[plan.ScanPlan], root: Path, resources: Resources) -> Iterator[Measuring]:
    """Get ready to measure the scans of `plans`.

    Raises
    ------
    InputError
        If the scheduler named in `resources` does not answer, or its workers are not fit.
    """
    with ExitStack() as stack:
        cluster = None
        if resources.scheduler is not None:
            from xctgraph.ingest.distributed import Cluster

            cluster = stack.enter_context(Cluster(resources.scheduler, root))
        yield Measuring(dataset, plans, root, resources, cluster)
    if resources.measured is None:
        for one in plans:
            shutil.rmtree(folder_of(root, dataset.sample.id, one), ignore_errors=True)
        with suppress(OSError):
            root.rmdir()


def make(dataset: config.Dataset, scan_plan: plan.ScanPlan, root: Path, progress: Progress, resources: Resources) -> Path:
    """Measure a scan into its folder below `root`, unless it is there."""
    folder = folder_of(root, dataset.sample.id, scan_plan)
    if not folder.exists():
        save(folder, with_neighbourhood(dataset, scan_plan, scan.measure(dataset, scan_plan, progress, resources)))
    return folder


def with_neighbourhood(dataset: config.Dataset, scan_plan: plan.ScanPlan, measured: scan.MeasuredScan) -> scan.MeasuredScan:
    """A measured scan with what is around its features."""
    space = dataset.space(scan_plan.shape, scan_plan.box)
    return dataclasses.replace(measured, around=neighbourhood.find(measured.features, measured.labels, space))


def _read(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / f"{name}.parquet")
