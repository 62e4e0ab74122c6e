"""From a dataset to a store: each scan measured, placed in the series and committed as one revision; then the projections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from xctgraph.ingest import commit, config, given, measured, plan, quality, rows, scan
from xctgraph.ingest.commit import Committed
from xctgraph.ingest.resources import BASE, Resources
from xctgraph.store import Store, Transaction, limits
from xctgraph.store.errors import InputError, ScanExists
from xctgraph.store.job import Job
from xctgraph.store.labels import Labels
from xctgraph.store.manifest import Manifest
from xctgraph.store.progress import Progress, silent

# Measured, bytes for each run and each feature: of one scan while its neighbours are found, of two while they are linked.
NEAR_BYTES, LINK_BYTES = (100, 600), (60, 900)
# Share of the volume above which a pore that reaches the faces is taken for air.
AIR_SHARE = 0.1


@dataclass(frozen=True)
class ScanResult:
    """What became of one scan of the dataset; `n_links` counts the NEXT edges to the scan before and the scan after."""

    t: int
    action: plan.Action
    n_features: int
    n_near: int
    n_links: int
    changed_tracks: int
    segmentation: dict[str, object]
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls, t: int, action: plan.Action, done: Committed, segmentation: dict[str, object], warnings: tuple[str, ...]
    ) -> ScanResult:
        """Result of a scan that was committed."""
        return cls(
            t, action, done.n_features, done.n_near, done.n_links, done.changed_tracks, segmentation, warnings + done.warnings
        )


def ingest(
    store: Store,
    dataset: config.Dataset,
    *,
    replace: bool = False,
    live: bool = False,
    resources: Resources | None = None,
    project: bool = True,
    progress: Progress = silent,
) -> list[ScanResult]:
    """Bring the scans of a dataset into a store.

    Each scan is one revision: a failure leaves out the scan at work and keeps those before it. A scan that is there with the
    same content and parameters is skipped.

    Parameters
    ----------
    replace
        Make scans anew that are there with other content or parameters.
    live
        Bring the projections up to date after each scan, and not only at the end.
    resources
        Threads and memory to use; all cores and most of the free memory if not given.
    project
        Bring them up to date at all; without, the next reader or `Store.project` does.

    Raises
    ------
    InputError, VolumeError
        If the dataset is wrong; before any work.
    ScanExists
        If a scan is there with other content or parameters and `replace` is false; before any work.
    EngineError
        If the graph engine cannot be reached or holds another store's graph; before any work.
    StoreLocked
        If another writer is at work.
    """
    resources = resources or Resources()
    # What a notebook or another program around holds for itself is not the ingest's.
    limits.release()
    foreign = max(0, limits.resident() - BASE)
    plans = plan.make(store, dataset, replace=replace, resources=resources)
    dataset = plan.described(dataset, plans)
    # A server that cannot be reached or holds another store's graph is an error before hours of work, not after.
    store.engine.held()
    refresh_sample(store, dataset)
    results = []
    folder = resources.measured or store.path / measured.FOLDER
    with measured.measuring(dataset, plans, folder, resources) as measuring:
        for scan_plan in plans:
            if scan_plan.action == "skip":
                results.append(_skip(store, dataset, scan_plan))
            else:
                results.append(_ingest_scan(store, dataset, scan_plan, measuring, resources, foreign, progress))
                limits.release()
            if live and project:
                store.project(progress=progress)
    if project:
        store.project(progress=progress)
    return results


def _ingest_scan(
    store: Store,
    dataset: config.Dataset,
    scan_plan: plan.ScanPlan,
    measuring: measured.Measuring,
    resources: Resources,
    foreign: int,
    progress: Progress,
) -> ScanResult:
    sample, t = dataset.sample.id, scan_plan.scan.t
    found: dict[str, object] = {}
    paths = dict(scan_plan.scan.volumes()) | ({} if scan_plan.links is None else {"links": scan_plan.links.path})
    job = Job(
        command="ingest",
        sample=sample,
        t=t,
        parameters=json.loads(scan_plan.parameters),
        inputs={"paths": paths, "checksum": scan_plan.checksum, "found": found},
    )
    with store.write(job) as tx:
        if scan_plan.action == "add" and t in tx.base.scans(sample):
            raise ScanExists(
                f"another ingest has added scan t = {t} of sample {sample!r} in the meantime: run the same command again"
            )
        made = measuring.measure(scan_plan, progress)
        limits.release()
        found.update(made.segmentation)
        if scan_plan.links is not None:
            given.check_labels(scan_plan.links, t, given.names(made.features).to_numpy())
        origin = rows.Origin(sample, tx.sample_no(sample), t)
        # With workers the limit is that of their tasks.
        if made.labels is not None and resources.scheduler is None:
            _check_memory(tx.manifest(), sample, t, made.labels, foreign, resources.memory)
        progress(f"t = {t}: finding neighbours and links", 0, 0)
        if made.labels is not None:
            tx.put("label_runs", made.labels.to_table(), sample=sample, t=t)
        if made.material is not None:
            tx.put("material_runs", made.material.to_table().drop_columns(["label"]), sample=sample, t=t)
        else:
            tx.drop("material_runs", sample=sample, t=t)
        given.put(tx, sample, t, scan_plan.links)
        describe_sample(tx, dataset, origin)
        row, features = rows.scan(dataset, scan_plan, made, origin), rows.features(made.features, origin)
        space, drift = dataset.space(scan_plan.shape, scan_plan.box), dataset.correspondence.max_drift_um
        done = commit.stage(tx, origin, row, features, made.labels, space, drift, made.around, measuring.links)
        done.refuse_unregistered(dataset.correspondence.unregistered)
    warnings = (
        *scan_plan.warnings,
        *made.warnings,
        *_found_nothing(made, scan_plan),
        *_looks_like_air(made, scan_plan),
        *_doubts(t, made.quality),
    )
    return ScanResult.of(t, scan_plan.action, done, made.segmentation, warnings)


def _check_memory(held: Manifest, sample: str, t: int, labels: Labels, foreign: int, allowed: int) -> None:
    """Refuse a scan whose neighbours and links don't fit into the memory, before they are looked for.

    Raises
    ------
    InputError
        If they don't.
    """
    times = held.scans(sample)
    beside = {max((u for u in times if u < t), default=None), min((u for u in times if u > t), default=None)} - {None}
    runs, features = (
        max((part.rows for u in beside for part in held.select(table, sample=sample, t=u)), default=0)
        for table in ("label_runs", "features")
    )
    n_runs = len(labels.label)
    near = NEAR_BYTES[0] * n_runs + NEAR_BYTES[1] * labels.n
    link = LINK_BYTES[0] * (n_runs + runs) + LINK_BYTES[1] * (labels.n + features) if runs else 0
    needed = limits.resident() - foreign + max(near, link)
    if needed > allowed:
        raise InputError(
            f"scan t = {t} has {labels.n:,} features of {n_runs:,} runs: to find their neighbours and links takes "
            f"{needed / 1e9:.2f} GB, but {allowed / 1e9:.2f} GB are allowed. Give --memory {needed / 1e9 + 0.01:.2f}GB; what was "
            "committed stays, and the same command goes on from there"
        )


def _found_nothing(made: scan.MeasuredScan, scan_plan: plan.ScanPlan) -> Iterator[str]:
    """A scan without features is an answer, of a sample before its first pore say, but more often a wrong threshold."""
    if not made.features.num_rows:
        yield (
            f"scan t = {scan_plan.scan.t}: no feature was found in {scan_plan.scan.path}. The scan is stored with none; if "
            "that is wrong, look at thresholds, mask and `min_voxels`, and ingest it again with --replace"
        )


def _looks_like_air(made: scan.MeasuredScan, scan_plan: plan.ScanPlan) -> Iterator[str]:
    """Air around a sample is dark as pores are: one feature that takes a good part of the volume and reaches its faces."""
    features = made.features
    if scan_plan.scan.mask is not None or not features.num_rows:
        return
    share = np.where(features["border_touching"].to_numpy(), features["volume"].to_numpy(), 0) / made.material_volume
    k = int(share.argmax())
    if share[k] > AIR_SHARE and features["kind"][k].as_py() in ("pore", "fracture"):
        yield (
            f"scan t = {scan_plan.scan.t}: a {features['kind'][k].as_py()} (label {features['label'][k].as_py()}) fills "
            f"{100 * share[k]:.0f} % of the volume and reaches its faces. If that is air around the sample, give a sample `mask` "
            "for each scan, or a `roi` inside the sample, and ingest again with --replace: volume fractions are wrong otherwise"
        )


def _doubts(t: int, found: quality.Quality) -> tuple[str, ...]:
    return (f"scan t = {t} is suspect: {found.suspect_reason}",) if found.suspect else ()


def _skip(store: Store, dataset: config.Dataset, scan_plan: plan.ScanPlan) -> ScanResult:
    return skipped(store, dataset.sample.id, scan_plan.scan.t, scan_plan.warnings)


def skipped(store: Store, sample: str, t: int, warnings: tuple[str, ...]) -> ScanResult:
    """Result of a scan that is there already."""
    revision = store.manifest()
    before = max((u for u in revision.scans(sample) if u < t), default=None)

    def count(table: str, *times: int | None) -> int:
        return sum(part.rows for u in times if u is not None for part in revision.select(table, sample=sample, t=u))

    return ScanResult(t, "skip", count("features", t), count("near", t), count("next", before, t), 0, {}, warnings)


def describe_sample(tx: Transaction, dataset: config.Declared, origin: rows.Origin) -> None:
    """Stage the record of a sample that is new."""
    if tx.read("samples", sample=origin.sample, columns=["sample"]).num_rows == 0:
        tx.put("samples", rows.sample(dataset, origin.sample_no), sample=origin.sample)


def refresh_sample(store: Store, dataset: config.Declared) -> None:
    """Bring the record of a sample that is there already up to what the dataset says of it."""
    sample = dataset.sample.id
    held = store.read("samples", sample=sample).to_pylist()
    if held and _differs(held[0], rows.sample(dataset, held[0]["sample_no"])):
        with store.write(Job(command="ingest", sample=sample)) as tx:
            tx.put("samples", rows.sample(dataset, held[0]["sample_no"]), sample=sample)


def _differs(held: dict[str, object], row: pa.Table) -> bool:
    return any(held[name] != value for name, value in row.to_pylist()[0].items())
