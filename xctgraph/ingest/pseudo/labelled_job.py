"""The slices of a labelling job, pseudo-labelled; its annotated slices say how."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xctgraph.ingest import volumes
from xctgraph.ingest.learning import annotated as learned
from xctgraph.ingest.pseudo import reference
from xctgraph.ingest.pseudo.flatten import Flat, flatten
from xctgraph.ingest.pseudo.label import pseudolabel
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters
from xctgraph.ingest.pseudo.reference import Reference, finite
from xctgraph.ingest.pseudo.search import UNKNOWN, Annotated, Sought, search
from xctgraph.ingest.pseudo.work import CONFIDENCE, MASKS, REPORT, Bytes, Progress, Report, Source, silent, source
from xctgraph.ingest.sampling import job, masks
from xctgraph.store.errors import InputError, VolumeError

PSEUDO = "pseudo"


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice of a job with what its labels depend on."""

    name: str
    t: int
    plane: NDArray[Any]
    reference: Reference
    material: NDArray[np.bool_] | None
    axis: tuple[float, float] | None

    def flat(self, parameters: Parameters) -> Flat:
        """Without background."""
        return flatten(
            self.plane, self.reference, material=self.material, window=parameters.window, axis=self.axis, rings=parameters.rings
        )


def label_job(
    folder: Path, parameters: Parameters | None = None, *, annotated: Path | None = None, progress: Progress = silent
) -> Report:
    """Write masks, with the values of the job's classes, and confidence of all slices of a job into its folder `pseudo`.

    Parameters
    ----------
    folder
        As `xctgraph sample` writes it.
    parameters
        If not given they are sought on the annotated slices, or have their defaults where there are none.
    annotated
        Folder of masks (see `masks.find`) in place of those of the job.
    progress

    Raises
    ------
    InputError
        If there is no job, it has no slices or none of the known classes, or a mask does not fit.
    VolumeError
        If a slice cannot be read, or holds values that are not finite.
    """
    manifest = job.load(folder)
    classes: dict[str, int] = manifest["classes"]
    if not manifest["slices"]:
        raise InputError(f"{folder} is a job without slices: make it again with xctgraph sample")
    if not set(KINDS) & set(classes):
        raise InputError(f"the classes of {folder} are {', '.join(classes)}: pseudo-labels are of {', '.join(KINDS)}")
    truth = truths(folder, annotated) if parameters is None else {}
    report = Report(parameters or Parameters())
    report.notes += [f"class {name!r} of the job has no pseudo-labels" for name in classes if name not in (*KINDS, "background")]
    if truth:
        chosen = [one for one in slices(folder, manifest, report, truth) if one.name in truth]
        report.sought = sought(chosen, truth)
        report.parameters = report.sought.parameters
    codes = np.array(
        [classes.get("background", 0), *(classes.get(kind, classes.get("background", 0)) for kind in KINDS)], np.uint8
    )
    target = folder / PSEUDO
    for part in (MASKS, CONFIDENCE):
        (target / part).mkdir(parents=True, exist_ok=True)
    for done, one in enumerate(slices(folder, manifest, report), 1):
        found, sure = pseudolabel(one.plane, one.reference, report.parameters, material=one.material, axis=one.axis)
        Image.fromarray(codes[found]).save(target / MASKS / f"{one.name}.png")
        Image.fromarray(sure).save(target / CONFIDENCE / f"{one.name}.png")
        report.count(found, sure)
        report.show(one.name, one.plane, found, sure)
        progress("pseudo-labels", done, len(manifest["slices"]))
    report.notes = list(dict.fromkeys(report.notes))
    (target / REPORT).write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    return report


def sought(chosen: list[Slice], truth: Mapping[str, Bytes]) -> Sought:
    """Search on slices whose classes are known."""
    start = Parameters()
    return search([Annotated(one.flat(start), truth[one.name]) for one in chosen], start)


def truths(folder: Path, annotated: Path | None = None) -> dict[str, Bytes]:
    """Annotated masks of a job, or those of a folder, in codes 0 to 3; 255 for other classes of the job.

    Raises
    ------
    InputError
        If a mask does not fit.
    """
    manifest = job.load(folder)
    classes: dict[str, int] = manifest["classes"]
    if annotated is not None:
        shapes = {entry["name"]: (int(entry["shape"][0]), int(entry["shape"][1])) for entry in manifest["slices"]}
        table = _codes(list(classes), list(classes.values()))
        return {name: table[masks.read(file, shapes[name], classes)] for name, file in masks.find([annotated], shapes).items()}
    if not job.annotated(folder):
        return {}
    table = _codes(list(classes), list(range(len(classes))))
    return {one.name: table[one.target] for one in learned.load(folder).examples}


def slices(folder: Path, manifest: Mapping[str, Any], report: Report, names: Mapping[str, Any] | None = None) -> Iterator[Slice]:
    """The slices of a job, those of `names` where it is given, scan by scan in the order of z.

    References are made of the volumes the slices were taken from; where one is gone, of the slices of the job.
    """
    entries = [entry for entry in manifest["slices"] if names is None or entry["name"] in names]
    with ExitStack() as stack:
        opened: dict[str, Source | None] = {}
        for entry in sorted(entries, key=lambda entry: (entry["t"], entry["z"])):
            plane = _image(folder, entry)
            path = entry["path"]
            if path not in opened:
                opened[path] = _source(stack, manifest, entry, report)
            found = opened[path]
            if found is None:
                alike = [_image(folder, other) for other in manifest["slices"] if other["t"] == entry["t"]][: reference.LOOKED_AT]
                alike = [other for other in alike if other.shape == plane.shape]
                known = reference.make(alike, air=report.parameters.air)
                yield Slice(entry["name"], entry["t"], plane, known, None, None)
                continue
            z = int(entry["z"]) - found.region.box[0][0]
            material = found.material(z, z + 1)
            inside = None if material is None else material[0]
            plane = finite(plane, f"slice {entry['name']}", inside)
            yield Slice(entry["name"], entry["t"], plane, found.reference(z, report.parameters), inside, found.axis)


def _source(stack: ExitStack, manifest: Mapping[str, Any], entry: Mapping[str, Any], report: Report) -> Source | None:
    try:
        volume = stack.enter_context(volumes.open_apart(entry["path"], axes=manifest["axes"]))
        mask = None
        if entry.get("mask"):
            mask = stack.enter_context(volumes.open_apart(entry["mask"], axes=manifest["axes"]))
    except VolumeError as error:
        report.notes.append(
            f"scan t = {entry['t']} cannot be read ({str(error).partition(';')[0]}): its slices were compared with those of the "
            "job, and a fracture that lies in most of them is not told from air"
        )
        return None
    box = tuple(tuple(side) for side in entry["box"])
    axis = manifest.get("rotation_axis")
    return source(volume, mask, box, None if axis is None else (axis[0], axis[1]))


def _image(folder: Path, entry: Mapping[str, Any]) -> NDArray[Any]:
    file = folder / job.IMAGES / f"{entry['name']}.tif"
    try:
        plane: NDArray[Any] = tifffile.imread(file)
    except Exception as error:  # tifffile raises nearly anything on damaged files
        raise VolumeError(f"slice {file} cannot be read ({error}): make the job again with xctgraph sample") from error
    if list(plane.shape) != list(entry["shape"]):
        raise VolumeError(f"slice {file} has shape {plane.shape}, but the job says {tuple(entry['shape'])}: make the job again")
    return finite(plane, f"slice {entry['name']}", None) if not entry.get("mask") else plane


def _codes(names: list[str], values: list[int]) -> Bytes:
    table = np.full(256, UNKNOWN, np.uint8)
    for name, value in zip(names, values, strict=True):
        table[value] = 0 if name == "background" else KINDS.index(name) + 1 if name in KINDS else UNKNOWN
    return table
