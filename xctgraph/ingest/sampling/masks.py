"""Masks as annotators save them: PNG and TIFF, of napari and ilastik too, and HDF5 of ilastik."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xctgraph.store.errors import InputError

SUFFIXES = (".png", ".tif", ".tiff", ".h5")
# What programs add to the name of the slice: napari saves layers as NAME-labels, ilastik as NAME_Simple Segmentation.
_ADDED = re.compile(r"([-_. ](labels?|masks?|seg(mentation)?|simple[ _]segmentation|labelled|annotations?))+$", re.IGNORECASE)
ILASTIK = "exported_data"


def find(places: Iterable[Path], names: Iterable[str]) -> dict[str, Path]:
    """The file of each slice that has one.

    Parameters
    ----------
    places
        Folders and files. A mask is called as its slice is, with or without what napari and ilastik add.
    names
        Slices of the job.

    Raises
    ------
    InputError
        If a place is not there, a file is of no slice, or a slice has two files.
    """
    wanted = set(names)
    found: dict[str, Path] = {}
    for place in places:
        if not place.exists():
            raise InputError(f"{place} is not there: name the masks, or the folder that holds them")
        files = sorted(file for file in place.iterdir() if file.suffix.lower() in SUFFIXES) if place.is_dir() else [place]
        if not files:
            raise InputError(f"{place} holds no masks: {', '.join(SUFFIXES)} files called as the slices are")
        for file in files:
            name = next((name for name in (file.stem, _ADDED.sub("", file.stem)) if name in wanted), None)
            if name is None:
                some = ", ".join(sorted(wanted)[:3])
                raise InputError(
                    f"{file} is a mask of no slice of the job: it holds {some}, ... (what follows the name may be -labels)"
                )
            if name in found:
                raise InputError(f"slice {name} has two masks, {found[name]} and {file}: give one")
            found[name] = file
    return found


def read(path: Path, shape: tuple[int, int], classes: Mapping[str, int]) -> NDArray[np.uint8]:
    """Read one mask and check it.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        Of the slice, (y, x).
    classes
        Value of each class in the files.

    Returns
    -------
    ndarray of uint8, shape (y, x)

    Raises
    ------
    InputError
        If it cannot be read, is of another size, has several channels, or holds a value of no class.
    """
    try:
        values = _values(path)
    except InputError:
        raise
    except Exception as error:  # each library has errors of its own
        raise InputError(
            f"mask {path} cannot be read ({str(error).splitlines()[0][:200]}): save it again as PNG or TIFF"
        ) from error
    values = np.squeeze(values)
    if values.ndim != 2:
        raise InputError(f"mask {path} has shape {values.shape}: one value for each pixel is wanted, no colours and no stack")
    if values.shape != shape:
        hint = "; it is turned" if values.shape == shape[::-1] else ""
        raise InputError(
            f"mask {path} has {values.shape} pixels (y, x), but its slice has {shape}{hint}: annotate the slice as it is"
        )
    strange = np.setdiff1d(values, list(classes.values()))
    if len(strange):
        y, x = np.argwhere(values == strange[0])[0]
        said = ", ".join(f"{name} = {value}" for name, value in classes.items())
        raise InputError(
            f"mask {path} holds {strange[0]} (at y = {y}, x = {x}), which is no class: {said}. Name them as the masks have them, "
            "with --class NAME=VALUE"
        )
    return values.astype(np.uint8)


def _values(path: Path) -> NDArray[Any]:
    if path.suffix.lower() == ".h5":
        with h5py.File(path) as file:
            if ILASTIK not in file:
                raise InputError(f"mask {path} holds no {ILASTIK}, which ilastik writes: it has {', '.join(file) or 'nothing'}")
            return np.asarray(file[ILASTIK])
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            return np.asarray(image)
    return np.asarray(tifffile.imread(path))
