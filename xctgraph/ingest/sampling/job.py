"""The labelling job: a folder with the chosen slices, what they are, and the masks that come back."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xctgraph.ingest import config
from xctgraph.ingest.sampling import agreement, masks, slices
from xctgraph.ingest.sampling.choose import Chosen
from xctgraph.ingest.sampling.embed import Embedding
from xctgraph.ingest.volumes import places
from xctgraph.store.errors import InputError

JOB, IMAGES, ANNOTATIONS, MONTAGE = "job.json", "images", "annotations", "montage.png"
CLASSES = {"background": 0, "inclusion": 1, "pore": 2, "fracture": 3}
_THUMB = 160


@dataclass(frozen=True)
class Imported:
    """Masks taken back.

    Attributes
    ----------
    annotator : str
    names : tuple of str
        Slices whose masks were taken.
    missing : tuple of str
        Slices of the job that this annotator has not done, now or before.
    pixels : dict
        Pixels of each class.
    agreement : tuple of Agreement
        With all other annotators of the job.
    """

    annotator: str
    names: tuple[str, ...]
    missing: tuple[str, ...]
    pixels: dict[str, int]
    agreement: tuple[agreement.Agreement, ...]


def write(
    folder: Path, dataset: config.Dataset, embedding: Embedding, chosen: Chosen, classes: Mapping[str, int] | None = None
) -> list[str]:
    """Write the chosen slices as TIFF, the manifest `job.json`, and a montage; return the names of the slices.

    Raises
    ------
    InputError
        If the folder holds a job or images already, or the classes are not right.
    """
    check_free(folder)
    known = check_classes(CLASSES if classes is None else classes)
    images = folder / f"{IMAGES}.part"  # of a run that was stopped nothing stays
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    entries: list[dict[str, Any]] = [{} for _ in chosen.rows]
    thumbs = [np.zeros((0, 0), np.uint8) for _ in chosen.rows]
    sample_masks = {scan.t: scan.mask for scan in dataset.scan}
    for place, row, plane in slices.read(dataset, embedding, chosen.rows):
        name = f"{row['sample']}_t{row['t']:03d}_z{row['z']:05d}"
        tifffile.imwrite(images / f"{name}.tif", plane, compression="zlib")
        cluster = None if chosen.labels is None else int(chosen.labels[chosen.rows[place]])
        entries[place] = {"name": name, "t": row["t"], "z": row["z"], "shape": list(plane.shape)}
        entries[place] |= {"path": places.absolute(row["path"])}
        entries[place] |= {"cluster": cluster, chosen.scalar: row[chosen.scalar]}
        entries[place] |= {"box": [list(side) for side in row["box"]], "window": [row["low"], row["high"]]}
        mask = sample_masks[row["t"]]
        entries[place] |= {"mask": None if mask is None else places.absolute(mask)}
        thumbs[place] = _thumb(plane, row["low"], row["high"])
    Image.fromarray(montage(thumbs)).save(folder / MONTAGE)
    manifest = {
        "sample": dataset.sample.id,
        "voxel_size_um": list(dataset.sample.voxel_size_um),
        "axes": dataset.sample.axes,
        "rotation_axis": dataset.sample.rotation_axis,
        "classes": known,
        "chosen": chosen.facts,
        "embedding": {key: embedding.settings[key] for key in ("model", "weights", "runtime", "step")},
        "slices": entries,
    }
    images.rename(folder / IMAGES)
    (folder / f"{JOB}.part").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    (folder / f"{JOB}.part").replace(folder / JOB)
    return [entry["name"] for entry in entries]


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a job, or images that would be taken for those of one.

    Raises
    ------
    InputError
        If it does.
    """
    if (folder / JOB).exists():
        raise InputError(f"{folder} holds a labelling job already: give another folder, so that its masks are not lost")
    if (folder / IMAGES).exists():
        raise InputError(f"{folder / IMAGES} is there already, but no {JOB}: give another folder, or remove these images")


def check_classes(classes: Mapping[str, int]) -> dict[str, int]:
    """Classes of a job, the background first: 0 where it is not given.

    Raises
    ------
    InputError
        If two classes have one value, or there is nothing but background.
    """
    known = {"background": classes.get("background", 0), **classes}
    check_values(known)
    if len(known) == 1:
        raise InputError("background is the only class: give others too, as in --class inclusion=1")
    return known


def check_values(classes: Mapping[str, int]) -> None:
    """Refuse classes that cannot be told apart.

    Raises
    ------
    InputError
        With the first two of one value.
    """
    by_value: dict[int, str] = {}
    for name, value in classes.items():
        if value in by_value:
            raise InputError(
                f"classes {by_value[value]!r} and {name!r} both have the value {value}: give each a value of its own"
            )
        by_value[value] = name


def load(folder: Path) -> dict[str, Any]:
    """Read the manifest of a job.

    Raises
    ------
    InputError
        If the folder holds none.
    """
    try:
        found: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{folder} holds no labelling job ({JOB}): make one with xctgraph sample DATASET.toml") from error
    except ValueError as error:
        raise InputError(f"{folder / JOB} is damaged ({error}): restore it, or make the job again in another folder") from error
    return found


def take(
    folder: Path,
    places: Sequence[Path],
    annotator: str,
    *,
    classes: Mapping[str, int] | None = None,
    partial: bool = False,
    tolerance: float = 2.0,
) -> Imported:
    """Check masks and take them into the job; nothing is taken if one of them is wrong.

    Parameters
    ----------
    folder
        Of the job.
    places
        Mask files, or folders of them: see `masks.find`.
    annotator
        Name of a folder below `annotations`.
    classes
        Values in these files, where they are not those of the job: ilastik begins at 1.
    partial
        Whether slices may be without a mask.
    tolerance
        Of boundaries where annotators are compared, in pixels.

    Raises
    ------
    InputError
        If a slice has no mask, or a mask is not right: see `masks.read`.
    """
    manifest = load(folder)
    wanted: dict[str, int] = manifest["classes"]
    given = dict(classes or wanted)
    unknown = sorted(set(given) - set(wanted))
    if unknown:
        raise InputError(f"class {unknown[0]!r} is not one of the job: {', '.join(wanted)}")
    check_values(given)
    if not annotator or annotator.startswith(".") or Path(annotator).name != annotator:
        raise InputError(f"annotator {annotator!r} names a folder: letters, digits, - and _")
    target = folder / ANNOTATIONS / annotator
    shapes = {entry["name"]: (int(entry["shape"][0]), int(entry["shape"][1])) for entry in manifest["slices"]}
    files = masks.find(places, shapes)
    before = {file.stem for file in target.glob("*.png")}
    missing = tuple(name for name in shapes if name not in files and name not in before)
    if missing and not partial:
        raise InputError(
            f"{len(missing)} of {len(shapes)} slices have no mask: {', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}; annotate them, or give --partial"
        )
    table = np.zeros(256, np.uint8)
    for name, value in given.items():
        table[value] = wanted[name]
    read = {name: table[masks.read(file, shapes[name], given)] for name, file in files.items()}
    target.mkdir(parents=True, exist_ok=True)
    for name, values in read.items():
        Image.fromarray(values).save(target / f"{name}.png")
    pixels = {name: sum(int((values == value).sum()) for values in read.values()) for name, value in wanted.items()}
    found = tuple(agreement.compare(annotated(folder), wanted, tolerance))
    with (folder / "agreement.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["slice", "first", "second", "of_class", "boundary_f1", "kappa"])
        writer.writeheader()
        writer.writerows(asdict(one) for one in found)
    return Imported(annotator, tuple(read), missing, pixels, found)


def annotated(folder: Path) -> dict[str, dict[str, NDArray[np.uint8]]]:
    """All masks of a job, in its classes: by slice, then annotator."""
    found: dict[str, dict[str, NDArray[np.uint8]]] = {}
    for file in sorted((folder / ANNOTATIONS).glob("*/*.png")):
        with Image.open(file) as image:
            found.setdefault(file.stem, {})[file.parent.name] = np.asarray(image)
    return found


def montage(thumbs: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Small pictures side by side in the order of choice, in rows of about the golden ratio."""
    across = int(np.ceil(np.sqrt(1.6 * len(thumbs))))
    down = -(-len(thumbs) // across)
    edge = _THUMB + 4
    sheet = np.full((down * edge, across * edge), 255, np.uint8)
    for k, thumb in enumerate(thumbs):
        y, x = k // across * edge + 2, k % across * edge + 2
        sheet[y : y + thumb.shape[0], x : x + thumb.shape[1]] = thumb
    return sheet


def _thumb(plane: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    grey = (np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    scale = _THUMB / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
