"""Front sites and regions made by hand, on top of `factories.graph`: every column of the schema, filled by its type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests import factories
from xctgraph.store import Job, Store, open_store, schema
from xctgraph.store.ids import scan_id

COVARIANCE = [["cov_zz", "cov_zy", "cov_zx"], ["cov_zy", "cov_yy", "cov_yx"], ["cov_zx", "cov_yx", "cov_xx"]]
"""Columns of the covariance of a feature, as a matrix."""

TABLES = ("front_sites", "regions", "faces", "adjacent", "next_region")


def graph(rng: np.random.Generator, **rest: object) -> factories.Graph:
    """`factories.graph` with front sites at every fracture, a 2 x 2 x 2 grid of regions and features in them."""
    made = factories.graph(rng, **rest)
    features = made["features"]
    frames: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for t in made.scans:
        here = features[features.t == t]
        base = scan_id(made.sample_no, t)
        fractures = here[here.kind == "fracture"].feature_id.to_numpy()
        defects = here[here.kind != "fracture"].feature_id.to_numpy()
        n = 4 * len(fractures)
        common = {"sample": made.sample, "t": t}
        sites = base + 1 + np.arange(n)
        frames["front_sites"].append(
            _filled(rng, "front_sites", n, common | {"site_id": sites, "feature_id": np.repeat(fractures, 4)})
        )
        regions = base + 1 + np.arange(8)
        frames["regions"].append(_filled(rng, "regions", 8, common | {"region_id": regions}))
        source, target = np.nonzero(np.triu((np.abs(grid[:, None] - grid[None]).sum(axis=2)) == 1))
        frames["adjacent"].append(_filled(rng, "adjacent", 12, common | {"source": regions[source], "target": regions[target]}))
        if t + 1 in made.scans:
            later = regions - base + scan_id(made.sample_no, t + 1)
            frames["next_region"].append(_filled(rng, "next_region", 8, common | {"source": regions, "target": later}))
        pairs = rng.permutation([(s, d) for s in sites for d in defects])[: 3 * n].reshape(-1, 2)
        frames["faces"].append(_filled(rng, "faces", len(pairs), common | {"source": pairs[:, 0], "target": pairs[:, 1]}))
        features.loc[here.index, "region_id"] = rng.choice(regions, len(here)).astype(object)
    features["region_id"] = [None if rng.random() < 0.1 else value for value in features.region_id]
    made.frames |= {table: pd.concat(pieces, ignore_index=True) for table, pieces in frames.items() if pieces}
    return made


def fill(store: Store, made: factories.Graph, scans: list[int] | None = None) -> None:
    """`factories.fill`, and the tables of this module."""
    factories.fill(store, made, scans)
    chosen = made.scans if scans is None else scans
    with store.write(Job("factory", sample=made.sample)) as tx:
        for table in TABLES:
            for t in chosen if table in made.frames else ():
                if table != "next_region" or t + 1 in chosen:
                    rows = made[table]
                    tx.put(table, factories.arrow(table, rows[rows.t == t]), sample=made.sample, t=t)


def _filled(rng: np.random.Generator, table: str, n: int, given: dict[str, object]) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for column in schema.TABLES[table].columns:
        if column.name in given:
            columns[column.name] = given[column.name]
        elif column.name == "job_id":
            continue
        elif column.type == "float64":
            columns[column.name] = rng.normal(size=n)
        elif column.type == "bool":
            columns[column.name] = rng.random(n) < 0.5
        elif column.type == "string":
            columns[column.name] = ["text"] * n
        else:
            columns[column.name] = rng.integers(0, 9, n)
        if column.nullable and column.name not in given:
            values = np.asarray(columns[column.name]).astype(object)
            columns[column.name] = [None if rng.random() < 0.2 else value for value in values]
    return pd.DataFrame(columns, index=range(n))


def stored(folder: Path, made: factories.Graph) -> Store:
    """A new store with the graph."""
    opened = open_store(folder, create=True)
    fill(opened, made)
    return opened
