"""Order of the axes that HDF5 conventions state."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from xctgraph.ingest.volumes.axes import ORDERS
from xctgraph.ingest.volumes.hdf5_discovery import get


def stated(data: h5py.Dataset) -> str | None:
    """Order of the axes of a dataset of rank 3, slowest first, as in "xyz"; None where nothing names z, y and x.

    Looked for in this order:

    - `axes` of the group whose `signal` the dataset is, or that names no signal (NXdata);
    - `axes` of the dataset, as `z:y:x` (NXdata of before 2014, DXchange);
    - labels of its dimensions (HDF5 dimension scales);
    - coordinates `z`, `y`, `x` beside the dataset whose lengths fit one order only.
    """
    return next((order for order in _candidates(data) if order in ORDERS), None)


def _candidates(data: h5py.Dataset) -> Iterator[str]:
    home = data.parent
    yield from (_joined(names) for names in _named(data))
    coordinates = {axis: get(home, axis) for axis in "zyx"}
    lengths = {axis: item.shape for axis, item in coordinates.items() if isinstance(item, h5py.Dataset)}
    fitting = [order for order in ORDERS if [lengths.get(axis) for axis in order] == [(size,) for size in data.shape]]
    if len(fitting) == 1:
        yield fitting[0]


def names_of_axes(data: h5py.Dataset) -> list[str]:
    """Names that its group (NXdata), it or its dimensions give to its axes."""
    return [part.lower() for names in _named(data) for name in names for part in _parts(name)]


def _named(data: h5py.Dataset) -> Iterator[list[str]]:
    home = data.parent
    signal = _texts(home.attrs.get("signal"))
    if not signal or signal == [str(data.name).rpartition("/")[2]]:
        yield _texts(home.attrs.get("axes"))
    yield _texts(data.attrs.get("axes"))
    yield [dimension.label for dimension in data.dims]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.replace(",", ":").strip("[]").split(":")]


def _joined(names: list[str]) -> str:
    """One string of the names of the axes; "" unless each has one letter, so that no other name makes an order."""
    letters = [part.lower() for name in names for part in _parts(name)]
    return "".join(letters) if all(len(letter) == 1 for letter in letters) else ""


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in np.ravel(np.asarray(value))]
