"""What an ingest will do, settled before any work: volumes opened, shapes compared, each scan found new, same or changed."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xctgraph.ingest import confidence, config, given, metadata, regions, series, volumes
from xctgraph.ingest.config_sections import VOLUMES
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.volumes import region
from xctgraph.ingest.volumes.protocol import Box, Value
from xctgraph.store import Store
from xctgraph.store.errors import InputError, ScanExists

Shape = tuple[int, int, int]
Action = Literal["add", "replace", "skip"]
FAR_AXIS = 10
WRONG_FACTOR = 1.99  # binning by 2 that the file, or the user, does not know of


@dataclass(frozen=True)
class ScanPlan:
    """One scan of the dataset: its volume as found, and what will be done with it.

    `scan` is as declared, filled with what the file says, and `sample` what the file says of the specimen; `shape` is that of
    the whole volume, (z, y, x) in voxels; `box` the part of it that is read, ((z0, z1), (y0, y1), (x0, x1)); `slab` the number
    of slices read at a time; `memory` the bytes planned for the program and its slabs; `links` are those that a file gives from
    and to the scan, None where they are searched.
    """

    scan: config.Scan
    sample: dict[str, Value]
    shape: tuple[int, int, int]
    box: Box
    dtype: str
    slab: int
    memory: int
    checksum: str
    parameters: str
    action: Action
    warnings: tuple[str, ...]
    links: given.GivenLinks | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes that are read."""
        return int(np.prod(region.shape_of(self.box), dtype=np.int64)) * np.dtype(self.dtype).itemsize


def make(store: Store | None, dataset: config.Dataset, *, replace: bool, resources: Resources | None = None) -> list[ScanPlan]:
    """Open every volume of the dataset and decide what to do with each scan, in the order of t; no store is an empty one.

    Raises
    ------
    VolumeError
        If a volume cannot be read.
    InputError
        If shapes differ, a slab does not fit into the memory, the files state another voxel size, the sample is in the store
        with another one, or the file of links is wrong.
    ScanExists
        If a scan is there with another content or other parameters and `replace` is false.
    """
    # It gets ready while the store is read.
    volumes.reader_process().start()
    known: dict[int, dict[str, Any]] = {}
    if store is not None:
        known = known_scans(store, dataset.sample.id, {scan.t for scan in dataset.scan})
        check_voxel_size(store, dataset)
    resources = resources or Resources()
    scans = sorted(dataset.scan, key=lambda s: s.t)
    links, told = None, tuple[str, ...]()
    if dataset.correspondence.links is not None:
        times = [scan.t for scan in scans]
        links = given.read(dataset.correspondence.links, times)
        told = tuple(given.doubts(links, times))
    plans = [_plan_scan(dataset, scan, known.get(scan.t), resources, links, replace=replace) for scan in scans]
    plans[0] = dataclasses.replace(plans[0], warnings=(*plans[0].warnings, *told))
    planned = {plan.scan.t: (plan.shape, region.shape_of(plan.box)) for plan in plans}
    check_shapes({t: (row["shape"], row["read"]) for t, row in known.items()} | planned)
    for plan in plans:
        regions.check_cells(dataset.region_cell_um, region.shape_of(plan.box), dataset.sample.voxel_size_um)
    moments = {plan.scan.t: series.Moment(plan.scan.time_s, plan.scan.acquired_at, plan.checksum) for plan in plans}
    doubts = series.check(series.held(store, dataset.sample.id), moments)
    return [dataclasses.replace(plan, warnings=(*plan.warnings, *doubts.get(plan.scan.t, ()))) for plan in plans]


def described(dataset: config.Dataset, plans: list[ScanPlan]) -> config.Dataset:
    """The dataset with what the files say of the specimen where it declares nothing; the first scan that says it counts."""
    sample = dataset.sample
    for plan in plans:
        sample, _ = metadata.merged(sample, plan.sample, "")
    return dataset.model_copy(update={"sample": sample})


def parameters(dataset: config.Dataset, scan: config.Scan, box: Box | None, links: str | None = None) -> str:
    """JSON of all that decides the rows of a scan, apart from the volumes; what merely describes the sample is not part of it.

    `box` is the region of interest, None for the whole volume; `links` the digest of those given.
    """
    return json.dumps(
        {
            "sample": dataset.sample.model_dump(include={"voxel_size_um", "axes", "rotation_axis", "load_axis"}),
            "segmentation": _segmentation(dataset.segmentation),
            "connectivity": dataset.measure.connectivity,
            "min_voxels": dataset.min_voxels,
            "gap_um": dataset.gap_um,
            "cluster_gap_um": dataset.cluster_gap_um,
            "density_radius_um": dataset.density_radius_um,
            "fractures": dataset.fronts,
            "region_cell_um": dataset.region_cell_um,
            "correspondence": dataset.correspondence.decides(links),
            **({} if box is None else {"roi": box}),
            **({"split": _split(dataset)} if dataset.measure.split else {}),
            "scan": scan.model_dump(exclude={*VOLUMES, "roi"}),
        },
        sort_keys=True,
    )


def _segmentation(spec: config.Segmentation) -> dict[str, Any]:
    """A model counts by its weights, not by the place of its file."""
    if spec.model is None:
        return spec.model_dump(exclude={"model", "consistent"})
    from xctgraph.ingest.learning import checkpoint

    return spec.model_dump() | {"model": checkpoint.load(Path(spec.model)).digest}


def _split(dataset: config.Dataset) -> dict[str, Any]:
    asked = dataset.measure
    return {"kinds": sorted(asked.split), "depth_um": dataset.split_depth_um, "min_voxels": asked.split_min_voxels}


def _plan_scan(
    dataset: config.Dataset,
    scan: config.Scan,
    known: dict[str, Any] | None,
    resources: Resources,
    links: given.GivenLinks | None,
    *,
    replace: bool,
) -> ScanPlan:
    with ExitStack() as stack:
        opened = {role: stack.enter_context(volumes.open_apart(path, axes=dataset.sample.axes)) for role, path in scan.volumes()}
        grey = opened["path"]
        for role, volume in opened.items():
            if volume.shape != grey.shape:
                raise InputError(
                    f"scan t = {scan.t}: {role} {getattr(scan, role)!r} has shape {volume.shape} (z, y, x), "
                    f"but the volume {scan.path!r} has {grey.shape}: they must be equal"
                )
        if "confidence" in opened:
            confidence.check(opened["confidence"], scan)
        if dataset.segmentation.method == "labels":
            source = opened.get("labels", grey)
            if source.dtype.kind not in "biu":
                raise InputError(
                    f"scan t = {scan.t}: {scan.labels or scan.path} holds {source.dtype}, but the values of a label volume are "
                    "whole numbers: write it as integers, or name the segmentation that makes features of grey values"
                )
        told = [f"scan t = {scan.t}: {text}" for volume in opened.values() for text in getattr(volume, "warnings", ())]
        warnings = [*told, *_compare_voxel_size(dataset, scan, grey)]
        _check_rotation_axis(dataset, scan, grey.shape)
        box = region.resolve(dataset.roi(scan), grey.shape, scan.path)
        read = {role: region.Region(volume, box) for role, volume in opened.items()}
        # Classes come on top where the values of a mask are looked up.
        method = dataset.segmentation.method
        voxel_bytes = sum(volume.dtype.itemsize for volume in read.values()) + {"mask": 1, "model": 3}.get(method, 0)
        chunk_z = max(volume.chunk_z for volume in read.values())
        slab = resources.slab_height(scan.path, read["path"].shape, chunk_z, voxel_bytes)
        memory = resources.plan(slab, read["path"].shape, voxel_bytes)
        checksum = "+".join(("" if role == "path" else f"{role}:") + volumes.fingerprint(v) for role, v in opened.items())
    digest = None if links is None else links.digest(scan.t)
    wanted = parameters(dataset, scan, None if region.shape_of(box) == grey.shape else box, digest)
    found = volumes.metadata_apart(scan.path)
    where = f"scan t = {scan.t}"
    warnings += [f"{where}: {text}" for text in found.warnings]
    described, contradictions = metadata.merged(scan, found.scan, where)
    warnings += contradictions + metadata.merged(dataset.sample, found.sample, where)[1]
    action = decide(known, checksum, wanted, f"{where} of sample {dataset.sample.id!r}", "volume", replace=replace)
    of_scan = None if links is None else links.of_scan(scan.t)
    dtype = str(grey.dtype)
    return ScanPlan(
        described, found.sample, grey.shape, box, dtype, slab, memory, checksum, wanted, action, tuple(warnings), of_scan
    )


def _check_rotation_axis(dataset: config.Dataset, scan: config.Scan, shape: Shape) -> None:
    """The axis may lie beside a volume that was cropped, but not farther than ten times its width."""
    for axis, at, n in zip("yx", dataset.sample.rotation_axis or (), shape[1:], strict=False):
        if abs(at) > FAR_AXIS * max(shape[1:]):
            raise InputError(
                f"rotation_axis has {axis} = {at:g}, far outside the slices of {scan.path!r}, which has {n} voxels along {axis}: "
                "give [y, x] in voxels, or leave it out for the centre of the slices"
            )


def decide(known: dict[str, Any] | None, checksum: str, wanted: str, name: str, source: str, *, replace: bool) -> Action:
    """What to do with a scan, given what the store knows of it.

    Raises
    ------
    ScanExists
        If it is there with another content or other parameters and `replace` is false.
    """
    if known is None:
        return "add"
    others = ", ".join(differing(known["parameters"], json.loads(wanted)))
    if known["checksum"] == checksum and not others:
        return "skip"
    if not replace:
        made = f"with other parameters ({others})" if known["checksum"] == checksum else f"from another {source}"
        raise ScanExists(f"{name} is in the store already, made {made}: give --replace to make it anew, or another t")
    return "replace"


def differing(held: dict[str, Any] | None, wanted: dict[str, Any]) -> Iterator[str]:
    """Names of the parameters that differ, as in `scan.load_n`."""
    held = held or {}
    for name in sorted(held.keys() | wanted.keys()):
        value, other = wanted.get(name), held.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from (
                f"{name}.{inner}" for inner in sorted(value.keys() | other.keys()) if value.get(inner) != other.get(inner)
            )
        elif value != other:
            yield name


def _compare_voxel_size(dataset: config.Dataset, scan: config.Scan, volume: volumes.Volume) -> Iterator[str]:
    """Warn of a voxel size that differs from the file's; a factor of 2, or 1 as a placeholder, is an error."""
    declared, found = dataset.sample.voxel_size_um, volume.voxel_size_um
    if found is None or np.allclose(declared, found, rtol=0.01):
        return
    factors = np.array(declared) / np.array(found)
    told = f"scan t = {scan.t}: the voxel size declared is {declared} um (z, y, x), the file {scan.path!r} says {found} um"
    # A file that says 1 was mostly written by a program that did not know.
    placeholder = all(size == 1 for size in found)
    wrong = np.abs(np.log(factors)).max() > np.log(WRONG_FACTOR) or all(size == 1 for size in declared)
    if wrong and not placeholder and not dataset.sample.insist_on_voxel_size:
        factor = ", ".join(dict.fromkeys(f"{value:.4g}" for value in factors))
        raise InputError(
            f"{told}: they differ by the factor {factor}. Correct the one declared (its unit is the micrometre), or insist on "
            "it: insist_on_voxel_size = true under [sample], --insist-on-voxel-size on the command line"
        )
    yield f"{told}: the declared one is used"


def known_scans(store: Store, sample: str, times: set[int]) -> dict[int, dict[str, Any]]:
    """What the store holds of the scans `times` of a sample, and of one other: all scans of a sample have one shape."""
    revision = store.manifest()
    held = set(revision.scans(sample))
    wanted = times & held
    known = {}
    for t in sorted(wanted | set(sorted(held - wanted)[:1])):
        (row,) = store.read("scans", sample=sample, t=t, revision=revision).to_pylist()
        jobs = store.read("jobs", sample=sample, t=t, revision=revision).to_pylist() if t in wanted else []
        made = [json.loads(job["parameters"]) for job in jobs if job["job_id"] == row["job_id"]]
        known[t] = {
            "checksum": row["checksum"],
            "parameters": made[0] if made else None,
            "shape": (row["n_z"], row["n_y"], row["n_x"]),
            "read": region.shape_of(region.stored(row)),
        }
    return known


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


def check_shapes(scans: dict[int, tuple[Shape, Shape]]) -> None:
    """Scans must have one shape, or be read in regions of one shape."""
    whole, read = ({t: shapes[part] for t, shapes in scans.items()} for part in (0, 1))
    if len(set(whole.values())) <= 1 or len(set(read.values())) <= 1:
        return
    listed = ", ".join(f"t = {t}: {shape}" for t, shape in sorted(whole.items()))
    usual = Counter(whole.values()).most_common(1)[0][0]
    turned = [t for t, shape in sorted(whole.items()) if shape != usual and sorted(shape) == sorted(usual)]
    remedy = (
        f"t = {turned[0]} looks as if its axes were in another order than those of its neighbours: write its file with the same "
        "order, or give `axes` if this is the order of all files"
        if turned
        else "crop them to the same box, or give each scan a `roi` of one shape"
    )
    raise InputError(f"the scans of a sample must have one shape (z, y, x), but found {listed}: {remedy}")
