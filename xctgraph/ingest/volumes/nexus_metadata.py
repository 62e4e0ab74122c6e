"""What a NeXus file says about specimen and scan: NXsample, NXsensor, NXpositioner, NXcollection, start and end time.

Looked at is the NXentry that holds the volume (or the only one), then the raw file that an NXtomoproc names in
`reconstruction/parameters/raw_file`, where it is found. A value counts only with a unit that fits its quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np

from xctgraph.ingest.volumes import hdf5, hdf5_discovery
from xctgraph.ingest.volumes.open_volume import split_source
from xctgraph.ingest.volumes.protocol import Metadata
from xctgraph.store import units

# Quantity of the configuration, its unit there, and names it goes by; names in beamline files are free.
SCAN = {
    "load_n": ("N", ("load", "force", "axial_load", "axial_force", "applied_load", "load_cell")),
    "strain": ("", ("strain", "axial_strain", "engineering_strain")),
    "strain_rate": ("1/s", ("strain_rate",)),
    "time_s": ("s", ("test_time", "elapsed_time", "time_since_start")),
    "hold_s": ("s", ("hold_time", "hold_duration", "load_hold")),
}
# What an instrument has many of means the specimen only where it stands in NXsample.
OF_SAMPLE = {"temperature_k": ("K", ("temperature", "sample_temperature"))}
SAMPLE_TEXT = {
    "material": ("material", "chemical_formula"),
    "environment": ("environment", "situation"),
    "orientation": ("orientation",),
}
HOLDS = ("load", "displacement")
MAX_DEPTH = 5
MAX_VALUES = 1_000_000
_SKIPPED = ("NXdata", "NXdetector", "NXprocess")


def read(source: str) -> Metadata:
    """Metadata of a volume; empty for formats other than HDF5. Damaged metadata never hinder the reading of a volume."""
    path, dataset = split_source(source)
    found = Metadata()
    if path.is_dir() or not hdf5.recognises(path):
        return found
    with suppress(OSError, RuntimeError, KeyError, TypeError, ValueError), h5py.File(path, "r", locking="best-effort") as file:
        entry = _entry(file, dataset)
        _collect(entry, found)
        raw = _raw_file(entry, path)
        if raw is not None and hdf5.recognises(raw):
            with h5py.File(raw, "r", locking="best-effort") as other:
                _collect(_entry(other, None), found)
    return found


def _entry(file: h5py.File, dataset: str | None) -> h5py.Group:
    """The NXentry with the named dataset, or the only one; else the file itself."""
    entries = {name: item for name, item in _groups(file) if _class(item) == "NXentry"}
    named = dataset.strip("/").partition("/")[0] if dataset else ""
    if named in entries:
        return entries[named]
    return next(iter(entries.values())) if len(entries) == 1 else file


def _raw_file(entry: h5py.Group, path: Path) -> Path | None:
    text = _text(hdf5_discovery.get(entry, "reconstruction/parameters/raw_file"))
    if not text:
        return None
    raw = path.parent / text
    return next((file for file in (raw, path.parent / raw.name) if file.is_file() and file != path), None)


def _collect(entry: h5py.Group, found: Metadata) -> None:
    """Add what is not known yet; what stands in NXsample goes before what stands elsewhere."""
    numbers: dict[str, list[tuple[bool, float]]] = {}
    for group, in_sample in _walk(entry):
        for name, item in _named_values(group):
            for quantity, (unit, names) in {**SCAN, **(OF_SAMPLE if in_sample else {})}.items():
                value = _number(item, unit) if name in names else None
                if quantity == "temperature_k" and value is not None and value <= 0:
                    given = f"{item.file.filename}:{item.name} says a temperature of {value:.6g} K, which is not above 0"
                    found.warnings.append(f"{given}: it is ignored. Is its unit {_decoded(item.attrs.get('units', ''))!r} right?")
                elif value is not None:
                    numbers.setdefault(quantity, []).append((in_sample, value))
        if _class(group) == "NXsample":
            _describe(group, found)
    for quantity, values in numbers.items():
        found.scan.setdefault(quantity, next((v for in_sample, v in values if in_sample), values[0][1]))
    _times(entry, found)


def _describe(group: h5py.Group, found: Metadata) -> None:
    for quantity, names in SAMPLE_TEXT.items():
        text = next(filter(None, (_text(hdf5_discovery.get(group, name)) for name in names)), "")
        if not text and quantity == "environment":
            inner = next((g for _, g in _groups(group) if _class(g) == "NXenvironment"), None)
            text = _text(hdf5_discovery.get(inner, "name")) if inner is not None else ""
        if text:
            found.sample.setdefault(quantity, text)
    thickness = hdf5_discovery.get(group, "thickness")
    value = _number(thickness, "um") if isinstance(thickness, h5py.Dataset) else None
    if value is not None and value > 0:
        found.sample.setdefault("thickness_um", value)
    hold = _text(hdf5_discovery.get(group, "hold")).lower()
    if hold in HOLDS:
        found.scan.setdefault("hold", hold)


def _times(entry: h5py.Group, found: Metadata) -> None:
    """Start and duration: of the entry, or of a collection in it, as `diamond_scan`."""
    for group in (entry, *(g for _, g in _groups(entry) if _class(g) == "NXcollection")):
        start, end = (_time(hdf5_discovery.get(group, name)) for name in ("start_time", "end_time"))
        if start is None:
            continue
        found.scan.setdefault("acquired_at", start.isoformat())
        with suppress(TypeError):  # one with a time zone, one without
            if end is not None and end >= start:
                found.scan.setdefault("acquisition_s", (end - start).total_seconds())
        return


def _named_values(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Values under the name they mean: a sensor's and positioner's is its own or what it measures."""
    if _class(group) in ("NXsensor", "NXpositioner", "NXlog"):
        names = (str(group.name).rpartition("/")[2], *(_text(hdf5_discovery.get(group, key)) for key in ("name", "measurement")))
        inner = ("value", "average_value", "value_log/average_value", "value_log/value")
        value = next((item for key in inner if isinstance(item := hdf5_discovery.get(group, key), h5py.Dataset)), None)
        if value is not None:
            yield from ((name.lower(), value) for name in dict.fromkeys(names) if name)
    for name in group:
        item = hdf5_discovery.get(group, name)
        if isinstance(item, h5py.Dataset):
            yield name.lower(), item


def _walk(entry: h5py.Group) -> Iterator[tuple[h5py.Group, bool]]:
    """Groups of the entry, and whether they stand in NXsample; NXdata, detectors and processing are left out."""
    pending: list[tuple[h5py.Group, bool, int]] = [(entry, False, 0)]
    seen = set()
    while pending:
        group, in_sample, depth = pending.pop(0)
        if group.id.__hash__() in seen or depth > MAX_DEPTH:
            continue
        seen.add(group.id.__hash__())
        in_sample = in_sample or _class(group) == "NXsample"
        yield group, in_sample
        pending += [(inner, in_sample, depth + 1) for _, inner in _groups(group) if _class(inner) not in _SKIPPED]


def _groups(parent: h5py.Group) -> Iterable[tuple[str, h5py.Group]]:
    for name in parent:
        item = hdf5_discovery.get(parent, name)
        if isinstance(item, h5py.Group):
            yield name, item


def _class(group: h5py.Group) -> str:
    return _decoded(group.attrs.get("NX_class", ""))


def _number(item: h5py.Dataset, unit: str) -> float | None:
    """The value, or the mean of the values over the scan, in `unit`."""
    if item.dtype.kind not in "iuf" or not 0 < item.size <= MAX_VALUES:
        return None
    values = np.ravel(np.asarray(item[()], np.float64))
    given = _decoded(item.attrs.get("units", ""))
    value = units.convert(float(values.mean()), given, unit)
    return value if value is not None and np.isfinite(value) else None


def _time(item: object) -> datetime | None:
    try:
        return datetime.fromisoformat(_text(item))
    except ValueError:
        return None


def _text(item: object) -> str:
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "OSU":
        return ""
    return _decoded(item[()])


def _decoded(value: object) -> str:
    if isinstance(value, np.ndarray):
        value = next(iter(value.flat), "")
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip().strip("\0")
