"""A sample made by hand whose defects are swallowed by a rule that the test chooses; no code of the ingest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.spatial import cKDTree

from xctgraph.store import Job, Store, open_store
from xctgraph.store.ids import scan_id

EDGE = 200.0
GAP = 18.0
FRACTURE = 1_000_000
COLUMNS = ("volume", "sphericity", "local_density")


@dataclass(frozen=True)
class Scan:
    """Defects of one scan: positions (n, 3), own columns (n,) by name, neighbours as pairs (m, 2), the scan before."""

    t: int
    position: np.ndarray
    columns: dict[str, np.ndarray]
    near: np.ndarray
    before: Scan | None

    def neighbours_mean(self, name: str) -> np.ndarray:
        """Mean of a column over the NEAR neighbours, 0.5 of a defect without."""
        values, n = self.columns[name], len(self.position)
        ends = np.concatenate([self.near, self.near[:, ::-1]])
        total, count = np.bincount(ends[:, 1], values[ends[:, 0]], n), np.bincount(ends[:, 1], minlength=n)
        return np.where(count > 0, total / np.maximum(count, 1), 0.5)


Rule = Callable[[Scan, np.random.Generator], np.ndarray]


def by_neighbours(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """By what its neighbours are, and by nothing of its own."""
    return scan.neighbours_mean("sphericity") > 0.55


def by_itself(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """By its own volume; neighbours say nothing."""
    return rng.random(len(scan.position)) < 1 / (1 + np.exp(-2.5 * (np.log(scan.columns["volume"]) - 6)))


def by_its_past(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """By what it was in the scan before."""
    before = scan.columns["sphericity"] if scan.before is None else scan.before.columns["sphericity"]
    return before > 0.5


def by_nothing(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    return rng.random(len(scan.position)) < 0.3


def make(folder: Path, rng: np.random.Generator, rule: Rule, *, samples: int = 1, **shape: Any) -> Store:
    """A store with samples S1, S2, ...; a swallowed defect is followed by another in its place, with a track of its own."""
    store = open_store(folder, create=True)
    for number in range(samples):
        add(store, rng, rule, sample=f"S{number + 1}", sample_no=number, **shape)
    return store


def add(
    store: Store,
    rng: np.random.Generator,
    rule: Rule,
    *,
    sample: str,
    sample_no: int,
    scans: int = 4,
    defects: int = 150,
    deep: float = 1.0,
    wide: float = 1.0,
    fracture: bool = True,
) -> None:
    """`deep` and `wide` times the room ahead of the front and along it."""
    with store.write(Job("made", sample=sample)) as tx:
        tx.put(
            "samples",
            {"sample": [sample], "sample_no": [sample_no], "load_axis": ["z"], **{f"voxel_{a}": [1.0] for a in "zyx"}},
            sample=sample,
        )
        position = rng.uniform((-15, 0, 0), (15, wide * EDGE, deep * 60), (defects, 3))
        pairs = cKDTree(position).query_pairs(GAP, output_type="ndarray").reshape(-1, 2)
        near = np.sort(pairs, axis=1)[np.lexsort(np.sort(pairs, axis=1).T[::-1])]
        track = scan_id(sample_no, 0) + np.arange(1, defects + 1)
        held: list[int] = []
        before: Scan | None = None
        for t in range(scans):
            columns = {
                "volume": np.exp(rng.normal(6, 0.6, defects)),
                "sphericity": np.where(rng.random(defects) < 0.5, 0.2, 0.9),
                "local_density": rng.random(defects),
            }
            scan = Scan(t, position, columns, near, before)
            swallowed = rule(scan, rng)
            base = scan_id(sample_no, t)
            tx.put("scans", _scan(sample, t, base), sample=sample, t=t)
            tx.put("features", _features(sample, t, base, scan, track, fracture), sample=sample, t=t)
            distance = np.linalg.norm(position[near[:, 0]] - position[near[:, 1]], axis=1)
            tx.put(
                "near",
                _edges(sample, t, base, near[:, 0] + 1, near[:, 1] + 1, gap=distance / 2, distance=distance),
                sample=sample,
                t=t,
            )
            if fracture:
                tx.put("front_sites", _sites(sample, t, base, rng, wide * EDGE, known=t + 1 < scans), sample=sample, t=t)
            if t + 1 < scans:
                tx.put("next", _next(sample, t, base, scan_id(sample_no, t + 1), swallowed), sample=sample, t=t)
            held += track.tolist()
            track = np.where(swallowed, scan_id(sample_no, t + 1) + np.arange(1, defects + 1), track)
            before = scan
        tracks = np.unique(held)
        tx.put(
            "tracks",
            {
                "track_id": tracks,
                "sample": [sample] * len(tracks),
                "kind": ["pore"] * len(tracks),
                "t_first": np.zeros(len(tracks), int),
                "t_last": np.zeros(len(tracks), int),
                "n_features": np.ones(len(tracks), int),
                "lineage_id": tracks,
            },
            sample=sample,
        )


def _scan(sample: str, t: int, base: int) -> dict[str, list[object]]:
    return {
        "scan_id": [base],
        "sample": [sample],
        "t": [t],
        "previous_scan_id": [None],
        **{f"n_{axis}": [200] for axis in "zyx"},
        "path": ["made"],
        "checksum": [""],
        "material_volume": [8e6],
        "near_gap": [10.0],
        "cluster_gap": [5.0],
        "density_radius": [25.0],
        "front_spacing": [10.0],
        "front_radius": [25.0],
        "front_threshold": [2.0],
        "has_voxels": [False],
        "links_given": [False],
    }


def _features(sample: str, t: int, base: int, scan: Scan, track: np.ndarray, fracture: bool) -> pa.Table:
    n = len(scan.position) + fracture
    extra = [FRACTURE][: int(fracture)]
    label = np.concatenate([np.arange(1, len(scan.position) + 1), np.array(extra, int)])
    place = np.concatenate([scan.position, np.zeros((len(extra), 3))])

    def whole(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.ones(len(extra))])

    volume = whole(scan.columns["volume"])
    size = np.cbrt(6 * volume / np.pi)
    return pa.table(
        {
            "feature_id": base + label,
            "uid": [f"{sample}/{t}/{i}" for i in label],
            "scan_id": np.full(n, base),
            "sample": [sample] * n,
            "t": np.full(n, t, np.int32),
            "label": label,
            "kind": ["pore"] * len(scan.position) + ["fracture"] * len(extra),
            **{f"{prefix}{axis}": place[:, i] for prefix in ("", "v", "ref_") for i, axis in enumerate("zyx")},
            "volume": volume,
            "n_voxels": np.ceil(volume).astype(np.int64),
            "equivalent_diameter": size,
            "axis_major_length": size,
            "axis_minor_length": size,
            "sphericity": whole(scan.columns["sphericity"]),
            "local_density": whole(scan.columns["local_density"]),
            "border_touching": np.zeros(n, bool),
            "cluster_id": base + label,
            "track_id": np.concatenate([track, np.array(extra, int) + scan_id(0, 0)]),
        }
    )


def _sites(sample: str, t: int, base: int, rng: np.random.Generator, width: float, *, known: bool) -> pa.Table:
    y = np.arange(5.0, width, 10.0)
    n = len(y)
    place = {"z": np.zeros(n), "y": y, "x": np.full(n, 5.0)}
    advance = rng.uniform(0, 10, n)
    return pa.table(
        {
            "site_id": base + np.arange(1, n + 1),
            "feature_id": np.full(n, base + FRACTURE),
            "sample": [sample] * n,
            "t": np.full(n, t, np.int32),
            "patch": np.zeros(n, np.int32),
            "front": np.zeros(n, np.int32),
            "arc": y,
            "front_length": np.full(n, 10.0),
            **place,
            **{f"ref_{axis}": v for axis, v in place.items()},
            "direction_z": np.zeros(n),
            "direction_y": np.zeros(n),
            "direction_x": np.ones(n),
            "curvature": rng.normal(0, 0.01, n),
            "surface_distance": np.minimum(y, width - y),
            "opening": rng.uniform(3, 8, n),
            "ahead_volume": np.ones(n),
            "n_ahead": rng.integers(0, 5, n),
            "local_density": rng.random(n),
            "advance_um": advance if known else pa.nulls(n, pa.float64()),
            "advanced": advance > 2 if known else pa.nulls(n, pa.bool_()),
        }
    )


def _edges(sample: str, t: int, base: int, a: np.ndarray, b: np.ndarray, **columns: object) -> pa.Table:
    n = len(a)
    return pa.table({"source": base + a, "target": base + b, "sample": [sample] * n, "t": np.full(n, t, np.int32), **columns})


def _next(sample: str, t: int, base: int, later: int, swallowed: np.ndarray) -> pa.Table:
    n = len(swallowed)
    label = np.arange(1, n + 1)
    return pa.table(
        {
            "source": base + label,
            "target": np.where(swallowed, later + FRACTURE, later + label),
            "sample": [sample] * n,
            "t": np.full(n, t, np.int32),
            "dt": np.ones(n, np.int32),
            "overlap": np.ones(n, np.int64),
            "iou": np.ones(n),
            "cost": np.zeros(n),
            "event": np.where(swallowed, "swallowed", "continue"),
        }
    )
