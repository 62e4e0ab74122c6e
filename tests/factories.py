"""Small random graphs that obey the schema, made without any code of the ingest.

`graph(rng, …)` gives the tables of one sample as pandas frames (the oracle side), `fill(store, graph)` commits them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from xctgraph.store import Job, Store, open_store
from xctgraph.store.ids import feature_id, scan_id
from xctgraph.store.schema import TABLES

PER_SCAN = ("scans", "features", "near", "touches", "next")
PER_SAMPLE = ("samples", "tracks")


@dataclass
class Graph:
    """Tables of one sample, all scans together; edit the frames and `fill` again to change the store."""

    sample: str
    sample_no: int
    scans: list[int]
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.frames[table]


def graph(
    rng: np.random.Generator,
    *,
    sample: str = "S1",
    sample_no: int = 0,
    n_scans: int = 3,
    n_features: int = 20,
    kinds: tuple[str, ...] = ("inclusion", "pore", "fracture"),
    edge: float = 100.0,
    gap: float = 40.0,
    null_share: float = 0.2,
) -> Graph:
    """One random sample: scans 0..n_scans-1 with about n_features features each, all kinds present where there is room.

    Positions are uniform in a cube of `edge` um. NEAR joins features whose gap is at most `gap`, TOUCHES the closest of them
    that differ in kind, NEXT features of consecutive scans (one to one, with some splits, merges and swallowed ones), tracks
    follow the one to one links. Nullable columns are null in `null_share` of the rows.
    """
    made = Graph(sample, sample_no, list(range(n_scans)))
    features = pd.concat([_features(rng, made, t, n_features, kinds, edge, null_share) for t in made.scans], ignore_index=True)
    near = pd.concat([_near(part, gap) for _, part in features.groupby("t")], ignore_index=True)
    by_id = features.set_index("feature_id")
    mixed = near[by_id.loc[near.source, "kind"].to_numpy() != by_id.loc[near.target, "kind"].to_numpy()]
    touches = mixed[mixed.gap < gap / 3][["source", "target", "sample", "t"]].copy()
    touches["contact_area"] = rng.uniform(1, 50, len(touches))
    links = _links(rng, features)
    features["track_id"] = _tracks(features, links)
    features["cluster_id"] = _components(features.feature_id, near[near.gap <= gap / 2])
    made.frames = {
        "samples": _sample(made),
        "scans": pd.DataFrame([_scan(rng, made, t, edge, gap, null_share) for t in made.scans]),
        "features": features,
        "tracks": _track_table(features, links),
        "near": near,
        "touches": touches,
        "next": links,
    }
    return made


def fill(store: Store, made: Graph, scans: list[int] | None = None, *, project: bool = False) -> None:
    """Commit the graph: all scans, or those named; with the tracks and links as they are known at the last of them."""
    last = max(made.scans if scans is None else scans)
    with store.write(Job("factory", sample=made.sample, parameters={"scans": scans})) as tx:
        for t in made.scans if scans is None else scans:
            for table in ("scans", "features", "near", "touches"):
                rows = made[table]
                tx.put(table, arrow(table, rows[rows.t == t]), sample=made.sample, t=t)
        for t in made.scans:
            rows = made["next"]
            rows = rows[(rows.t == t) & (rows.t + rows.dt <= last)]
            if t <= last and (len(rows) or t < last):
                tx.put("next", arrow("next", rows), sample=made.sample, t=t)
        for table in ("front_sites", "faces", "regions", "adjacent", "next_region"):
            tx.drop(table, sample=made.sample)  # an earlier graph may have had them in scans that have none now
            for t, rows in made.frames[table].groupby("t") if table in made.frames else ():
                tx.put(table, arrow(table, rows), sample=made.sample, t=int(t))
        for table in PER_SAMPLE:
            rows = known_tracks(made, last) if table == "tracks" else made[table]
            tx.put(table, arrow(table, rows), sample=made.sample)
    if project:
        store.project()


def known_tracks(made: Graph, last: int) -> pd.DataFrame:
    """Tracks as they are known when `last` is the newest scan."""
    features = made["features"][made["features"].t <= last]
    links = made["next"]
    return _track_table(features, links[links.t + links.dt <= last])


def arrow(table: str, rows: pd.DataFrame) -> pa.Table:
    """Rows as Arrow, columns that the frame lacks left out (job_id among them), missing values as nulls."""
    columns = {}
    types = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}
    for column in TABLES[table].columns:
        if column.name in rows.columns:
            values = rows[column.name].astype(object).where(rows[column.name].notna(), None)
            columns[column.name] = pa.array(values.tolist(), types[column.type])
    return pa.table(columns)


def _sample(made: Graph) -> pd.DataFrame:
    values = {
        "sample": made.sample,
        "sample_no": made.sample_no,
        "material": "AlMg",
        "environment": None,
        "notes": 'it\'s a "test"\\',
    }
    return pd.DataFrame([values | {"voxel_z": 2.0, "voxel_y": 1.63, "voxel_x": 1.63, "thickness": 500.0}])


def _scan(rng: np.random.Generator, made: Graph, t: int, edge: float, gap: float, null_share: float) -> dict[str, object]:
    return {
        "scan_id": scan_id(made.sample_no, t),
        "sample": made.sample,
        "t": t,
        "previous_scan_id": scan_id(made.sample_no, t - 1) if t else None,
        "time_s": 60.0 * t,
        "strain": None if rng.random() < null_share else 0.01 * t,
        "n_z": 50,
        "n_y": 60,
        "n_x": 60,
        "path": f"scan_{t:03d}.h5:/entry/data",
        "checksum": f"{t:064x}",
        "material_volume": edge**3,
        "connectivity": 26,
        "near_gap": gap,
        "cluster_gap": gap / 2,
        "density_radius": 25.0,
        "acquired_at": None if rng.random() < null_share else f"2026-05-04T10:{t:02d}:00+01:00",
        "snr": None if rng.random() < null_share else rng.uniform(1, 30),
        "contrast": None if rng.random() < null_share else rng.uniform(1, 30),
        "suspect": None if rng.random() < null_share else bool(rng.random() < 0.3),
        "has_voxels": True,
        "links_given": False,
    }


def _features(
    rng: np.random.Generator, made: Graph, t: int, n: int, kinds: tuple[str, ...], edge: float, null_share: float
) -> pd.DataFrame:
    count = max(len(kinds), int(rng.integers(max(1, n - n // 4), n + n // 4 + 1)))
    label = np.arange(1, count + 1)
    weights = np.array([0.7 if k == "inclusion" else 0.25 if k == "pore" else 0.05 for k in kinds])
    kind = rng.choice(kinds, count, p=weights / weights.sum())
    kind[: len(kinds)] = kinds
    n_voxels = rng.integers(5, 400, count)
    volume = n_voxels * 2.0 * 1.63 * 1.63
    lengths = np.sort(rng.uniform(1, 12, (count, 3)))[:, ::-1]
    values: dict[str, object] = {
        "feature_id": feature_id(made.sample_no, t, label.astype(np.int64)),
        "uid": [f"{made.sample}/{t}/{k}" for k in label],
        "scan_id": scan_id(made.sample_no, t),
        "sample": made.sample,
        "t": t,
        "label": label,
        "kind": kind,
        "n_voxels": n_voxels,
        "volume": volume,
        "equivalent_diameter": np.cbrt(6 * volume / np.pi),
        "surface_area": rng.uniform(20, 900, count),
        "sphericity": rng.uniform(0.2, 1.0, count),
        "border_touching": rng.random(count) < 0.1,
        "euler_number": with_nulls(rng, rng.integers(-1, 2, count), null_share),
        "source_label": with_nulls(rng, rng.integers(1, 1000, count), null_share),
        "intensity_mean": with_nulls(rng, rng.normal(120, 20, count), null_share),
        "local_density": with_nulls(rng, rng.uniform(0, 0.05, count), null_share),
        "confidence": with_nulls(rng, rng.uniform(0, 1, count), null_share),
        "axis_major_length": lengths[:, 0],
        "axis_intermediate_length": lengths[:, 1],
        "axis_minor_length": lengths[:, 2],
        "feret_diameter_max": 1.1 * lengths[:, 0],
        "feret_diameter_min": lengths[:, 2],
    }
    position = rng.uniform(0, edge, (count, 3))
    for i, axis in enumerate("zyx"):
        size = (2.0, 1.63, 1.63)[i]
        values |= {
            axis: position[:, i],
            f"v{axis}": position[:, i] / size,
            f"ref_{axis}": with_nulls(rng, position[:, i], null_share),
        }
        low = np.floor(position[:, i] / size).astype(int)
        values |= {f"bbox_{axis}_min": low, f"bbox_{axis}_max": low + rng.integers(1, 8, count)}
    for pair in ("zz", "zy", "zx", "yy", "yx", "xx"):
        values[f"cov_{pair}"] = rng.uniform(0.1, 9, count) * (1 if pair[0] == pair[1] else 0.1)
    for name in ("major", "minor"):
        vector = rng.normal(size=(count, 3))
        vector /= np.linalg.norm(vector, axis=1, keepdims=True)
        vector *= np.where(vector[:, :1] < 0, -1, 1)
        values |= {f"{name}_{axis}": vector[:, i] for i, axis in enumerate("zyx")}
    return pd.DataFrame(values)


def _near(features: pd.DataFrame, gap: float) -> pd.DataFrame:
    position = features[["z", "y", "x"]].to_numpy()
    radius = features.equivalent_diameter.to_numpy() / 2
    distance = np.linalg.norm(position[:, None] - position[None], axis=2)
    between = np.maximum(distance - radius[:, None] - radius[None], 1.63)
    a, b = np.nonzero(np.triu(between <= gap, 1))
    ids = features.feature_id.to_numpy()
    rows = {"source": ids[a], "target": ids[b], "gap": between[a, b], "distance": distance[a, b]}
    return pd.DataFrame(rows | {"sample": features["sample"].iloc[0], "t": features.t.iloc[0]})


def _links(rng: np.random.Generator, features: pd.DataFrame) -> pd.DataFrame:
    rows: list[tuple[int, int, int, str]] = []
    for t, later in pairwise(sorted(features.t.unique())):
        a = rng.permutation(features[features.t == t].feature_id.to_numpy())
        b = rng.permutation(features[features.t == later].feature_id.to_numpy())
        n = int(0.7 * min(len(a), len(b)))
        rows += [(x, y, t, "continue") for x, y in zip(a[:n], b[:n], strict=True)]
        spare_a, spare_b = list(a[n:]), list(b[n:])
        if spare_b and n > 0:
            rows.append((a[0], spare_b[0], t, "split"))
        if spare_a and n > 1:
            rows.append((spare_a[0], b[1], t, "merge"))
        if len(spare_a) > 1 and n > 2:
            rows.append((spare_a[1], b[2], t, "swallowed"))
    frame = pd.DataFrame(rows, columns=["source", "target", "t", "event"])
    frame["sample"] = features["sample"].iloc[0]
    frame["dt"] = 1
    frame["overlap"] = rng.integers(0, 300, len(frame))
    frame["iou"] = rng.uniform(0, 1, len(frame))
    frame["cost"] = rng.uniform(0, 5, len(frame))
    return frame.astype({"source": "int64", "target": "int64", "t": "int64"})


def _tracks(features: pd.DataFrame, links: pd.DataFrame) -> list[int]:
    track = dict.fromkeys(features.feature_id.tolist(), 0)
    before = {row.target: row.source for row in links.itertuples() if row.event == "continue"}
    for feature in features.sort_values("t").feature_id:
        track[feature] = track[before[feature]] if feature in before else feature
    return [track[feature] for feature in features.feature_id]


def _track_table(features: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    groups = features.sort_values("t").groupby("track_id")
    table = groups.agg(
        sample=("sample", "first"), kind=("kind", "first"), t_first=("t", "min"), t_last=("t", "max"), n_features=("t", "size")
    )
    table = table.reset_index()
    track = features.set_index("feature_id").track_id
    joined = pd.DataFrame({"source": track.loc[links.source].to_numpy(), "target": track.loc[links.target].to_numpy()})
    table["lineage_id"] = _components(table.track_id, joined)
    return table


def _components(ids: pd.Series, edges: pd.DataFrame) -> list[int]:
    smallest = {i: i for i in ids}
    changed = True
    while changed:
        changed = False
        for a, b in zip(edges.source, edges.target, strict=True):
            low = min(smallest[a], smallest[b])
            if smallest[a] != low or smallest[b] != low:
                smallest[a] = smallest[b] = low
                changed = True
    return [smallest[i] for i in ids]


def with_nulls(rng: np.random.Generator, values: np.ndarray, share: float) -> list[object]:
    """The values, each with chance `share` replaced by None."""
    return [None if rng.random() < share else value.item() for value in values]


def filled(folder: Path, *, n_scans: int, n_features: int) -> Path:
    """A store with a random graph, brought to the projections; its seed is drawn."""
    with open_store(folder, create=True) as opened:
        rng = np.random.default_rng(secrets.randbits(31))
        fill(opened, graph(rng, n_scans=n_scans, n_features=n_features), project=True)
    return folder
