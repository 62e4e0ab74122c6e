"""Volumes and `dataset.toml` on disk."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from xctgraph.ingest.synth.spec import SynthSpec

Grey = NDArray[np.uint8] | NDArray[np.uint16]
MIN_VOXELS = 5
STRAIN_RATE = 1e-5


class Writer(ABC):
    """Takes one scan slab after slab; a context manager."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def write(self, slab: Grey, z0: int) -> None:
        """Write the slices from `z0` on."""

    @abstractmethod
    def close(self) -> None:
        """Finish the scan."""


class NexusWriter(Writer):
    """A NeXus file by the application definition NXtomoproc: `/entry1/data/data` (z, y, x) with axes in µm."""

    def __init__(self, path: Path, spec: SynthSpec) -> None:
        self._file = h5py.File(path, "w")
        root = self._file
        root.attrs["default"] = "entry1"
        entry = _group(root, "entry1", "NXentry")
        entry.attrs["default"] = "data"
        entry["definition"] = "NXtomoproc"
        entry["title"] = f"synthetic sample {spec.sample}"
        source = _group(_group(entry, "instrument", "NXinstrument"), "source", "NXsource")
        source["name"], source["type"], source["probe"] = "xctgraph synth", "Synchrotron X-ray Source", "x-ray"
        _group(entry, "sample", "NXsample")["name"] = spec.sample
        process = _group(entry, "reconstruction", "NXprocess")
        process["program"], process["date"] = "xctgraph synth", "2000-01-01T00:00:00Z"
        _group(process, "parameters", "NXparameters")["raw_file"] = "none: synthetic"
        data = _group(entry, "data", "NXdata")
        data.attrs["signal"] = "data"
        data.attrs["axes"] = ["z", "y", "x"]
        for axis, n, size in zip("zyx", spec.shape, spec.spacing, strict=True):
            data[axis] = np.arange(n) * size
            data[axis].attrs["units"] = "um"
        chunk = (min(8, spec.shape[0]), min(256, spec.shape[1]), min(256, spec.shape[2]))
        self._data = data.create_dataset("data", spec.shape, spec.dtype, chunks=chunk, compression=spec.compression)
        self._data.attrs["long_name"] = "reconstructed attenuation, arbitrary units"

    def write(self, slab: Grey, z0: int) -> None:
        """Write the slices from `z0` on."""
        self._data[z0 : z0 + len(slab)] = slab

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ZarrWriter(Writer):
    """An OME-Zarr 0.5 group (Zarr 3) with one resolution, `0` (z, y, x), scaled in µm."""

    def __init__(self, path: Path, spec: SynthSpec) -> None:
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        scale = {"type": "scale", "scale": list(spec.spacing)}
        levels = [{"path": "0", "coordinateTransformations": [scale]}]
        image = {"version": "0.5", "multiscales": [{"name": path.stem, "axes": axes, "datasets": levels}]}
        group = zarr.create_group(str(path), zarr_format=3, attributes={"ome": image})
        chunks = (min(8, spec.shape[0]), min(256, spec.shape[1]), min(256, spec.shape[2]))
        self._data = group.create_array("0", shape=spec.shape, dtype=spec.dtype, chunks=chunks, dimension_names=tuple("zyx"))

    def write(self, slab: Grey, z0: int) -> None:
        """Write the slices from `z0` on."""
        self._data[z0 : z0 + len(slab)] = slab

    def close(self) -> None:
        """Nothing is left to do: every chunk is a file of its own."""


class SliceWriter(Writer):
    """A folder of TIFF slices, numbered along z, with the voxel size as their resolution."""

    def __init__(self, path: Path, spec: SynthSpec) -> None:
        path.mkdir()
        self._path = path
        self._digits = max(4, len(str(spec.shape[0] - 1)))
        _, dy, dx = spec.spacing
        self._resolution = (1e4 / dx, 1e4 / dy)

    def write(self, slab: Grey, z0: int) -> None:
        """Write the slices from `z0` on."""
        for k, plane in enumerate(slab):
            name = f"slice_{z0 + k:0{self._digits}d}.tif"
            tifffile.imwrite(self._path / name, plane, resolution=self._resolution, resolutionunit="CENTIMETER", metadata=None)

    def close(self) -> None:
        """Nothing is left to do: every slice is a file of its own."""


SUFFIXES = {"h5": ".h5", "tiff": "", "zarr": ".zarr"}
WRITERS: dict[str, Callable[[Path, SynthSpec], Writer]] = {"h5": NexusWriter, "tiff": SliceWriter, "zarr": ZarrWriter}


def name_of(spec: SynthSpec, t: int, what: str = "scan") -> str:
    """File or folder of scan `t`, or of its sample mask."""
    return f"{what}_{t:03d}{SUFFIXES[spec.format]}"


def open_writer(folder: Path, spec: SynthSpec, t: int) -> Writer:
    """Writer of scan `t` in the format of `spec`."""
    return WRITERS[spec.format](folder / name_of(spec, t), spec)


def open_mask_writer(folder: Path, spec: SynthSpec, t: int) -> AbstractContextManager[Writer | None]:
    """Writer of the sample mask of scan `t`; of None where the sample fills the volume."""
    if not spec.air_voxels:
        return nullcontext()
    compressed = replace(spec, dtype="uint8", compression="gzip")
    return WRITERS[spec.format](folder / name_of(spec, t, "mask"), compressed)


def write_dataset(path: Path, spec: SynthSpec) -> None:
    """Write the `dataset.toml` that `xctgraph ingest` reads, with the parameters of the sample in comments."""
    lines = ["# Made by xctgraph synth. The truth is in the folder truth beside this file.", "# Parameters:"]
    lines += [f"#   {name} = {json.dumps(value)}" for name, value in asdict(spec).items()]
    dz, dy, dx = spec.spacing
    size = repr(dz) if dz == dy == dx else f"[{dz!r}, {dy!r}, {dx!r}]"
    lines += [
        "",
        "[sample]",
        f"id = {json.dumps(spec.sample)}",
        'material = "synthetic Al-Mg"',
        f"voxel_size_um = {size}",
        f'notes = "xctgraph synth, seed {spec.seed}"',
        "",
        "[segmentation]",
        'method = "otsu"',
        "",
        "[measure]",
        "connectivity = 26",
        f"min_voxels = {MIN_VOXELS}",
    ]
    for t in range(spec.steps):
        strain = spec.strain_at(t)
        lines += [
            "",
            "[[scan]]",
            f"t = {t}",
            f'path = "{name_of(spec, t)}"',
            *([f'mask = "{name_of(spec, t, "mask")}"'] if spec.air_voxels else []),
            f"time_s = {abs(strain) / STRAIN_RATE:.1f}",
            f"load_n = {_load(strain):.1f}",
            f"strain = {strain:.6f}",
            f"strain_rate = {STRAIN_RATE:g}",
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _load(strain: float) -> float:
    """A hardening curve (Voce) of a small specimen, in newton."""
    return float(np.sign(strain) * 800.0 * (1.0 - 0.4 * np.exp(-abs(strain) / 0.02)) * (1.0 - np.exp(-abs(strain) / 0.002)))


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group
