"""Real CT volumes through the whole way, on both engines: counts equal cc3d's, shared properties scikit-image's."""

from __future__ import annotations

from pathlib import Path

import cc3d
import numpy as np
import pyarrow as pa
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from tests.real_data import real_volume
from xctgraph.ingest import config, pipeline
from xctgraph.store import Store

SPACING = (2.0, 1.5, 1.0)


@pytest.fixture(params=["cement", "snow"])
def volume(request: pytest.FixtureRequest) -> Path:
    return real_volume(request.param)


def _in_order_of_first_voxel(labels: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Renumber labels by the rank of their first voxel in C order."""
    values, first = np.unique(labels.ravel(), return_index=True)
    rank = np.zeros(int(values.max()) + 1, np.int64)
    foreground = values != 0
    rank[values[foreground][np.argsort(first[foreground])]] = np.arange(1, foreground.sum() + 1)
    return rank[labels]


def test_features_equal_other_libraries(volume: Path, engine: Store) -> None:
    grey = tifffile.imread(volume)
    dark, bright = (float(value) for value in np.quantile(grey, (0.05, 0.95)))
    classes = (grey > bright) + 2 * (grey < dark).astype(np.uint8)
    dataset = config.parse(
        {
            "sample": {"id": "R", "voxel_size_um": SPACING},
            "segmentation": {"method": "threshold", "bright": bright, "dark": dark},
            "proximity": {"gap_um": 4},
            "scan": [{"t": 0, "path": str(volume)}],
        },
        origin="test",
    )
    (result,) = pipeline.ingest(engine, dataset)

    oracle = _in_order_of_first_voxel(cc3d.connected_components(classes, connectivity=26))
    n = int(oracle.max())
    assert result.n_features == n > 10
    features = engine.read("features").sort_by("label")
    assert features["label"].to_pylist() == list(range(1, n + 1))
    properties = ("area", "centroid", "bbox", "inertia_tensor_eigvals", "intensity_mean", "intensity_max", "intensity_min")
    expected = regionprops_table(oracle, grey, properties=properties)
    assert np.array_equal(features["n_voxels"].to_numpy(), expected["area"])
    np.testing.assert_allclose(features["volume"].to_numpy(), expected["area"] * np.prod(SPACING), rtol=1e-9)
    for axis, name in enumerate("zyx"):
        np.testing.assert_allclose(features[f"v{name}"].to_numpy(), expected[f"centroid-{axis}"], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(features[name].to_numpy(), expected[f"centroid-{axis}"] * SPACING[axis], rtol=1e-9, atol=1e-9)
        assert np.array_equal(features[f"bbox_{name}_min"].to_numpy(), expected[f"bbox-{axis}"])
        assert np.array_equal(features[f"bbox_{name}_max"].to_numpy(), expected[f"bbox-{axis + 3}"])
    for name, theirs in (("mean", "mean"), ("min", "min"), ("max", "max")):
        np.testing.assert_allclose(features[f"intensity_{name}"].to_numpy(), expected[f"intensity_{theirs}"], rtol=1e-9)
    _check_covariance(features, oracle, n)
    answer = engine.cypher("MATCH (f:Feature) RETURN count(f) AS n, sum(f.volume) AS volume")
    assert answer["n"][0].as_py() == n
    assert answer["volume"][0].as_py() == pytest.approx(np.count_nonzero(oracle) * np.prod(SPACING), rel=1e-9)
    near = engine.cypher("MATCH (a:Feature)-[e:NEAR]->(b:Feature) RETURN count(e) AS n, max(e.gap) AS gap")
    assert near["n"][0].as_py() == result.n_near > 0
    assert near["gap"][0].as_py() <= 4


def _check_covariance(features: pa.Table, oracle: NDArray[np.int64], n: int) -> None:
    """Eigenvalues of the covariance of voxel centres in um, against numpy's cov on every feature's voxels."""
    z, y, x = np.nonzero(oracle)
    labels = oracle[z, y, x]
    order = np.argsort(labels, kind="stable")
    points = (np.column_stack([z, y, x]) * np.array(SPACING))[order]
    bounds = np.searchsorted(labels[order], np.arange(1, n + 2))
    expected = np.zeros((n, 3))
    for label in range(n):
        own = points[bounds[label] : bounds[label + 1]]
        expected[label] = np.linalg.eigvalsh(np.cov(own.T, bias=True)) if len(own) > 1 else 0
    names = ("axis_minor_length", "axis_intermediate_length", "axis_major_length")
    found = np.column_stack([(features[name].to_numpy() / 2) ** 2 / 5 for name in names])
    scale = np.maximum(expected[:, 2:], 1e-12)
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-9)
