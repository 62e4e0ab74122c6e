"""Which dataset of an HDF5 file is the volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from xctgraph.ingest.volumes.base import is_numeric
from xctgraph.store.errors import VolumeError

MAX_LISTED = 20
MAX_PATH = 1000  # longer ones come of groups that name one another


def find(file: h5py.File, path: Path, name: str | None) -> tuple[h5py.Dataset, str]:
    """Find the volume and its path in the file.

    A dataset named by `name` is taken. Otherwise, in the whole file or in the group `name`: the `data/data` of an
    NXtomoproc entry, what the `default` attributes of NeXus lead to, `/data` (httomo), `/exchange/data` (DXchange), or the only
    numeric dataset of rank 3 that is longer than 1 along each axis. Paths that lead to the same dataset count once.

    Raises
    ------
    VolumeError
        If there is no such dataset, or several: they are listed with shape and type.
    """
    group: h5py.Group = file
    if name is not None:
        item = _resolve(file, path, name)
        if isinstance(item, h5py.Dataset):
            return item, "/" + name.strip("/")
        group = item
    for candidates in (_tomoproc(group), _default(group), _conventional(group), _rank_3(group)):
        if len(candidates) == 1:
            ((where, data),) = candidates.items()
            return data, where
        if candidates:
            listed = [f"{path}:{where} {data.shape} {data.dtype}" for where, data in list(candidates.items())[:MAX_LISTED]]
            more = f"\n  and {len(candidates) - MAX_LISTED} more" if len(candidates) > MAX_LISTED else ""
            raise VolumeError(
                f"{path} holds {len(candidates)} datasets that may be the volume. Name one as FILE:/PATH:\n  "
                + "\n  ".join(listed)
                + more
            )
    named = f"{path}{':' + name if name else ''}"
    stacks = [
        f"{where} {item.shape} {item.dtype}"
        for where, item in _walk(group)
        if isinstance(item, h5py.Dataset) and item.shape is not None and len(item.shape) > 1
    ]
    if not stacks:
        raise VolumeError(f"{named} holds no numeric dataset of rank 3. It holds: {_contents(group)}")
    more = f", and {len(stacks) - MAX_LISTED} more" if len(stacks) > MAX_LISTED else ""
    raise VolumeError(
        f"{named} holds no numeric dataset of rank 3 that is longer than 1 along each axis, but {', '.join(stacks[:MAX_LISTED])}"
        f"{more}. Write the volume with its three axes alone, each scan of a series in a dataset of its own"
    )


def _tomoproc(group: h5py.Group) -> dict[str, h5py.Dataset]:
    found = {}
    for where, item in _walk(group):
        if isinstance(item, h5py.Group) and "NXtomoproc" in (nx_class(item), definition(item)):
            name = "data"
            signal = get(item, name)
            if isinstance(signal, h5py.Group):
                leaf = _text(signal.attrs.get("signal", "data"))
                name, signal = f"data/{leaf}", get(signal, leaf)
            if isinstance(signal, h5py.Dataset) and _is_volume(signal):
                found[f"{where}/{name}"] = signal
    return _distinct(found)


def _conventional(group: h5py.Group) -> dict[str, h5py.Dataset]:
    for name in ("data", "exchange/data"):
        item = get(group, name)
        if isinstance(item, h5py.Dataset) and _is_volume(item):
            return {f"{str(group.name).rstrip('/')}/{name}": item}
    return {}


def _default(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """The signal of the NXdata that `default` names, group by group (NeXus, "find the default plottable data")."""
    where, item = str(group.name).rstrip("/"), group
    while name := _text(item.attrs.get("default", "")).strip("/"):
        inner = get(item, name)
        if not isinstance(inner, h5py.Group) or len(where) > MAX_PATH:
            return {}
        where, item = f"{where}/{name}", inner
    name = _text(item.attrs.get("signal", ""))
    data = get(item, name) if name else None
    return {f"{where}/{name}": data} if isinstance(data, h5py.Dataset) and _is_volume(data) else {}


def _rank_3(group: h5py.Group) -> dict[str, h5py.Dataset]:
    return _distinct({where: item for where, item in _walk(group) if isinstance(item, h5py.Dataset) and _is_volume(item)})


def _distinct(found: dict[str, h5py.Dataset]) -> dict[str, h5py.Dataset]:
    """Of several paths to one dataset keep the shortest."""
    seen: dict[tuple[str, int], str] = {}
    for where in sorted(found, key=lambda name: (name.count("/"), name)):
        seen.setdefault(_identity(found[where]), where)
    return {where: found[where] for where in sorted(seen.values())}


def _is_volume(data: h5py.Dataset) -> bool:
    return data.shape is not None and len(data.shape) == 3 and min(data.shape) > 1 and is_numeric(data.dtype)


def _identity(item: h5py.HLObject) -> tuple[str, int]:
    return item.file.filename, h5py.h5o.get_info(item.id).addr


def _walk(group: h5py.Group) -> Iterator[tuple[str, h5py.HLObject]]:
    """Every object reachable from `group` with its path, soft and external links followed, each group entered once."""
    entered = {_identity(group)}
    pending: list[tuple[str, h5py.Group]] = [(str(group.name).rstrip("/"), group)]
    yield pending[0]
    for where, parent in pending:
        for name in parent:
            item = get(parent, name)
            if item is None:
                continue
            yield f"{where}/{name}", item
            if isinstance(item, h5py.Group) and (identity := _identity(item)) not in entered:
                entered.add(identity)
                pending.append((f"{where}/{name}", item))


def get(group: h5py.Group, name: str) -> h5py.HLObject | None:
    """Return the object, or None for a name that is missing or a link that leads nowhere."""
    try:
        return group[name]
    except (KeyError, OSError):
        return None


def _resolve(file: h5py.File, path: Path, name: str) -> h5py.Group | h5py.Dataset:
    """Follow `name` part by part, so that the error can say where it ends."""
    item: h5py.HLObject = file
    done = ""
    for part in name.strip("/").split("/") if name.strip("/") else []:
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            what = "is a dataset and holds nothing" if isinstance(item, h5py.Dataset) else f"holds: {_contents(item)}"
            raise VolumeError(f"{path} has no {name!r}: {done or '/'} {what}")
        target = get(item, part)
        if target is None and isinstance(link, h5py.ExternalLink):
            raise VolumeError(
                f"{path}:{done}/{part} is a link to {link.filename}:{link.path}, which cannot be opened: copy that file to its "
                f"place relative to {path.parent.resolve()}"
            )
        if target is None:
            raise VolumeError(f"{path}:{done}/{part} is a link that leads nowhere ({getattr(link, 'path', 'damaged')})")
        item, done = target, f"{done}/{part}"
    if not isinstance(item, h5py.Group | h5py.Dataset):
        raise VolumeError(f"{path}:{name} is a named type, not a dataset")
    return item


def _contents(group: h5py.Group) -> str:
    lines, broken = [], []
    for name in group:
        item = get(group, name)
        if item is None:
            broken.append(f"{name} (a link to {_target(group, name)}, which leads nowhere: is that file in its place?)")
        else:
            lines.append(f"{name} {item.shape} {item.dtype}" if isinstance(item, h5py.Dataset) else f"{name}/")
    lines = lines[:MAX_LISTED] + [f"and {len(lines) - MAX_LISTED} more"] * (len(lines) > MAX_LISTED)
    return ", ".join(lines + broken[:MAX_LISTED]) or "nothing"


def _target(group: h5py.Group, name: str) -> str:
    link = group.get(name, getlink=True)
    return f"{link.filename}:{link.path}" if isinstance(link, h5py.ExternalLink) else str(getattr(link, "path", "damaged data"))


def nx_class(group: h5py.Group) -> str:
    """The NeXus class of a group; "" for none."""
    return _text(group.attrs.get("NX_class", ""))


def definition(group: h5py.Group) -> str:
    """The application definition that a NeXus entry says it follows; "" for none."""
    item = get(group, "definition")
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "OSU":
        return ""
    return _text(item[()])


def _text(value: object) -> str:
    if hasattr(value, "flat"):
        value = next(iter(value.flat), "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
