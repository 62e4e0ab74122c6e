"""A simulated sample as the tables of a store."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from xctgraph.analysis.growth.simulate import Simulated
from xctgraph.analysis.growth.sites import Sites
from xctgraph.store import Job, Store
from xctgraph.store.ids import scan_id

VOXEL = 1.0


def fill(store: Store, made: Simulated, *, sample: str = "S1", radius: float = 25.0, threshold: float = 5.0) -> None:
    """Put the fronts, the defects of every scan and the fractures into a store; registered, and without displacement."""
    low, high = made.window.origin, made.window.high
    moved = made.sites.position - low - VOXEL / 2
    defects = made.defects.points - low - VOXEL / 2
    shape = np.round((high - low) / VOXEL).astype(int)
    with store.write(Job("simulated", sample=sample)) as tx:
        tx.put(
            "samples",
            {"sample": [sample], "sample_no": [0], "load_axis": ["z"], **{f"voxel_{a}": [VOXEL] for a in "zyx"}},
            sample=sample,
        )
        n_fractures = int(made.sites.fracture.max()) + 1
        for t in range(int(made.sites.t.max()) + 2):
            tx.put("scans", _scan(sample, t, shape, float(made.window.volume), radius, threshold), sample=sample, t=t)
            tx.put("features", _features(sample, t, defects, made.defects.volume, n_fractures), sample=sample, t=t)
            rows = made.sites.take(made.sites.t == t)
            if len(rows):
                tx.put("front_sites", front_sites(rows, moved[made.sites.t == t], sample, t), sample=sample, t=t)
        tracks = np.arange(1, len(defects) + n_fractures + 1) + scan_id(0, 0)
        kinds = ["pore"] * len(defects) + ["fracture"] * n_fractures
        tx.put(
            "tracks",
            {
                "track_id": tracks, "sample": [sample] * len(tracks), "kind": kinds, "t_first": np.zeros(len(tracks), int),
                "t_last": np.full(len(tracks), t), "n_features": np.full(len(tracks), t + 1), "lineage_id": tracks,
            },
            sample=sample,
        )  # fmt: skip


def front_sites(rows: Sites, position: np.ndarray, sample: str, t: int) -> pa.Table:
    n = len(rows)
    place = {axis: position[:, i] for i, axis in enumerate("zyx")}
    zeros = np.zeros(n)
    return pa.table(
        {
            "site_id": scan_id(0, t) + np.arange(1, n + 1),
            "feature_id": scan_id(0, t) + 1_000_000 + rows.fracture,
            "sample": [sample] * n, "t": np.full(n, t, np.int32), "patch": zeros.astype(np.int32),
            "front": zeros.astype(np.int32), "arc": rows.arc, "front_length": rows.length,
            **place, **{f"ref_{axis}": v for axis, v in place.items()},
            **{f"direction_{axis}": rows.direction[:, i] for i, axis in enumerate("zyx")},
            "curvature": rows.curvature, "surface_distance": rows.surface_distance, "opening": rows.opening,
            "ahead_volume": zeros + 1, "n_ahead": zeros.astype(np.int64), "local_density": rows.density,
            "advance_um": rows.advance, "advanced": rows.advanced,
        }
    )  # fmt: skip


def _scan(sample: str, t: int, shape: np.ndarray, volume: float, radius: float, threshold: float) -> dict[str, list[object]]:
    return {
        "scan_id": [scan_id(0, t)], "sample": [sample], "t": [t], "previous_scan_id": [scan_id(0, t - 1) if t else None],
        **{f"n_{axis}": [int(n)] for axis, n in zip("zyx", shape, strict=True)},
        "path": ["simulated"], "checksum": [""], "material_volume": [volume], "near_gap": [10.0], "cluster_gap": [5.0],
        "density_radius": [25.0], "front_spacing": [6.0], "front_radius": [radius], "front_threshold": [threshold],
        "has_voxels": [False], "links_given": [False],
    }  # fmt: skip


def _features(sample: str, t: int, points: np.ndarray, volume: np.ndarray, n_fractures: int) -> pa.Table:
    n = len(points) + n_fractures
    label = np.concatenate([np.arange(1, len(points) + 1), 1_000_000 + np.arange(n_fractures)])
    place = np.concatenate([points, np.zeros((n_fractures, 3))])
    size = np.concatenate([volume, np.full(n_fractures, 1e5)])
    return pa.table(
        {
            "feature_id": scan_id(0, t) + label, "uid": [f"{sample}/{t}/{i}" for i in label],
            "scan_id": np.full(n, scan_id(0, t)),
            "sample": [sample] * n, "t": np.full(n, t, np.int32), "label": label,
            "kind": ["pore"] * len(points) + ["fracture"] * n_fractures,
            **{axis: place[:, i] for i, axis in enumerate("zyx")}, **{f"v{axis}": place[:, i] for i, axis in enumerate("zyx")},
            **{f"ref_{axis}": place[:, i] for i, axis in enumerate("zyx")},
            "volume": size, "n_voxels": np.round(size).astype(np.int64), "equivalent_diameter": np.cbrt(6 * size / np.pi),
            "border_touching": np.zeros(n, bool), "cluster_id": scan_id(0, t) + label,
            "track_id": scan_id(0, 0) + np.arange(1, n + 1),
        }
    )  # fmt: skip
