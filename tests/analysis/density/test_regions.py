"""Moran's I of the regions of a store, against the matrix form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.analysis.growth import stored
from xctgraph.analysis.density.from_store import spatial_statistics
from xctgraph.analysis.growth.simulate import Design, simulate
from xctgraph.store import Job, open_store
from xctgraph.store.ids import scan_id


def test_moran_of_regions_is_its_matrix_form(tmp_path: Path, rng: np.random.Generator) -> None:
    n = 24
    value = np.cumsum(rng.normal(size=n)) ** 2 * 1e-3
    ids = scan_id(0, 0) + rng.permutation(n) + 1
    cells = {
        "region_id": ids, "ref_z": np.zeros(n), "ref_y": np.zeros(n), "ref_x": np.arange(n) * 50.0,
        **{f"cell_{a}": (np.arange(n) if a == "x" else np.zeros(n)).astype(np.int32) for a in "zyx"},
        "material_volume": np.full(n, 125000.0), "n_inclusions": np.ones(n, int), "n_pores": np.ones(n, int),
        "inclusion_fraction": value / 3, "pore_fraction": 2 * value / 3, "fracture_area": np.zeros(n),
    }  # fmt: skip
    low, high = np.minimum(ids[:-1], ids[1:]), np.maximum(ids[:-1], ids[1:])
    with open_store(tmp_path / "xct.store", create=True) as store:
        stored.fill(store, simulate(Design(steps=1), rng))
        with store.write(Job("regions", sample="S1")) as tx:
            tx.put("regions", cells, sample="S1", t=0)
            tx.put("adjacent", {"source": low, "target": high}, sample="S1", t=0)
        found = spatial_statistics(store, scans=[0], max_um=20.0, steps=2, n_simulations=19)
    z = value - value.mean()
    assert found.regions[0].i == pytest.approx(n / (n - 1) * (z[:-1] @ z[1:]) / (z @ z))
    assert found.regions[0].n == n
    assert "Moran's I" in found.text
