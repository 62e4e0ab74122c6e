"""What an ingest will do, settled before any work: volumes opened, shapes compared, each scan found new, same or changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xctgraph.ingest import config, volumes
from xctgraph.store import Store
from xctgraph.store.errors import InputError, ScanExists

Action = Literal["add", "replace", "skip"]
SLAB_BYTES = 64 * 2**20


@dataclass(frozen=True)
class ScanPlan:
    """One scan of the dataset: its volume as found, and what will be done with it.

    `shape` is (z, y, x) in voxels; `slab` the number of slices read at a time.
    """

    scan: config.Scan
    shape: tuple[int, int, int]
    dtype: str
    slab: int
    checksum: str
    parameters: str
    action: Action
    warnings: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """Bytes of the volume."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def memory(self) -> int:
        """Estimate of the bytes held at once: three slabs of grey values with their classes, and the program itself."""
        return 3 * self.slab * self.shape[1] * self.shape[2] * (np.dtype(self.dtype).itemsize + 2) + 500 * 2**20


def make(store: Store | None, dataset: config.Dataset, *, replace: bool) -> list[ScanPlan]:
    """Open every volume of the dataset and decide what to do with each scan, in the order of t; no store is an empty one.

    Raises
    ------
    VolumeError
        If a volume cannot be read.
    InputError
        If shapes differ, or the sample is in the store with another voxel size.
    ScanExists
        If a scan is there with another content or other parameters and `replace` is false.
    """
    known: dict[int, dict[str, Any]] = {}
    if store is not None:
        known = known_scans(store, dataset.sample.id)
        check_voxel_size(store, dataset)
    plans = [_plan_scan(dataset, scan, known.get(scan.t), replace=replace) for scan in sorted(dataset.scan, key=lambda s: s.t)]
    others = {t: row["shape"] for t, row in known.items() if t not in {p.scan.t for p in plans}}
    check_shapes(others | {plan.scan.t: plan.shape for plan in plans})
    return plans


def parameters(dataset: config.Dataset, scan: config.Scan) -> str:
    """JSON of all that decides the rows of a scan, apart from the volumes; what merely describes the sample is not part of it."""
    return json.dumps(
        {
            "sample": dataset.sample.model_dump(include={"voxel_size_um", "axes"}),
            "segmentation": dataset.segmentation.model_dump(),
            "connectivity": dataset.measure.connectivity,
            "min_voxels": dataset.min_voxels,
            "gap_um": dataset.gap_um,
            "cluster_gap_um": dataset.cluster_gap_um,
            "density_radius_um": dataset.density_radius_um,
            "correspondence": dataset.correspondence.model_dump(),
            "scan": scan.model_dump(exclude={"path", "labels", "mask"}),
        },
        sort_keys=True,
    )


def inputs(scan: config.Scan) -> Iterator[tuple[str, str]]:
    """The volumes of a scan as (role, path)."""
    for role in ("path", "labels", "mask"):
        path = getattr(scan, role)
        if path is not None:
            yield role, path


def _plan_scan(dataset: config.Dataset, scan: config.Scan, known: dict[str, Any] | None, *, replace: bool) -> ScanPlan:
    with ExitStack() as stack:
        opened = {role: stack.enter_context(volumes.open_volume(path, axes=dataset.sample.axes)) for role, path in inputs(scan)}
        grey = opened["path"]
        for role, volume in opened.items():
            if volume.shape != grey.shape:
                raise InputError(
                    f"scan t = {scan.t}: {role} {getattr(scan, role)!r} has shape {volume.shape} (z, y, x), "
                    f"but the volume {scan.path!r} has {grey.shape}: they must be equal"
                )
        warnings = tuple(_voxel_size_warning(dataset, scan, grey))
        slab = _slab_height(grey)
    checksum = "+".join(("" if role == "path" else f"{role}:") + volumes.fingerprint(path) for role, path in inputs(scan))
    wanted = parameters(dataset, scan)
    action = decide(known, checksum, wanted, f"scan t = {scan.t} of sample {dataset.sample.id!r}", "volume", replace=replace)
    return ScanPlan(scan, grey.shape, str(grey.dtype), slab, checksum, wanted, action, warnings)


def decide(known: dict[str, Any] | None, checksum: str, wanted: str, name: str, source: str, *, replace: bool) -> Action:
    """What to do with a scan, given what the store knows of it.

    Raises
    ------
    ScanExists
        If it is there with another content or other parameters and `replace` is false.
    """
    if known is None:
        return "add"
    if known["checksum"] == checksum and known["parameters"] == json.loads(wanted):
        return "skip"
    if not replace:
        others = ", ".join(differing(known["parameters"], json.loads(wanted)))
        made = f"with other parameters ({others})" if known["checksum"] == checksum else f"from another {source}"
        raise ScanExists(f"{name} is in the store already, made {made}: give --replace to make it anew, or another t")
    return "replace"


def differing(held: dict[str, Any] | None, wanted: dict[str, Any]) -> Iterator[str]:
    """Names of the parameters that differ, as in `scan.load_n`."""
    for name, value in wanted.items():
        other = (held or {}).get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from (
                f"{name}.{inner}" for inner in sorted(value.keys() | other.keys()) if value.get(inner) != other.get(inner)
            )
        elif value != other:
            yield name


def _slab_height(volume: volumes.Volume) -> int:
    """Slices per slab: a multiple of the file's chunks, so that none is decompressed twice, of about `SLAB_BYTES`."""
    n_z, n_y, n_x = volume.shape
    chunk = min(max(1, volume.chunk_z), n_z)
    per_chunk = chunk * n_y * n_x * volume.dtype.itemsize
    return min(n_z, chunk * max(1, SLAB_BYTES // per_chunk))


def _voxel_size_warning(dataset: config.Dataset, scan: config.Scan, volume: volumes.Volume) -> Iterator[str]:
    declared, found = dataset.sample.voxel_size_um, volume.voxel_size_um
    if found is not None and not np.allclose(declared, found, rtol=0.01):
        yield (
            f"scan t = {scan.t}: the voxel size declared is {declared} um (z, y, x), the file {scan.path!r} says {found}: "
            "the declared one is used"
        )


def known_scans(store: Store, sample: str) -> dict[int, dict[str, Any]]:
    """Checksum, parameters and shape of each scan of a sample, by t."""
    scans = store.read("scans", sample=sample).to_pylist()
    jobs = {row["job_id"]: json.loads(row["parameters"]) for row in store.read("jobs", sample=sample).to_pylist()}
    return {
        row["t"]: {
            "checksum": row["checksum"],
            "parameters": jobs.get(row["job_id"]),
            "shape": (row["n_z"], row["n_y"], row["n_x"]),
        }
        for row in scans
    }


def check_voxel_size(store: Store, dataset: config.Declared) -> None:
    """Refuse a sample that is in the store with another voxel size."""
    rows = store.read("samples", sample=dataset.sample.id).to_pylist()
    if rows:
        held = tuple(rows[0][f"voxel_{axis}"] for axis in "zyx")
        if held != dataset.sample.voxel_size_um:
            raise InputError(
                f"sample {dataset.sample.id!r} is in the store with voxels of {held} um (z, y, x), "
                f"but {dataset.sample.voxel_size_um} was given: use the same, or another sample id"
            )


def check_shapes(shapes: dict[int, tuple[int, int, int]]) -> None:
    """Refuse scans of different shapes."""
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"t = {t}: {shape}" for t, shape in sorted(shapes.items()))
        raise InputError(f"the scans of a sample must have one shape (z, y, x), but found {listed}: crop them to the same box")
