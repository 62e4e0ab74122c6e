"""Figures hold the numbers of their tables, computed anew with pandas and numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pytest

from tests import factories
from xctgraph.analysis import plots, scene
from xctgraph.analysis.geometry import Mesh
from xctgraph.analysis.style import kind_colours
from xctgraph.store.errors import InputError


@pytest.fixture
def features(rng: np.random.Generator) -> pd.DataFrame:
    return factories.graph(rng, n_scans=1, n_features=60)["features"]


def axis_titles(figure: go.Figure) -> list[str]:
    return sorted(figure.layout[name].title.text for name in figure.layout if name.startswith(("xaxis", "yaxis")))


def test_counts() -> None:
    table = pd.DataFrame({"t": [1, 0, 0, 1], "kind": ["pore", "pore", "crack", "crack"], "n_features": [4, 3, 0, 1]})
    table["volume_fraction"] = [0.04, 0.03, 0.0, 0.01]
    figure = plots.counts(pa.Table.from_pandas(table))
    drawn = {(trace.name, trace.xaxis): (list(trace.x), list(trace.y)) for trace in figure.data}
    assert drawn["pore", "x"] == ([0, 1], [3, 4])
    assert drawn["crack", "x2"] == ([0, 1], [0.0, 1.0])
    assert axis_titles(figure) == ["features", "scan t", "scan t", "volume fraction / %"]


def test_sizes_count_everything_once(features: pd.DataFrame) -> None:
    figure = plots.sizes(pa.Table.from_pandas(features[["kind", "equivalent_diameter"]]))
    held = {trace.name: int(np.sum(np.asarray(trace.y)[::2])) for trace in figure.data}
    assert held == features.groupby("kind").size().to_dict()
    edges = np.asarray(figure.data[0].x)
    assert edges[0] < features.equivalent_diameter.min()
    assert edges[-1] > features.equivalent_diameter.max()
    assert "µm" in figure.layout.xaxis.title.text


def test_sizes_of_one_and_of_none() -> None:
    one = pa.table({"kind": ["pore"], "equivalent_diameter": [3.0]})
    assert sum(plots.sizes(one).data[0].y[::2]) == 1
    assert len(plots.sizes(one.slice(0, 0)).data) == 0


def test_growth() -> None:
    table = pa.table({"name": ["a", "b", "a"], "t": [1, 0, 0], "volume": [2.0, 7.0, 1.0]})
    figure = plots.growth(table)
    assert {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data} == {"a": ([0, 1], [1, 2]), "b": ([0], [7])}


def test_events_unknown_is_not_zero() -> None:
    table = pa.table({"t": [0, 1], "births": [None, 3], "deaths": [2, None], "swallowed": [1, None]})
    drawn = {trace.name: list(trace.y) for trace in plots.events(table).data}
    assert list(drawn) == ["births", "deaths", "swallowed"]
    assert np.isnan(drawn["births"][0])
    assert drawn["deaths"][0] == 2


def test_pairs() -> None:
    table = pa.table({"t": [0, 1], "a": [0.1, None], "b": [0.2, 0.3]})
    figure = plots.pairs(table, before=("a", "missed"), after=("b", "reached"), title="density")
    assert [trace.name for trace in figure.data] == ["missed", "reached"]
    assert list(figure.data[1].y) == [0.2, 0.3]


def test_missing_column_is_named() -> None:
    with pytest.raises(InputError, match=r"needs a column 'kind'; the table has t"):
        plots.counts(pa.table({"t": [0]}))


def test_kinds_keep_their_colours() -> None:
    assert kind_colours(["own", "pore"])["pore"] == kind_colours(["pore"])["pore"]
    colours = kind_colours(["a", "b", "inclusion"])
    assert len({colours[k] for k in ("a", "b", "inclusion", "pore", "fracture")}) == 5


def scene_table(features: pd.DataFrame) -> pa.Table:
    return factories.arrow("features", features[list(scene.COLUMNS)])


def test_scene_draws_the_largest_to_scale(features: pd.DataFrame) -> None:
    figure, caption = scene.scene(scene_table(features), (2.0, 1.63, 1.63), max_ellipsoids=20, max_points=10)
    bodies, points = ([t for t in figure.data if t.type == kind] for kind in ("mesh3d", "scatter3d"))
    assert sum(len(t.x) for t in bodies) == 20 * 42
    assert sum(len(t.x) for t in points) == 10
    largest = features.sort_values("equivalent_diameter", ascending=False)
    drawn = {int(label) for t in bodies for label in np.asarray(t.customdata)[:, 0]}
    assert drawn == set(largest.label[:20])
    by_label = features.set_index("label")
    for trace in points:
        for x, y, z, row in zip(trace.x, trace.y, trace.z, trace.customdata, strict=True):
            np.testing.assert_allclose((z, y, x), by_label.loc[int(row[0]), ["z", "y", "x"]].astype(float), rtol=1e-6)
    assert "20 largest" in caption
    assert "next 10 are points" in caption
    assert f"{len(features) - 30} smaller ones are not drawn" in caption
    assert figure.layout.scene.aspectmode == "data"
    assert [figure.layout.scene[f"{a}axis"].title.text for a in "xyz"] == ["x / µm", "y / µm", "z / µm"]


def test_scene_by_density_with_a_mesh(features: pd.DataFrame) -> None:
    mesh = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), step=2)
    figure, caption = scene.scene(scene_table(features), (2.0, 1.63, 1.63), {"fracture": mesh}, colour_by="local_density")
    assert figure.data[0].name == "fracture"
    assert list(figure.data[0].z) == [1, 0, 0]
    others = [t for t in figure.data[1:] if t.type == "mesh3d"]
    assert {t.name for t in others} == {"inclusion", "pore"}
    density = features.set_index("label").local_density.astype(float)
    for trace in others:
        labels = np.asarray(trace.customdata)[:, 0].astype(int)
        np.testing.assert_allclose(trace.intensity, density.loc[labels], rtol=1e-6)
    assert "every 2³ voxels of the fracture are drawn as one" in caption


def test_scene_names_uid_and_attributes_on_hover(features: pd.DataFrame) -> None:
    figure, _ = scene.scene(scene_table(features), (2.0, 1.63, 1.63))
    trace = next(t for t in figure.data if t.name == "pore")
    assert trace.hovertemplate.startswith("pore S1/0/%{customdata[0]:d}<br>diameter %{customdata[1]:.3g} µm")
    row = features.set_index("label").loc[int(trace.customdata[0][0])]
    assert trace.customdata[0][1] == pytest.approx(row.equivalent_diameter, rel=1e-6)
