"""What the workers do; each task opens the volumes for itself and leaves nothing behind but its result."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from xctgraph.ingest import config, correspondence, measured, plan, scan
from xctgraph.ingest.correspondence import Links
from xctgraph.ingest.looking import Looked
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.scan import Settled
from xctgraph.ingest.volumes import region
from xctgraph.store.errors import InputError
from xctgraph.store.progress import silent

# Opening a volume costs up to a second, and a lost task is done again: as many voxels as take some seconds.
TASK_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Work:
    """One scan to measure, and the folder that it goes to; paths are absolute, on storage that all workers share."""

    dataset: config.Dataset
    scan_plan: plan.ScanPlan
    folder: Path
    memory: int

    @property
    def resources(self) -> Resources:
        """A task has one thread: the cluster has as many tasks at once as it has threads."""
        return Resources(1, self.memory)

    def parts(self) -> list[tuple[int, int]]:
        """Ranges of slices, one for each task; they end where slabs do, so that no chunk of the file is read twice."""
        (first, stop), *_ = self.scan_plan.box
        n_z = stop - first
        n_bytes = self.scan_plan.n_bytes // n_z * self.scan_plan.slab
        step = self.scan_plan.slab * max(1, TASK_BYTES // max(1, n_bytes))
        cuts = [0, *range(step - first % step, n_z, step), n_z]
        return list(itertools.pairwise(cuts))


def settle(work: Work) -> Settled:
    """Find the thresholds."""
    _check_seen(work)
    with scan.opened_volumes(work.dataset, work.scan_plan) as opened:
        return scan.settle(work.dataset, work.scan_plan, opened, silent)


def look(work: Work, settled: Settled, part: tuple[int, int]) -> list[Looked]:
    """Look at a range of slices."""
    _check_seen(work)
    with scan.opened_volumes(work.dataset, work.scan_plan) as opened:
        return list(scan.look(work.dataset, work.scan_plan, opened, settled, workers=1, part=part))


def finish(work: Work, settled: Settled, looked: list[list[Looked]]) -> Path:
    """Put a scan together, measure it and write it to its folder."""
    found = (one for part in looked for one in part)
    with scan.opened_volumes(work.dataset, work.scan_plan) as opened:
        made = scan.finish(work.dataset, work.scan_plan, opened, settled, found, silent, work.resources)
    measured.save(work.folder, measured.with_neighbourhood(work.dataset, work.scan_plan, made))
    return work.folder


def whole(work: Work) -> Path:
    """Measure a scan in one go: a model sees all of it."""
    _check_seen(work)
    return measured.make(work.dataset, work.scan_plan, work.folder.parent, silent, work.resources)


def link(work: tuple[Work, Work], _measured: tuple[Path, Path]) -> Links:
    """Find the links between two scans that are measured."""
    a, b = work
    box, spacing = region.around(a.scan_plan.box, b.scan_plan.box), a.dataset.sample.voxel_size_um
    sides = []
    for one in work:
        scan_made = measured.load(one.folder)
        runs = None if scan_made.labels is None else scan_made.labels.to_table()
        sides.append(correspondence.side_in(box, scan_made.features, runs, spacing))
    return correspondence.link(*sides, max_drift=a.dataset.correspondence.max_drift_um)


def _check_seen(work: Work) -> None:
    if not work.folder.parent.is_dir():
        raise InputError(
            f"a worker does not see {work.folder.parent}: the store, or the folder given by --measured, must lie on storage that "
            "all workers share, under the same path"
        )
