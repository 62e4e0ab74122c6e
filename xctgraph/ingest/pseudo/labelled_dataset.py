"""The scans of a dataset, pseudo-labelled slice by slice, and a dataset file that ingests what came of it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from xctgraph.ingest import config, volumes
from xctgraph.ingest.pseudo.label import pseudolabel
from xctgraph.ingest.pseudo.labelled_job import slices, sought, truths
from xctgraph.ingest.pseudo.parameters import Parameters
from xctgraph.ingest.pseudo.reference import finite
from xctgraph.ingest.pseudo.work import REPORT, Bytes, Progress, Report, Source, silent, source
from xctgraph.ingest.sampling import job
from xctgraph.ingest.volumes.region import resolve
from xctgraph.store.errors import InputError

DATASET = "dataset.toml"
MIN_VOXELS = 5
_READ = 8  # slices at once
_SHOWN = 24
_HEAD = "# Made by xctgraph pseudolabel. Dark objects are told apart into pores and fractures by their shape in 3D.\n\n"


def label_dataset(
    dataset_file: Path,
    out: Path,
    parameters: Parameters | None = None,
    *,
    annotated: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Write two TIFF stacks per scan, classes and confidence, and `dataset.toml`, which `xctgraph ingest` takes.

    Classes are 0 background, 1 inclusion, 2 pore, 3 fracture. One slice is held at a time, and nine where a section begins.

    Parameters
    ----------
    dataset_file
    out
        Folder to write to.
    parameters
        If not given they are sought on the annotated slices, or have their defaults where there are none.
    annotated
        A labelling job with masks.
    progress

    Raises
    ------
    InputError
        If the dataset is not right, its slices are not along the first axis of the files, or the folder holds one already.
    VolumeError
        If a scan cannot be read, or holds values that are not finite.
    """
    dataset = config.load(dataset_file)
    if dataset.sample.axes[0] != "z":
        raise InputError(
            f"axes = {dataset.sample.axes!r}: stacks are written slice by slice along z, which must be the first axis of the "
            "files, as in 'zyx': convert the volumes"
        )
    if (out / DATASET).exists():
        raise InputError(f"{out} holds a {DATASET} already: give another folder with --out")
    report = Report(parameters or Parameters())
    if parameters is None and annotated is not None:
        truth = truths(annotated)
        if not truth:
            raise InputError(f"{annotated} holds no masks: annotate its images, then xctgraph sample import {annotated} MASKS")
        report.sought = sought(list(slices(annotated, job.load(annotated), report, truth)), truth)
        report.parameters = report.sought.parameters
    out.mkdir(parents=True, exist_ok=True)
    each = max(1, _SHOWN // len(dataset.scan))
    for scan in dataset.scan:
        with ExitStack() as stack:
            volume = stack.enter_context(volumes.open_apart(scan.path, axes=dataset.sample.axes))
            mask = None
            if scan.mask is not None:
                mask = stack.enter_context(volumes.open_apart(scan.mask, axes=dataset.sample.axes))
                if mask.shape != volume.shape:
                    raise InputError(
                        f"scan t = {scan.t}: mask {scan.mask!r} has shape {mask.shape} (z, y, x), but the volume "
                        f"{scan.path!r} has {volume.shape}: they must be equal"
                    )
            box = resolve(dataset.roi(scan), volume.shape, scan.path)
            found = source(volume, mask, box, dataset.sample.rotation_axis)
            _label_scan(found, scan, volume.shape, out, report, dataset.sample.axes == "zxy", each, progress)
    (out / DATASET).write_text(_HEAD + _toml(_declared(dataset_file, dataset)), encoding="utf-8")
    (out / REPORT).write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    return report


def _label_scan(
    found: Source,
    scan: config.Scan,
    shape: tuple[int, int, int],
    out: Path,
    report: Report,
    turned: bool,
    shown: int,
    progress: Progress,
) -> None:
    (z0, z1), (y0, y1), (x0, x1) = found.region.box
    n_z = z1 - z0
    wanted = {(2 * k + 1) * n_z // (2 * shown) for k in range(shown)}
    names = (_name(scan.t, "classes"), _name(scan.t, "confidence"))
    with ExitStack() as stack:
        classes, confidence = (stack.enter_context(tifffile.TiffWriter(out / name, bigtiff=True)) for name in names)

        def write(stack: tifffile.TiffWriter, plane: Bytes) -> None:
            whole = np.zeros(shape[1:], np.uint8)
            whole[y0:y1, x0:x1] = plane
            stack.write(
                np.ascontiguousarray(whole.T if turned else whole),
                photometric="minisblack",
                compression="zlib",
                metadata=None,
                contiguous=False,
            )

        nothing = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for _ in range(z0):
            write(classes, nothing)
            write(confidence, nothing)
        for first in range(0, n_z, _READ):
            planes = found.region.read(first, min(first + _READ, n_z))
            materials = found.material(first, first + len(planes))
            for k, grey in enumerate(planes):
                z = first + k
                material = None if materials is None else materials[k]
                plane = finite(grey, f"slice z = {z0 + z} of scan t = {scan.t}", material)
                known = found.reference(z, report.parameters)
                code, sure = pseudolabel(plane, known, report.parameters, material=material, axis=found.axis)
                write(classes, code)
                write(confidence, sure)
                report.count(code, sure)
                if z in wanted:
                    report.show(f"t = {scan.t}, z = {z0 + z}", plane, code, sure)
                progress(f"pseudo-labels of scan t = {scan.t}", z + 1, n_z)
        for _ in range(shape[0] - z1):
            write(classes, nothing)
            write(confidence, nothing)


def _name(t: int, part: str) -> str:
    return f"scan_{t:03d}_{part}.tif"


def _declared(file: Path, dataset: config.Dataset) -> dict[str, Any]:
    """What the file says, with masks in place of its segmentation."""
    said = config.read_toml(file)
    kept = {name: value for name, value in said.get("segmentation", {}).items() if name.startswith("fracture_")}
    said["segmentation"] = {**kept, "method": "mask", "kinds": {"1": "inclusion", "2": "dark", "3": "dark"}}
    said["measure"] = {"min_voxels": MIN_VOXELS} | said.get("measure", {})
    for declared, scan in zip(said["scan"], dataset.scan, strict=True):
        declared |= {name: str(Path(value).resolve()) for name in ("path", "mask") if (value := getattr(scan, name)) is not None}
        declared |= {"labels": _name(scan.t, "classes"), "confidence": _name(scan.t, "confidence")}
    return said


def _toml(said: dict[str, Any]) -> str:
    """Sections of plain values, and lists of sections."""
    lines = []
    for name, section in said.items():
        for one in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{key} = {_value(value)}" for key, value in one.items()]
            lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    # Strings, numbers and truth values of JSON are those of TOML, but for characters above 127 in pairs.
    return json.dumps(value, ensure_ascii=False)
