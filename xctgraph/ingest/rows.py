"""Rows of the store from measured scans: ids in place of labels, and the records of samples and scans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.ingest import config, plan
from xctgraph.ingest.scan import MeasuredScan
from xctgraph.ingest.volumes import places
from xctgraph.ingest.volumes.region import shape_of
from xctgraph.store import ids
from xctgraph.store.arrow import schema

DESCRIBED = ("time_s", "load_n", "strain", "strain_rate", "acquired_at", "acquisition_s", "hold", "hold_s", "temperature_k")
"""Columns of `scans` that are declared, or read from the file."""


@dataclass(frozen=True)
class Origin:
    """Which scan a row belongs to."""

    sample: str
    sample_no: int
    t: int

    @property
    def scan_id(self) -> int:
        """Identifier of the scan."""
        return ids.scan_id(self.sample_no, self.t)


def sample(dataset: config.Declared, sample_no: int) -> pa.Table:
    """Row of `samples`."""
    declared = dataset.sample
    return pa.Table.from_pylist(
        [
            {
                "sample": declared.id,
                "sample_no": sample_no,
                "material": declared.material,
                "environment": declared.environment,
                "orientation": declared.orientation,
                "thickness": declared.thickness_um,
                **dict(zip(("voxel_z", "voxel_y", "voxel_x"), declared.voxel_size_um, strict=True)),
                "load_axis": declared.load_axis,
                "notes": declared.notes,
            }
        ]
    )


def scan(dataset: config.Dataset, scan_plan: plan.ScanPlan, measured: MeasuredScan, origin: Origin) -> pa.Table:
    """Row of `scans`, without `previous_scan_id`."""
    declared, quality = scan_plan.scan, measured.quality
    edge = float(np.prod(dataset.sample.voxel_size_um)) ** (1 / 3)
    return pa.Table.from_pylist(
        [
            {
                "scan_id": origin.scan_id,
                **{name: getattr(declared, name) for name in DESCRIBED},
                **dict(zip(("n_z", "n_y", "n_x"), scan_plan.shape, strict=True)),
                **_roi(scan_plan),
                "path": places.absolute(declared.path),
                "checksum": scan_plan.checksum,
                "material_volume": measured.material_volume,
                "connectivity": dataset.measure.connectivity,
                "near_gap": dataset.gap_um,
                "cluster_gap": dataset.cluster_gap_um,
                "density_radius": dataset.density_radius_um,
                **dataset.fronts,
                "region_cell": dataset.region_cell_um,
                "snr": quality.snr,
                "contrast": quality.contrast,
                "ring_strength": quality.ring_strength,
                "reliable_diameter": None if quality.reliable_diameter is None else quality.reliable_diameter * edge,
                "suspect": quality.suspect,
                "suspect_reason": quality.suspect_reason,
                "has_voxels": True,
                "links_given": scan_plan.links is not None,
            }
        ]
    )


def _roi(scan_plan: plan.ScanPlan) -> dict[str, int | None]:
    """Columns of the region of interest; null for the whole volume."""
    whole = shape_of(scan_plan.box) == scan_plan.shape
    columns: dict[str, int | None] = {}
    for axis, (start, stop) in zip("zyx", scan_plan.box, strict=True):
        columns |= {f"roi_{axis}_min": None if whole else start, f"roi_{axis}_max": None if whole else stop}
    return columns


def features(table: pa.Table, origin: Origin) -> pa.Table:
    """Rows of `features`, without what is around them and `track_id`; what is not known of them is null."""
    labels = table["label"].to_numpy()
    base = origin.scan_id
    uid = pc.binary_join_element_wise(origin.sample, str(origin.t), pc.cast(table["label"], pa.string()), "/")
    added = {
        "feature_id": pa.array(base + labels),
        "uid": uid,
        "scan_id": pa.array(np.full(len(labels), base)),
    }
    for name, values in added.items():
        table = table.append_column(name, values)
    for field in schema("features"):
        if field.nullable and field.name not in table.column_names:
            table = table.append_column(field.name, pa.nulls(len(labels), field.type))
    return table


def edges(table: pa.Table, source: int, target: int) -> pa.Table:
    """Rows of an edge table: `source` and `target` are the scan ids that turn labels into feature ids."""
    ends = {
        "source": pa.array(source + table["source"].to_numpy().astype(np.int64)),
        "target": pa.array(target + table["target"].to_numpy().astype(np.int64)),
    }
    for name, values in ends.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def with_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with the column `name` set or appended."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)
