"""One scan of a sample as arrays: what the tables are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.analysis.characterise.blocks import Blocks
from xctgraph.analysis.density import specimen
from xctgraph.analysis.density.window import Bools, Floats
from xctgraph.store import Store
from xctgraph.store.manifest import Manifest

_PLAIN = (
    "volume", "equivalent_diameter", "axis_major_length", "axis_intermediate_length", "axis_minor_length", "sphericity",
    "local_density",
)  # fmt: skip
_COLUMNS = (
    "feature_id", "label", "track_id", "kind", "border_touching", "z", "y", "x", "ref_z", "ref_y", "ref_x", "n_voxels",
    "major_z", "major_y", "major_x", *_PLAIN,
)  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """Features of one scan; arrays of n rows in the order of the part.

    Attributes
    ----------
    row
        The scan's row of `scans`.
    feature_id, label, track_id : (n,) int
    kind : (n,) object
    border : (n,) bool
    position, reference, major : (n, 3) float
        z, y, x, micrometres; NaN where unknown.
    values : dict
        (n,) float by name of the measure; NaN where unknown. `nearest_gap` is infinite beyond scans.near_gap.
    blocks
        The material.
    """

    row: dict[str, Any]
    feature_id: NDArray[np.int64]
    label: NDArray[np.int64]
    track_id: NDArray[np.int64]
    kind: NDArray[np.object_]
    border: Bools
    position: Floats
    reference: Floats
    major: Floats
    n_voxels: Floats
    values: dict[str, Floats]
    blocks: Blocks

    @property
    def t(self) -> int:
        """Scan index."""
        return int(self.row["t"])

    def of(self, kind: str) -> Bools:
        """Which features are of a kind."""
        return np.asarray(self.kind == kind, np.bool_)

    @cached_property
    def block(self) -> NDArray[np.int64]:
        """Block of each feature's centroid."""
        return self.blocks.index(self.position)


def read(store: Store, sample: str, t: int, edge_um: float | None, revision: Manifest) -> Scan:
    """Read one scan of a revision; memory grows with the features of one scan, not with the series."""
    (row,) = store.read("scans", sample=sample, t=t, revision=revision).to_pylist()
    table = store.read("features", sample=sample, t=t, columns=_COLUMNS, revision=revision)
    near = store.read("near", sample=sample, t=t, columns=["source", "target", "gap"], revision=revision)
    ids = table["feature_id"].to_numpy()
    values = {name: _floats(table, name) for name in _PLAIN}
    with np.errstate(invalid="ignore", divide="ignore"):
        values["aspect_ratio"] = values["axis_minor_length"] / values["axis_major_length"]
    values["nearest_gap"] = _nearest(ids, near)
    return Scan(
        row=row,
        feature_id=ids,
        label=table["label"].to_numpy(),
        track_id=table["track_id"].to_numpy(),
        kind=np.array(table["kind"].to_pylist(), dtype=object),
        border=table["border_touching"].to_numpy(zero_copy_only=False).astype(np.bool_),
        position=_vectors(table, ""),
        reference=_vectors(table, "ref_"),
        major=_vectors(table, "major_"),
        n_voxels=_floats(table, "n_voxels"),
        values=values,
        blocks=Blocks.of(specimen.window(store, sample, t), float(row["material_volume"]), edge_um),
    )


def _nearest(ids: NDArray[np.int64], near: pa.Table) -> Floats:
    """Smallest gap of each feature to any other; infinite without a neighbour."""
    found = np.full(len(ids), np.inf)
    order = np.argsort(ids)
    for end in ("source", "target"):
        np.minimum.at(found, order[np.searchsorted(ids, near[end].to_numpy(), sorter=order)], near["gap"].to_numpy())
    return found


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64)


def _vectors(table: pa.Table, prefix: str) -> Floats:
    return np.stack([_floats(table, f"{prefix}{axis}") for axis in "zyx"], axis=1)
