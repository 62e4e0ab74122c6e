"""Which array of a Zarr store is the volume, what its axes are, and the voxel size that OME-Zarr (NGFF) states."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from xctgraph.ingest.volumes.base import is_numeric
from xctgraph.ingest.volumes.length import in_micrometres
from xctgraph.store.errors import VolumeError, nearest

MAX_LISTED = 20
BY_RANK = {4: ("t", "z", "y", "x"), 5: ("t", "c", "z", "y", "x")}
Node = zarr.Array[Any] | zarr.Group
Steps = tuple[float | None, ...]


@dataclass(frozen=True)
class Found:
    """An array, its path in the store, and per axis its name and the length of a step in um; None where nothing says so.

    `ignored` are the kinds of its transformations that are not applied; then no step is known.
    """

    array: zarr.Array[Any]
    where: str
    names: tuple[str, ...] | None
    steps_um: Steps | None
    ignored: tuple[str, ...] = ()


def find(root: Node, path: Path, where: str) -> Found:
    """Find the volume at `where` or, if that is a group, in it.

    Level 0 of the image of an OME-Zarr group, or of the only image in the group; else the only numeric array that is longer
    than 1 along three axes or more.

    Raises
    ------
    VolumeError
        If there is no such array, or several: they are listed.
    """
    where = where.strip("/")
    node = _node(root, path, where)
    if isinstance(node, zarr.Group):
        where = _only(node, path, where)
        node = _node(root, path, where)
    if not isinstance(node, zarr.Array):
        raise VolumeError(f"{path}:/{where} is a group, but its image says it is an array: the store is damaged")
    return _described(root, node, where)


def indices(found: Found, name: str, chosen: Mapping[str, int]) -> tuple[int | None, ...]:
    """Per axis of the array the index of a time or channel, None along z, y and x.

    Raises
    ------
    VolumeError
        If an axis other than z, y, x is longer than 1 and `chosen` has no valid index for it.
    """
    names, shape = found.names, found.array.shape
    if names is None or not {"z", "y", "x"} <= set(names):
        if chosen:
            raise VolumeError(f"{name} has no axis {', '.join(chosen)}: its shape is {shape}, its axes {names or 'not named'}")
        if set(names or ()) & {"t", "c"}:
            raise VolumeError(f"{name} has shape {shape}, its axes are {', '.join(names or ())}: a volume has z, y and x")
        return (None,) * len(shape)
    others = {axis: size for axis, size in zip(names, shape, strict=True) if axis not in "zyx"}
    for axis, index in chosen.items():
        if axis not in others:
            raise VolumeError(f"{name} has no axis {axis!r} to choose from: {nearest(axis, others) if others else 'none'}")
        if not 0 <= index < others[axis]:
            raise VolumeError(f"{name} has no {axis} = {index}: valid are {axis} = 0 to {others[axis] - 1}")
    for axis, size in others.items():
        if size > 1 and axis not in chosen:
            raise VolumeError(
                f"{name} holds {size} volumes along its axis {axis!r} (axes {', '.join(names)}, shape {shape}). Name one as "
                f"{path_with(name, axis)}0 … {path_with(name, axis)}{size - 1}, each a scan of its own"
            )
    return tuple(None if axis in "zyx" else chosen.get(axis, 0) for axis in names)


def path_with(name: str, axis: str) -> str:
    """How to name the volume at an index of `axis`, without the index."""
    return f"{name}{',' if '=' in name.rpartition(':')[2] else ':'}{axis}="


def _node(root: Node, path: Path, where: str) -> Node:
    node = root
    done = ""
    for part in where.split("/") if where else []:
        if isinstance(node, zarr.Array):
            raise VolumeError(f"{path} has no {where!r}: /{done} is an array and holds nothing")
        group = node
        try:
            node = group[part]
        except KeyError:
            raise VolumeError(f"{path} has no {where!r}: /{done} holds: {_contents(group)}") from None
        done = f"{done}/{part}".strip("/")
    return node


def _only(group: zarr.Group, path: Path, where: str) -> str:
    for candidates in (dict(_images(group, where)), dict(_arrays(group, where))):
        if len(candidates) == 1:
            return next(iter(candidates))
        if candidates:
            listed = [f"{path}:/{name} {text}" for name, text in sorted(candidates.items())[:MAX_LISTED]]
            more = f"\n  and {len(candidates) - MAX_LISTED} more" if len(candidates) > MAX_LISTED else ""
            raise VolumeError(
                f"{path} holds {len(candidates)} arrays that may be the volume. Name one as STORE:/PATH:\n  "
                + "\n  ".join(listed)
                + more
            )
    raise VolumeError(f"{path}{':/' + where if where else ''} holds no numeric array of rank 3. It holds: {_contents(group)}")


def _images(group: zarr.Group, where: str) -> Iterator[tuple[str, str]]:
    """Level 0 of every OME-Zarr image; label images inside an image don't count."""
    scales = multiscales(group.attrs.asdict())
    if scales:
        yield _joined(where, str(scales[0]["datasets"][0]["path"])), f"OME-Zarr image {scales[0].get('name') or ''}".strip()
        return
    for name, child in group.groups():
        yield from _images(child, _joined(where, name))


def _arrays(group: zarr.Group, where: str) -> Iterator[tuple[str, str]]:
    for name, array in group.arrays():
        if sum(size > 1 for size in array.shape) >= 3 and is_numeric(np.dtype(array.dtype)):
            yield _joined(where, name), f"{array.shape} {array.dtype}"
    for name, child in group.groups():
        yield from _arrays(child, _joined(where, name))


def _joined(where: str, name: str) -> str:
    return f"{where}/{name}".strip("/")


def _contents(group: zarr.Group) -> str:
    lines = sorted(
        f"{name} {node.shape} {node.dtype}" if isinstance(node, zarr.Array) else f"{name}/" for name, node in group.members()
    )
    return ", ".join(lines[:MAX_LISTED] + [f"and {len(lines) - MAX_LISTED} more"] * (len(lines) > MAX_LISTED)) or "nothing"


def multiscales(attributes: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Images of a group: NGFF 0.5 keeps them under `ome`, versions up to 0.4 do not."""
    home = attributes.get("ome", attributes)
    found = home.get("multiscales", ()) if isinstance(home, Mapping) else ()
    return [item for item in found if isinstance(item, Mapping) and item.get("datasets")] if isinstance(found, Sequence) else []


def _described(root: Node, array: zarr.Array[Any], where: str) -> Found:
    attributes = array.attrs.asdict()
    stated = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
    names = _names(stated, array.ndim, where) or BY_RANK.get(array.ndim)
    steps: Steps | None = None
    ignored: tuple[str, ...] = ()
    parts = where.split("/") if where else []
    for depth in range(len(parts)):
        group = root if depth == 0 else root["/".join(parts[:depth])] if isinstance(root, zarr.Group) else root
        for image in multiscales(group.attrs.asdict()):
            for dataset in image["datasets"]:
                if str(dataset.get("path", "")).strip("/") == "/".join(parts[depth:]):
                    axes = image.get("axes") or "tczyx"
                    texts = [axis if isinstance(axis, str) else axis.get("name") for axis in axes]
                    names = _names(texts, array.ndim, where) or names
                    ignored = _ignored(image, dataset)
                    steps = None if ignored else _steps(axes, image, dataset, array.ndim)
    return Found(array, where, names, steps, ignored)


def _ignored(image: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = [str(item.get("type")) for level in (dataset, image) for item in level.get("coordinateTransformations") or ()]
    return tuple(sorted(set(kinds) - {"scale", "translation", "identity"}))


def _names(stated: object, rank: int, where: str) -> tuple[str, ...] | None:
    if not isinstance(stated, Sequence) or len(stated) != rank:
        return None
    names = tuple(str(name).lower() for name in stated)
    if twice := [axis for axis in "zyx" if names.count(axis) > 1]:
        raise VolumeError(
            f"/{where} has the axes {', '.join(names)}: {twice[0]} is named twice, so that their order is not known. Correct the "
            "names in its metadata"
        )
    return names if len(set(names)) == rank else None


def _steps(
    axes: Sequence[Any], image: Mapping[str, Any], dataset: Mapping[str, Any], rank: int
) -> tuple[float | None, ...] | None:
    """Step along each axis in um: the scale of the level times that of the whole image."""
    units = [in_micrometres(axis.get("unit", "")) if isinstance(axis, Mapping) else None for axis in axes]
    factors = [1.0] * rank
    scaled = False
    for level in (dataset, image):
        for transformation in level.get("coordinateTransformations") or ():
            scale = transformation.get("scale") if transformation.get("type") == "scale" else None
            if isinstance(scale, Sequence) and len(scale) == rank:
                factors = [factor * float(step) for factor, step in zip(factors, scale, strict=True)]
                scaled = True
    if not scaled or len(units) != rank:
        return None
    steps = [None if unit is None else unit * factor for unit, factor in zip(units, factors, strict=True)]
    return tuple(step if step is not None and math.isfinite(step) and step > 0 else None for step in steps)
