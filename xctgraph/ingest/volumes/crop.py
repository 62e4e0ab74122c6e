"""The voxels behind a feature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest.volumes import region
from xctgraph.ingest.volumes.fingerprint import fingerprint
from xctgraph.ingest.volumes.open_volume import open_volume
from xctgraph.store import ids
from xctgraph.store.errors import InputError, VolumeError

if TYPE_CHECKING:
    from xctgraph.store import Store

_BOX = tuple(name for axis in "zyx" for name in (f"v{axis}", f"bbox_{axis}_min", f"bbox_{axis}_max"))


@dataclass(frozen=True)
class Crop:
    """A box around a feature.

    Attributes
    ----------
    raw : ndarray, shape (z, y, x)
        Grey values.
    mask : ndarray of bool, shape (z, y, x)
        Voxels of the feature.
    offset : tuple of int
        Voxel (z, y, x) of the volume where the box starts.
    """

    raw: NDArray[Any]
    mask: NDArray[np.bool_]
    offset: tuple[int, int, int]


def crop(store: Store, uid: str, *, margin: int = 0, most: int | None = None) -> Crop:
    """Read the voxels of feature `uid` (`sample/t/label`) from the volume it was found in.

    Parameters
    ----------
    store : Store
        Store that holds the feature.
    uid : str
        `sample/t/label`, e.g. "S1/3/17".
    margin : int
        Voxels added to each side of the bounding box, as far as the volume, or the region of interest that was ingested, reaches.
    most : int, optional
        Most voxels along each axis: a larger box is cut to this size around the centroid. A fracture may cross the whole volume.

    Raises
    ------
    InputError
        If there is no such feature, its scan has no voxels, `margin` is negative, or `most` is less than 1.
    VolumeError
        If the volume is no longer there, or is not the one that was ingested.
    """
    if margin < 0:
        raise InputError(f"margin {margin} is negative: valid are 0 and more voxels")
    if most is not None and most < 1:
        raise InputError(f"most = {most} leaves no voxels: valid are 1 and more")
    sample, t, label = ids.parse_uid(uid)
    scan = _scan(store, sample, t)
    if not scan["has_voxels"]:
        raise InputError(
            f"feature {uid} has no voxels: scan t = {t} of sample {sample!r} was read from the table {scan['path']}; "
            "ingest its label volume ([segmentation] method = 'labels') to have them"
        )
    shape = (scan["n_z"], scan["n_y"], scan["n_x"])
    features = store.read("features", sample=sample, t=t, columns=["label", *_BOX])
    row = features.filter(pc.equal(features["label"], label))
    if not row.num_rows:
        raise InputError(f"scan t = {t} of sample {sample!r} has no feature {label}: it has {features.num_rows} (labels from 1)")
    feature = row.to_pylist()[0]
    start, stop = [], []
    for axis, (low, high) in zip("zyx", region.stored(scan), strict=True):
        first, last = max(low, feature[f"bbox_{axis}_min"] - margin), min(high, feature[f"bbox_{axis}_max"] + margin)
        if most is not None and last - first > most:
            first = min(max(first, round(feature[f"v{axis}"]) - most // 2), last - most)
            last = first + most
        start.append(first)
        stop.append(last)
    raw = _raw(scan, shape, _axes(store, sample, scan["job_id"]), start, stop)
    labels = store.labels(sample, t).crop(start[0], stop[0], start[1], stop[1], start[2], stop[2])
    return Crop(raw, np.asarray(labels == label), (start[0], start[1], start[2]))


def _scan(store: Store, sample: str, t: int) -> dict[str, Any]:
    scans: pa.Table = store.read("scans", sample=sample, t=t)
    if not scans.num_rows:
        known = store.read("scans", columns=["sample", "t"]).to_pylist()
        listed = ", ".join(f"{row['sample']}/{row['t']}" for row in known[:20]) or "none"
        raise InputError(f"the store has no scan t = {t} of sample {sample!r}; it has: {listed}")
    row: dict[str, Any] = scans.to_pylist()[0]
    return row


def _axes(store: Store, sample: str, job: str) -> str:
    """Order of the axes that the ingest was told, from the parameters it recorded."""
    jobs = store.read("jobs", sample=sample, columns=["job_id", "parameters"]).to_pylist()
    parameters: dict[str, Any] = next((json.loads(row["parameters"]) for row in jobs if row["job_id"] == job), {})
    return str(parameters.get("sample", {}).get("axes", "zyx"))


def _raw(scan: dict[str, Any], shape: tuple[int, int, int], axes: str, start: list[int], stop: list[int]) -> NDArray[Any]:
    path = scan["path"]
    # Fingerprints of a mask and labels, where the scan has them, follow that of the volume.
    ingested = scan["checksum"].partition("+")[0]
    with open_volume(path, axes=axes) as volume:
        found = fingerprint(volume)
        if found != ingested:
            raise VolumeError(
                f"{path} is not the volume that was ingested: its fingerprint is {found[:12]}…, the scan's {ingested[:12]}…. "
                "Put the original back, or ingest the scan again with --replace"
            )
        if volume.shape != shape:
            raise VolumeError(f"{path} has shape {volume.shape} with axes {axes!r}, but the scan has {shape}")
        return volume.read(start[0], stop[0], rows=(start[1], stop[1]), columns=(start[2], stop[2]))
