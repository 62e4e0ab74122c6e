"""Embeddings of all slices of a series, streamed into a folder; an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from xctgraph.ingest import config, volumes
from xctgraph.ingest.sampling.runtime import BATCH, Embedder
from xctgraph.ingest.volumes.region import Region, resolve
from xctgraph.store.errors import InputError, VolumeError
from xctgraph.store.progress import Progress, silent

EMBEDDINGS, SLICES, STATE = "embeddings.npy", "slices.parquet", "embedding.json"
SCALARS = ("strain", "load_n", "time_s")
_LOOKED_AT = 9  # slices of a scan that its window of grey values comes from
_WINDOW = (0.5, 99.5)  # percentiles
_SPARSE = 4  # slices farther apart are read one by one, those between nearer ones are read too,
_AT_ONCE = 256 * 2**20  # in pieces of so many bytes


@dataclass(frozen=True)
class Embedding:
    """What a folder of embeddings holds.

    Attributes
    ----------
    x : ndarray of float32, shape (slices, columns)
        Mapped from the file.
    slices : pyarrow.Table
        One row for each row of `x`: sample, t, z (slice of the file), strain, load_n, time_s (as the dataset says now, whenever
        the slices were embedded), low and high (the grey values that became 0 and 1).
    settings : dict
        Model, weights, runtime, step, and the volumes with their fingerprints.
    """

    x: NDArray[np.float32]
    slices: pa.Table
    settings: dict[str, Any]


def embed(dataset: config.Dataset, folder: Path, embedder: Embedder, *, step: int = 1, progress: Progress = silent) -> Embedding:
    """Embed every `step`-th slice of every scan.

    Grey values of a scan between its percentiles 0.5 and 99.5, taken from nine slices, become 0 to 1: drift of brightness and
    contrast from scan to scan does not count as a difference of looks.

    Parameters
    ----------
    dataset : Dataset
        Its volumes and regions of interest; segmentation and all else is not used.
    folder : Path
        Made if it is not there. `embeddings.npy`, `slices.parquet` and `embedding.json`.
    embedder : Embedder
    step : int

    Raises
    ------
    InputError
        If the folder holds embeddings made in another way or damaged ones, or `step` is less than 1.
    VolumeError
        If a volume cannot be read, or a slice holds values that are not finite.
    """
    if step < 1:
        raise InputError(f"step = {step}: every slice (1), every second (2), ...")
    with ExitStack() as stack:
        opened = []
        for scan in sorted(dataset.scan, key=lambda scan: scan.t):
            volume = stack.enter_context(volumes.open_apart(scan.path, axes=dataset.sample.axes))
            opened.append(Region(volume, resolve(dataset.roi(scan), volume.shape, scan.path)))
        settings = _settings(dataset, opened, embedder, step)
        done = _begin(folder, settings)
        if done is None:
            slices = _slices(dataset, opened, step)
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(slices, folder / SLICES)
            shape = (len(slices), embedder.model.columns)
            np.lib.format.open_memmap(folder / EMBEDDINGS, "w+", np.float32, shape).flush()
            _save(folder, settings, 0)
            done = 0
        slices, _ = _stored(folder, done)
        target = np.lib.format.open_memmap(folder / EMBEDDINGS, "r+")
        for first, planes, low, high in _blocks(slices, opened, dataset, done):
            # Looked for in the grey values: a network may make a number of NaN (OpenVINO does).
            known = np.array([np.isfinite(plane).all() for plane in planes])
            if not known.all():
                row = slices.slice(first + int(np.argmin(known)), 1).to_pylist()[0]
                raise VolumeError(
                    f"slice z = {row['z']} of scan t = {row['t']} holds values that are not finite (NaN or inf), and has no "
                    "embedding: mend the volume, or leave the slice out with a region of interest"
                )
            found = embedder(planes, low, high)
            target[first : first + len(found)] = found
            target.flush()
            _save(folder, settings, first + len(found))
            progress(f"embedding by {embedder.model.name}", first + len(found), len(slices))
    whole = load(folder)
    return replace(whole, slices=_stating(whole.slices, dataset))


def load(folder: Path) -> Embedding:
    """Open a finished folder of embeddings.

    Raises
    ------
    InputError
        If it holds none, not all, or damaged ones.
    """
    state = _state(folder)
    if state is None:
        raise InputError(f"{folder} holds no embeddings: make them with xctgraph sample DATASET.toml")
    slices, x = _stored(folder, state["done"])
    if state["done"] < len(slices):
        raise InputError(
            f"{folder} holds embeddings of {state['done']} of {len(slices)} slices: run the same command again, it goes on there"
        )
    return Embedding(x, slices, state["settings"])


def _stored(folder: Path, done: int) -> tuple[pa.Table, NDArray[np.float32]]:
    """The table of slices, and the mapped embeddings, of which `done` are there; what was cut off is not read as zeros."""
    try:
        slices = pq.read_table(folder / SLICES)
        x = np.load(folder / EMBEDDINGS, mmap_mode="r")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{folder} is damaged ({str(error).splitlines()[0]}): remove it, and embed again") from error
    if x.ndim != 2 or x.dtype != np.float32 or len(x) != len(slices) or done > len(slices):
        raise InputError(
            f"{folder} is damaged: {done} of {len(slices)} slices are said to be embedded, in a table of {x.dtype} {x.shape}: "
            "remove it, and embed again"
        )
    return slices, x


def _stating(slices: pa.Table, dataset: config.Dataset) -> pa.Table:
    """The table of slices with strain, load and time as the dataset says now."""
    scans = {scan.t: scan for scan in dataset.scan}
    for name in SCALARS:
        said = pa.array([getattr(scans[t], name) for t in slices["t"].to_pylist()], pa.float64())
        slices = slices.set_column(slices.schema.get_field_index(name), name, said)
    return slices


def _settings(dataset: config.Dataset, opened: list[Region], embedder: Embedder, step: int) -> dict[str, Any]:
    return {
        "sample": dataset.sample.id,
        "model": embedder.model.name,
        "weights": embedder.model.weights,
        "runtime": embedder.description,
        "step": step,
        "axes": dataset.sample.axes,
        "scans": [
            {
                "t": scan.t,
                "path": scan.path,
                "box": [list(side) for side in region.box],
                "fingerprint": volumes.fingerprint(region),
            }
            for scan, region in zip(sorted(dataset.scan, key=lambda scan: scan.t), opened, strict=True)
        ],
    }


def _begin(folder: Path, settings: dict[str, Any]) -> int | None:
    """Rows that are there already; None if there are none."""
    state = _state(folder)
    if state is None:
        return None
    # A volume is told by its fingerprint: it may lie elsewhere now, or be named from another folder.
    before, now = (said | {"scans": [one | {"path": ""} for one in said["scans"]]} for said in (state["settings"], settings))
    if before != now:
        names = [name for name in now if before.get(name) != now[name]]
        said = "; ".join(f"{name} {state['settings'].get(name)!r}, now {settings[name]!r}" for name in names if name != "scans")
        raise InputError(
            f"{folder} holds embeddings made in another way ({said or 'of other scans'}): give another folder, or remove it"
        )
    done: int = state["done"]
    return done


def _state(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / STATE).read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{folder / STATE} is damaged ({error}): remove {folder}, and embed again") from error
    if not (isinstance(found, dict) and isinstance(found.get("done"), int) and _is_settings(found.get("settings"))):
        raise InputError(f"{folder / STATE} is damaged (settings or done are missing): remove {folder}, and embed again")
    return found


def _is_settings(said: object) -> bool:
    return isinstance(said, dict) and isinstance(said.get("scans"), list) and all(isinstance(one, dict) for one in said["scans"])


def _save(folder: Path, settings: dict[str, Any], done: int) -> None:
    beside = folder / f"{STATE}.part"
    with beside.open("w") as file:
        json.dump({"settings": settings, "done": done}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / STATE)


def _slices(dataset: config.Dataset, opened: list[Region], step: int) -> pa.Table:
    rows = []
    for scan, region in zip(sorted(dataset.scan, key=lambda scan: scan.t), opened, strict=True):
        low, high = window(region, scan.t)
        (z0, _), _, _ = region.box
        said = {name: getattr(scan, name) for name in SCALARS}
        rows += [
            {"sample": dataset.sample.id, "t": scan.t, "z": z0 + z, **said, "low": low, "high": high}
            for z in range(0, region.shape[0], step)
        ]
    numbers = [pa.field(name, pa.float64()) for name in (*SCALARS, "low", "high")]
    places = [pa.field("sample", pa.string()), pa.field("t", pa.int32()), pa.field("z", pa.int32())]
    return pa.Table.from_pylist(rows, pa.schema([*places, *numbers]))


def window(volume: volumes.Volume, t: int) -> tuple[float, float]:
    """Percentiles 0.5 and 99.5 of the grey values of nine evenly spaced slices.

    Raises
    ------
    VolumeError
        If all their values are equal, or none is finite.
    """
    n_z, n_y, n_x = volume.shape
    chosen = sorted({(2 * k + 1) * n_z // (2 * _LOOKED_AT) for k in range(_LOOKED_AT)})
    thin = max(1, int(np.sqrt(n_y * n_x / 250_000)))
    values = np.concatenate([volume.read(z, z + 1)[0, ::thin, ::thin].astype(np.float64).ravel() for z in chosen])
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, _WINDOW) if len(values) else (0.0, 0.0)
    if low == high and len(values):
        low, high = values.min(), values.max()
    if low == high:
        raise VolumeError(
            f"scan t = {t}: all voxels of {len(chosen)} slices of {volume.path} are equal or not finite: name the volume that "
            "was meant, or leave the scan out"
        )
    return float(low), float(high)


def _blocks(
    slices: pa.Table, opened: list[Region], dataset: config.Dataset, done: int
) -> Iterator[tuple[int, NDArray[Any], float, float]]:
    """From row `done` on: the first row of each block, its slices, and the window of grey values."""
    t, z = slices["t"].to_numpy(), slices["z"].to_numpy()
    low, high = slices["low"].to_numpy(), slices["high"].to_numpy()
    at = {scan.t: region for scan, region in zip(sorted(dataset.scan, key=lambda scan: scan.t), opened, strict=True)}
    first = done
    while first < len(t):
        region = at[int(t[first])]
        start = region.box[0][0]
        last = first + BATCH
        rows = np.arange(first, min(last, int(np.searchsorted(t, t[first], side="right"))))
        places = z[rows] - start
        yield first, _read(region, places), float(low[first]), float(high[first])
        first = int(rows[-1]) + 1


def _read(region: Region, places: NDArray[np.integer]) -> NDArray[Any]:
    """Slices at rising `places`."""
    most = max(1, _AT_ONCE // (region.shape[1] * region.shape[2] * region.dtype.itemsize))
    pieces, start = [], 0
    while start < len(places):
        stop = start + 1
        while stop < len(places) and places[stop] - places[stop - 1] <= _SPARSE and places[stop] - places[start] < most:
            stop += 1
        here = places[start:stop] - places[start]
        block = region.read(int(places[start]), int(places[stop - 1]) + 1)
        pieces.append(block if len(block) == len(here) else block[here])
        start = stop
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
