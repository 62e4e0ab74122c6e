"""Labels of one scan as a volume that other programs read, written slab by slab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

SLAB_BYTES = 32 * 2**20
SUFFIXES = (".h5", ".hdf5", ".tif", ".tiff", ".zarr")

Size = tuple[float, float, float]


def write_labels(store: Store, out: Path, sample: str, t: int) -> int:
    """Write the label volume of one scan; the voxels of feature `sample/t/label` hold `label`, background is 0.

    Parameters
    ----------
    out
        File or, for Zarr, folder to make: `.h5` (dataset `labels`), `.tif` (BigTIFF), `.zarr` (an array). uint32, axes
        (z, y, x), compressed, with the voxel size in micrometres.

    Returns
    -------
    int
        Number of features.

    Raises
    ------
    InputError
        If the suffix is unknown, `out` exists, or the store does not hold the scan.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{out} has no suffix of a label volume: valid are {', '.join(SUFFIXES)}")
    if out.exists():
        raise InputError(f"{out} exists already: give another name, or remove it")
    labels = store.labels(sample, t)
    row = store.read("samples", sample=sample).to_pylist()[0]
    size = (row["voxel_z"], row["voxel_y"], row["voxel_x"])
    write = _write_tiff if suffix.startswith(".tif") else _write_zarr if suffix == ".zarr" else _write_hdf5
    write(out, labels, size)
    return labels.n


def _slabs(labels: Labels) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    n_z, n_y, n_x = labels.shape
    height = max(1, SLAB_BYTES // (4 * n_y * n_x))
    for z in range(0, n_z, height):
        yield z, labels.crop(z, min(n_z, z + height), 0, n_y, 0, n_x).astype(np.uint32)


def _write_hdf5(out: Path, labels: Labels, size: Size) -> None:
    import h5py

    _, n_y, n_x = labels.shape
    chunks = (1, min(n_y, 512), min(n_x, 512))
    with h5py.File(out, "x") as file:
        data = file.create_dataset("labels", labels.shape, np.uint32, chunks=chunks, compression="gzip", compression_opts=1)
        data.attrs["axes"] = "zyx"
        data.attrs["element_size_um"] = size  # where ilastik and Fiji look for it
        for z, slab in _slabs(labels):
            data[z : z + len(slab)] = slab


def _write_tiff(out: Path, labels: Labels, size: Size) -> None:
    import tifffile

    # Pages of 32 bits: ImageJ takes them, and spacing and unit, from the description.
    description = f"ImageJ=1.54\nimages={labels.shape[0]}\nslices={labels.shape[0]}\nunit=micron\nspacing={size[0]:.12g}\n"
    options = {"compression": "zlib", "resolution": (1 / size[2], 1 / size[1]), "metadata": None, "photometric": "minisblack"}
    with tifffile.TiffWriter(out, bigtiff=True) as file:
        for z, slab in _slabs(labels):
            for k, page in enumerate(slab):
                file.write(page, description=description if z + k == 0 else None, **options)


def _write_zarr(out: Path, labels: Labels, size: Size) -> None:
    import zarr

    chunks = tuple(min(n, c) for n, c in zip(labels.shape, (32, 256, 256), strict=True))
    attributes: dict[str, Any] = {"axes": "zyx", "element_size_um": list(size)}
    array = zarr.create_array(out, shape=labels.shape, dtype="uint32", chunks=chunks, attributes=attributes)
    for z, slab in _slabs(labels):
        array[z : z + len(slab)] = slab
