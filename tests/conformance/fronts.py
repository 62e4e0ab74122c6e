"""Random front sites, what they face, and regions, for the graphs of the conformance suite."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.factories import Graph
from xctgraph.store.ids import scan_id

TABLES = ("front_sites", "faces", "regions", "adjacent", "next_region")


def add(rng: np.random.Generator, made: Graph) -> None:
    """Give a graph fronts on its fractures and a row of regions in each scan, and its features regions."""
    features = made["features"]
    sites = pd.concat([_sites(rng, made, t) for t in made.scans], ignore_index=True)
    defects = features[features.kind != "fracture"]
    faces = sites[["site_id", "sample", "t"]].merge(defects[["feature_id", "sample", "t"]], on=["sample", "t"])
    faces = faces[rng.random(len(faces)) < 0.2].rename(columns={"site_id": "source", "feature_id": "target"})
    faces = faces.assign(gap=rng.uniform(0, 60, len(faces)))
    made.frames["front_sites"] = sites
    made.frames["faces"] = faces.assign(
        **dict(zip(("direction_z", "direction_y", "direction_x"), _unit(rng, len(faces)), strict=True))
    )
    regions = pd.concat([_regions(rng, made, t) for t in made.scans], ignore_index=True)
    made.frames["regions"] = regions
    number = regions.region_id - [scan_id(made.sample_no, t) for t in regions.t]
    keyed = regions.assign(number=number)[["region_id", "sample", "t", "number"]]
    beside = keyed.merge(keyed.assign(number=number - 1)[["region_id", "t", "number"]], on=["t", "number"], suffixes=("", "_b"))
    later = keyed.merge(keyed.assign(t=keyed.t - 1)[["region_id", "t", "number"]], on=["t", "number"], suffixes=("", "_b"))
    for name, pairs in (("adjacent", beside), ("next_region", later)):
        made.frames[name] = pairs.rename(columns={"region_id": "source", "region_id_b": "target"}).drop(columns="number")
    by_scan = regions.groupby("t").region_id.apply(list)
    features["region_id"] = [None if rng.random() < 0.2 else int(rng.choice(by_scan[t])) for t in features.t]


def renumbered(made: Graph, new_t: dict[int, int], new_id: dict[int, int]) -> dict[str, pd.DataFrame]:
    """The frames with other scan numbers and feature ids."""
    shift = {t: scan_id(made.sample_no, u) - scan_id(made.sample_no, t) for t, u in new_t.items()}
    sites, faces, regions = (made[name] for name in ("front_sites", "faces", "regions"))
    old = dict(zip(regions.region_id, regions.t, strict=True))
    frames = {
        "front_sites": sites.assign(
            site_id=sites.site_id + sites.t.map(shift), feature_id=sites.feature_id.map(new_id), t=sites.t.map(new_t)
        ),
        "faces": faces.assign(source=faces.source + faces.t.map(shift), target=faces.target.map(new_id), t=faces.t.map(new_t)),
        "regions": regions.assign(region_id=regions.region_id + regions.t.map(shift), t=regions.t.map(new_t)),
    }
    for name in ("adjacent", "next_region"):
        edges = made[name]
        ends = {end: edges[end] + edges[end].map(old).map(shift) for end in ("source", "target")}
        frames[name] = edges.assign(**ends, t=edges.t.map(new_t))
    return frames


def moved_regions(made: Graph, new_t: dict[int, int]) -> list[int | None]:
    """Regions of the features under other scan numbers."""
    features = made["features"]
    return [
        None if pd.isna(region) else int(region) + scan_id(made.sample_no, new_t[t]) - scan_id(made.sample_no, t)
        for region, t in zip(features.region_id, features.t, strict=True)
    ]


def _sites(rng: np.random.Generator, made: Graph, t: int) -> pd.DataFrame:
    features = made["features"]
    cracks = features[(features.t == t) & (features.kind == "fracture")].feature_id.to_numpy()
    n = 6 * len(cracks)
    last = t == made.scans[-1]
    advance = [None if last or rng.random() < 0.2 else float(rng.uniform(0, 20)) for _ in range(n)]
    z, y, x = rng.uniform(0, 100, (3, n))
    dz, dy, dx = _unit(rng, n)
    return pd.DataFrame({
        "site_id": scan_id(made.sample_no, t) + np.arange(1, n + 1), "feature_id": np.repeat(cracks, 6), "sample": made.sample,
        "t": t, "patch": rng.integers(0, 2, n), "front": 0, "arc": rng.uniform(0, 50, n), "front_length": rng.uniform(4, 6, n),
        "z": z, "y": y, "x": x, "direction_z": dz, "direction_y": dy, "direction_x": dx, "curvature": rng.normal(0, 0.02, n),
        "opening": rng.uniform(3, 9, n), "ahead_volume": rng.uniform(1e4, 3e4, n), "n_ahead": rng.integers(0, 4, n),
        "local_density": [None if rng.random() < 0.2 else float(rng.uniform(0, 0.05)) for _ in range(n)],
        "advance_um": pd.Series(advance, dtype=object),
        "advanced": pd.Series([None if a is None else a >= 8 for a in advance], dtype=object),
    })  # fmt: skip


def _regions(rng: np.random.Generator, made: Graph, t: int) -> pd.DataFrame:
    number = np.flatnonzero(rng.random(8) < 0.8) + 1
    n = len(number)
    return pd.DataFrame({
        "region_id": scan_id(made.sample_no, t) + number, "sample": made.sample, "t": t, "cell_z": number - 1, "cell_y": 0,
        "cell_x": 0, "ref_z": 12.5 * number, "ref_y": 50.0, "ref_x": 50.0, "material_volume": rng.uniform(1e4, 1e5, n),
        "n_inclusions": rng.integers(0, 9, n), "n_pores": rng.integers(0, 5, n), "inclusion_fraction": rng.uniform(0, 0.05, n),
        "pore_fraction": rng.uniform(0, 0.02, n), "strain": [None if rng.random() < 0.2 else 0.01 * t for _ in range(n)],
        "fracture_area": np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 500, n)),
    })  # fmt: skip


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    vector = rng.normal(size=(3, n))
    return vector / np.linalg.norm(vector, axis=0)
