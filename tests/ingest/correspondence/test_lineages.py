"""Real lineages of dividing cells: the ancestors found, beside nearest neighbours and an assignment by distance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from xctgraph.ingest.correspondence import ScanSide, link

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "lineages"


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} with the lineages is not there")
@pytest.mark.parametrize(("every", "of_missed"), [(4, 0.5), (8, 0.2)])
def test_more_ancestors_are_found_than_by_position_alone(every: int, of_missed: float) -> None:
    spots = pd.read_csv(FOLDER / "Pm05_spots.csv.gz").set_index("id")
    links = pd.read_csv(FOLDER / "Pm05_links.csv.gz")
    parent = dict(zip(links.target, links.source, strict=True))
    spots[["z", "y", "x"]] -= spots[["z", "y", "x"]].min() - 5
    extent = np.ceil(spots[["z", "y", "x"]].max() + 5).astype(int)
    times = sorted(spots.t.unique())[::every]
    right = {"ours": 0, "nearest": 0, "assigned": 0}
    n_cells = 0
    for before, after in pairwise(times):
        a, b = spots[spots.t == before], spots[spots.t == after]
        true = np.array([_ancestor(parent, cell, after - before) for cell in b.index])
        found = link(_side(a, extent), _side(b, extent)).next
        ours = {
            (a.index[i - 1], b.index[j - 1]) for i, j in zip(*(found[c].to_pylist() for c in ("source", "target")), strict=True)
        }
        _, nearest = cKDTree(a[["z", "y", "x"]]).query(b[["z", "y", "x"]])
        assigned = nearest.copy()
        rows, columns = linear_sum_assignment(
            np.linalg.norm(a[["z", "y", "x"]].to_numpy()[:, None] - b[["z", "y", "x"]].to_numpy(), axis=2)
        )
        assigned[columns] = rows
        n_cells += len(b)
        right["ours"] += sum((ancestor, cell) in ours for ancestor, cell in zip(true, b.index, strict=True))
        right["nearest"] += int((a.index.to_numpy()[nearest] == true).sum())
        right["assigned"] += int((a.index.to_numpy()[assigned] == true).sum())
    print(f"every {every}th frame, {n_cells} cells:", {name: round(n / n_cells, 4) for name, n in right.items()})
    best = max(right["nearest"], right["assigned"])
    assert right["ours"] >= best + of_missed * (n_cells - best)


def _ancestor(parent: dict[int, int], cell: int, steps: int) -> int:
    for _ in range(steps):
        cell = parent[cell]
    return cell


def _side(cells: pd.DataFrame, extent: pd.Series) -> ScanSide:
    n = len(cells)
    columns = {
        "label": pa.array(np.arange(1, n + 1)),
        "kind": pa.array(["pore"] * n),
        **{axis: pa.array(cells[axis].to_numpy()) for axis in "zyx"},
        "volume": pa.array(4 / 3 * np.pi * cells.radius.to_numpy() ** 3),
        "axis_major_length": pa.nulls(n, pa.float64()),
        "border_touching": pa.array(np.zeros(n, np.bool_)),
    }
    return ScanSide(pa.table(columns), None, (1.0, 1.0, 1.0), tuple(int(v) for v in extent))
