"""Whether an HDF5 dataset holds the projections of a scan, not the volume reconstructed from them."""

from __future__ import annotations

import h5py

from xctgraph.ingest.volumes.hdf5_axes import names_of_axes
from xctgraph.ingest.volumes.hdf5_discovery import definition, get, nx_class
from xctgraph.store.errors import VolumeError

ANGLES = ("rotation_angle", "theta")
FLATS = ("data_white", "data_dark")


def refuse(data: h5py.Dataset, name: str) -> None:
    """Refuse projections: raw data of NXtomo and of DXchange.

    Raises
    ------
    VolumeError
        If the dataset has an axis of angles; lies beside `image_key` or, in an NXtomo entry, beside `rotation_angle` or in its
        detector; or beside `theta` with a value for each projection, flats and darks (DXchange).
    """
    if reason := _reason(data):
        raise VolumeError(
            f"{name} holds projections, not a reconstructed volume ({reason}): give the file that the reconstruction wrote"
        )


def _reason(data: h5py.Dataset) -> str:
    home, names = data.parent, names_of_axes(data)
    for angle in ANGLES:
        if angle in names:
            return f"one of its axes is {angle}"
    if _per_projection(home, "image_key", data):
        return "image_key lies beside it"
    if _in_nxtomo(home):
        if nx_class(home) == "NXdetector":
            return "it lies in the detector of an NXtomo entry"
        if _per_projection(home, "rotation_angle", data):
            return "its entry is NXtomo, and rotation_angle lies beside it"
    if _per_projection(home, "theta", data) and any(name in home for name in FLATS):
        return "theta, flats and darks lie beside it"
    return ""


def _per_projection(home: h5py.Group, name: str, data: h5py.Dataset) -> bool:
    item = get(home, name)
    return isinstance(item, h5py.Dataset) and item.shape is not None and item.shape == data.shape[:1]


def _in_nxtomo(group: h5py.Group) -> bool:
    """Whether the entry that the group lies in is NXtomo; the results of a process are its volumes."""
    while group.name not in (None, "/"):
        if nx_class(group) in ("NXtomoproc", "NXprocess"):
            return False
        if definition(group):
            return definition(group) == "NXtomo"
        group = group.parent
    return False
