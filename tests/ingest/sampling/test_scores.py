"""Scores against their definitions, and the perceptual distance against the package whose weights it takes."""

from __future__ import annotations

import sys
import types
import warnings

import networkx as nx
import numpy as np
import pytest
import torch

from xctgraph.ingest.sampling import perceptual, scores
from xctgraph.store.errors import InputError


@pytest.mark.parametrize("edge", [64, 97])
def test_the_perceptual_distance_is_that_of_the_package(
    rng: np.random.Generator, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It imports these for notebooks; nothing of them is called.
    for name in ("IPython", "torchsummary"):
        stub = types.ModuleType(name)
        stub.embed = stub.summary = None  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, stub)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from stlpips_pytorch import stlpips

        package = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    planes = rng.random((4, edge, edge)).astype(np.float32)
    planes[1] = planes[0]
    found = perceptual.distances(planes)
    assert found.metric == perceptual.ST_LPIPS
    images = torch.from_numpy(np.repeat(planes[:, None], 3, axis=1) * 2 - 1)
    with torch.inference_mode():
        expected = [[float(package(images[i : i + 1], images[j : j + 1])) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    assert found.values[0, 1] == 0 < found.values[0, 2]


def test_scores_are_those_of_their_definitions(rng: np.random.Generator) -> None:
    x = rng.normal(size=(60, 5)).astype(np.float32)
    d = rng.normal(size=60)
    rows = rng.permutation(60)[:9]
    visual = rng.random((9, 9))
    visual += visual.T
    found = scores.score(x, d, rows, visual, (0.2, 0.3, 0.5))
    pairs = [(i, j) for i in range(9) for j in range(i)]
    a = x[rows].astype(np.float64)
    latent = np.mean([1 - a[i] @ a[j] / np.linalg.norm(a[i]) / np.linalg.norm(a[j]) for i, j in pairs])
    spread = np.mean([abs(d[rows[i]] - d[rows[j]]) for i, j in pairs]) / np.ptp(d)
    seen = np.mean([visual[i, j] for i, j in pairs])
    graph = nx.Graph()
    graph.add_weighted_edges_from((i, j, float(np.linalg.norm(a[i] - a[j]))) for i, j in pairs)
    tree = nx.minimum_spanning_tree(graph).size(weight="weight")
    gap = np.mean([min(np.linalg.norm(x[i] - a[j]) for j in range(9)) for i in range(60)])
    assert found.latent == pytest.approx(latent)
    assert found.displacement == pytest.approx(spread)
    assert found.visual == pytest.approx(seen)
    assert found.spanning_tree == pytest.approx(tree / 8)
    assert found.mean_gap == pytest.approx(gap)
    assert found.total == pytest.approx(0.2 * latent + 0.3 * seen + 0.5 * spread)
    without = scores.score(x, d, rows)
    assert np.isnan(without.visual)
    assert without.total == pytest.approx((latent + spread) / 3)


def test_equal_slices_have_no_spread() -> None:
    found = scores.score(np.ones((5, 3), np.float32), np.full(5, 2.0), np.array([0, 3]))
    assert (found.latent, found.displacement, found.mean_gap) == (pytest.approx(0), 0, 0)
    with pytest.raises(InputError, match="1 slice chosen: diversity is that of two or more"):
        scores.score(np.ones((5, 3), np.float32), np.arange(5.0), np.array([1]))
