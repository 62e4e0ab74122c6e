"""What a person calls a fracture may have any shape: it is described, without a warning, by finite numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.ndimage import gaussian_filter

from tests.ingest.fractures.test_ahead import runs
from xctgraph.ingest import fractures


def test_any_body_is_described(rng: np.random.Generator) -> None:
    feature = pa.table({"label": [1], "kind": ["fracture"], "z": [1.0], "y": [1.0], "x": [1.0]})
    for _ in range(25):
        z, y, x = rng.integers(3, 26, 3).tolist()
        field = gaussian_filter(rng.normal(size=(z, y, x)), rng.uniform(0, 5, 3))
        body = field >= np.quantile(field, rng.uniform(0, 1))
        spacing = (rng.uniform(0.5, 3), rng.uniform(0.5, 3), rng.uniform(0.5, 3))
        material = runs((body | (rng.random(body.shape) < 0.9)).astype(np.int32)) if rng.random() < 0.5 else None
        around = fractures.Surroundings(runs(body.astype(np.int32)), material, ((0, z), (0, y), (0, x)), spacing)
        asked = fractures.Asked(rng.uniform(1, 9), rng.uniform(2, 25), rng.uniform(1, 400))
        found = fractures.find(feature, around, asked)
        assert found is not None
        assert found.patches.num_rows == found.geometry["n_patches"][0].as_py() >= 1
        for table in (found.geometry, found.patches, found.openings, found.sites):
            for column in table.columns:
                if pa.types.is_floating(column.type):
                    assert np.isfinite(column.drop_null().to_numpy()).all()
        assert (found.geometry["tortuosity"].to_numpy() > 0.9).all()


def test_without_fractures_there_is_nothing_to_describe() -> None:
    body = np.ones((3, 3, 3), np.int32)
    around = fractures.Surroundings(runs(body), None, ((0, 3), (0, 3), (0, 3)), (1.0, 1.0, 1.0))
    pore = pa.table({"label": [1], "kind": ["pore"], "z": [1.0], "y": [1.0], "x": [1.0]})
    assert fractures.find(pore, around, fractures.Asked(5.0, 25.0, 400.0)) is None
