"""Snapshots with front sites, regions, filters and targets, against the frames that the rows were made from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from pyarrow import feather

from tests import factories
from tests.analysis import fronts
from xctgraph.analysis import snapshots
from xctgraph.store import Store, open_store, schema
from xctgraph.store.errors import InputError

torch = pytest.importorskip("torch")

TYPES = {"FACES": ("front_site", "site_id", None, "feature_id"), "ADJACENT": ("region", "region_id", "region", "region_id")}


@pytest.fixture
def made(rng: np.random.Generator) -> factories.Graph:
    return fronts.graph(rng, n_scans=4, n_features=40)


@pytest.fixture
def store(tmp_path: Path, made: factories.Graph) -> Store:
    return fronts.stored(tmp_path / "xct.store", made)


def pairs(graph: Any, relation: str, source: str, target: str) -> list[tuple[int, int]]:
    """Edges of a relation by the keys of their ends."""
    found = []
    for a, name, b in graph.edge_types:
        if name == relation:
            index = graph[a, name, b].edge_index
            found += list(zip(graph[a][source][index[0]].tolist(), graph[b][target][index[1]].tolist(), strict=True))
    return found


def test_sites_and_regions_equal_their_rows(store: Store, made: factories.Graph) -> None:
    for graph in snapshots.pyg(store):
        assert graph.validate(raise_on_error=True)
        for name, table, key, pos in (
            ("front_site", "front_sites", "site_id", ["z", "y", "x"]),
            ("region", "regions", "region_id", ["ref_z", "ref_y", "ref_x"]),
        ):
            rows = made[table][made[table].t == graph.t].sort_values(key)
            node = graph[name]
            assert node[key].tolist() == rows[key].tolist()
            np.testing.assert_array_equal(node.pos.numpy(), rows[pos].to_numpy(np.float32))
            known = [c.name for c in schema.TABLES[table].columns if c.known_at == "t" and c.type in ("float64", "int64")]
            held = graph.x_names[name]
            assert set(known) - {"site_id", "region_id", "feature_id"} <= set(held)
            assert not {"advance_um", "advanced", "patch", "front", "t", key} & set(held)
            np.testing.assert_array_equal(node.x.numpy(), rows[held].astype(object).to_numpy(float).astype(np.float32))
            assert graph.x_units[name] == [schema.TABLES[table].column(c).unit for c in held]


def test_edges_of_sites_and_regions_equal_their_rows(store: Store, made: factories.Graph) -> None:
    features, sites = made["features"], made["front_sites"]
    for graph in snapshots.pyg(store):
        faces = made["faces"][made["faces"].t == graph.t]
        expected = list(zip(faces.source, faces.target, strict=True))
        assert sorted(pairs(graph, "FACES", "site_id", "feature_id")) == sorted(expected)
        assert sorted(pairs(graph, "rev_FACES", "feature_id", "site_id")) == sorted((b, a) for a, b in expected)
        by_pair = faces.set_index(["source", "target"])
        for a, relation, b in graph.edge_types:
            if relation in ("FACES", "rev_FACES"):
                edge = graph[a, relation, b]
                ends = [graph[n].get("site_id", graph[n].feature_id)[edge.edge_index[i]].tolist() for i, n in ((0, a), (1, b))]
                order = zip(*(ends if relation == "FACES" else ends[::-1]), strict=True)
                rows = np.array([by_pair.loc[pair, graph.edge_attr_names["FACES"]].to_numpy(np.float32) for pair in order])
                np.testing.assert_array_equal(edge.edge_attr.numpy(), rows.reshape(edge.edge_attr.shape))
        here = sites[sites.t == graph.t]
        fronts_of = list(zip(here.site_id, here.feature_id, strict=True))
        assert sorted(pairs(graph, "FRONT_OF", "site_id", "feature_id")) == sorted(fronts_of)
        within = features[(features.t == graph.t) & features.region_id.notna()]
        in_region = list(zip(within.feature_id, within.region_id, strict=True))
        assert sorted(pairs(graph, "IN_REGION", "feature_id", "region_id")) == sorted(in_region)
        assert sorted(pairs(graph, "rev_IN_REGION", "region_id", "feature_id")) == sorted((b, a) for a, b in in_region)
        adjacent = made["adjacent"][made["adjacent"].t == graph.t]
        both = [*zip(adjacent.source, adjacent.target, strict=True), *zip(adjacent.target, adjacent.source, strict=True)]
        assert sorted(pairs(graph, "ADJACENT", "region_id", "region_id")) == sorted(both)


def test_node_types_are_those_named(store: Store) -> None:
    kinds = ["front_site", "pore", "region"]
    for graph in snapshots.pyg(store, kinds=kinds):
        assert set(graph.node_types) == set(kinds)
        assert {(a, b) for a, _, b in graph.edge_types if a != b and "FACES" in _} == {
            ("front_site", "pore"),
            ("pore", "front_site"),
        }
    assert {"front_site", "region"} & set(snapshots.pyg(store, kinds=["pore"], t=0)[0].node_types) == set()


@pytest.mark.parametrize(
    "condition", ["volume > 400 AND sphericity < 0.8", "kind = 'pore' OR confidence > 0.5", "NOT border_touching"]
)
def test_where_takes_what_sql_takes(store: Store, made: factories.Graph, condition: str) -> None:
    rows = made["features"].astype({"border_touching": bool})
    with duckdb.connect() as database:
        expected = database.register("rows", rows).sql(f"SELECT feature_id, t FROM rows WHERE {condition}").df()
    near = made["near"]
    taken = set(expected.feature_id)
    for whole, graph in zip(snapshots.pyg(store), snapshots.pyg(store, where=condition), strict=True):
        held = {i for k in graph.node_types if k not in ("front_site", "region") for i in graph[k].feature_id.tolist()}
        assert held == set(expected[expected.t == graph.t].feature_id)
        kept = near[(near.t == graph.t) & near.source.isin(taken) & near.target.isin(taken)]
        assert len(pairs(graph, "NEAR", "feature_id", "feature_id")) == 2 * len(kept)
        assert graph["front_site"].num_nodes == whole["front_site"].num_nodes


def test_radius_takes_the_closer_pairs(store: Store, made: factories.Graph, rng: np.random.Generator) -> None:
    radius = rng.uniform(1, 40)
    near = made["near"]
    for graph in snapshots.pyg(store, radius=radius):
        kept = near[(near.t == graph.t) & (near.gap <= radius)]
        found = set(pairs(graph, "NEAR", "feature_id", "feature_id"))
        assert found == {*zip(kept.source, kept.target, strict=True), *zip(kept.target, kept.source, strict=True)}


def test_features_choose_the_columns_of_x(store: Store) -> None:
    whole, chosen = snapshots.pyg(store, t=1), snapshots.pyg(store, t=1, features=["volume", "z", "volume"])
    for a, b in zip(whole, chosen, strict=True):
        assert b.x_names["pore"] == ["volume", "z"]
        assert b.x_units["pore"] == ["um^3", "um"]
        columns = [a.x_names["pore"].index(name) for name in ("volume", "z")]
        assert torch.equal(a["pore"].x[:, columns], b["pore"].x)
        assert b.x_names["front_site"] == a.x_names["front_site"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"features": ["volumes"]}, "'volumes' is no numeric column.*did you mean 'volume'"),
        ({"features": ["track_id"]}, "'track_id' is no numeric column"),
        ({"where": "volum > 3"}, r"'volum > 3' is no condition .*volum.*docs/schema.md"),
        ({"where": "volume > 1; DROP TABLE features"}, "is no condition"),
        ({"where": "uid IN (SELECT column0 FROM read_csv('/etc/passwd'))"}, "is no condition"),
        ({"radius": 41.0}, r"radius = 41: the store holds NEAR up to a gap of 40 um"),
        ({"radius": -1.0}, "give 0 to 40"),
    ],
    ids=["features", "identifier", "where", "statement", "file", "radius", "negative"],
)
def test_what_cannot_be_chosen_is_named(store: Store, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        snapshots.pyg(store, **arguments)


def test_targets_are_what_becomes_of_the_nodes(store: Store, made: factories.Graph) -> None:
    features, links = made["features"].set_index("feature_id"), made["next"]
    by_track = made["features"].set_index(["track_id", "t"]).volume
    last = max(made.scans)
    for graph in snapshots.pyg(store, targets=True):
        for kind in ("inclusion", "pore", "fracture"):
            names = graph.y_names[kind]
            assert names == ["growth", "swallowed", "birth", "death", "split", "merge"]
            assert not set(names) & set(graph.x_names[kind])
            for i, y in zip(graph[kind].feature_id.tolist(), graph[kind].y.tolist(), strict=True):
                row = features.loc[i]
                events = set(links[links.source == i].event)
                later = by_track.get((row.track_id, graph.t + 1), math.nan) - row.volume
                final = graph.t == last
                expected = [
                    later,
                    math.nan if final else "swallowed" in events,
                    math.nan if graph.t == 0 else not (links.target == i).any(),
                    math.nan if final else not events,
                    math.nan if final else "split" in events,
                    math.nan if final else "merge" in events,
                ]
                assert y == pytest.approx([float(np.float32(v)) for v in expected], nan_ok=True)
        sites = made["front_sites"][made["front_sites"].t == graph.t].sort_values("site_id")
        assert graph.y_names["front_site"] == ["advance_um", "advanced"]
        assert graph.y_units["front_site"] == ["um", ""]
        np.testing.assert_array_equal(
            graph["front_site"].y.numpy(), sites[["advance_um", "advanced"]].astype(object).to_numpy(float).astype(np.float32)
        )
        assert graph["region"].y.shape == (8, 0)


def test_targets_change_nothing_else(store: Store) -> None:
    for a, b in zip(snapshots.pyg(store), snapshots.pyg(store, targets=True), strict=True):
        assert not any("y" in a[name] for name in a.node_types)
        for ours, theirs in zip(a.stores, b.stores, strict=True):
            for key, value in ours.items():
                if isinstance(value, torch.Tensor):
                    assert torch.equal(value.nan_to_num(1e30), theirs[key].nan_to_num(1e30))


def test_nothing_later_is_known(tmp_path: Path, rng: np.random.Generator) -> None:
    """Whatever becomes of later scans, a snapshot at t holds the same bytes; only targets differ."""
    made = fronts.graph(rng, n_scans=4, n_features=30)
    store = open_store(tmp_path / "xct.store", create=True)
    fronts.fill(store, made, scans=[0, 1])
    early = [path.read_bytes() for path in snapshots.write_pyg(store, tmp_path / "early")]
    twins = {p.name: p.read_bytes() for p in (tmp_path / "early" / "arrow").rglob("*.arrow")}
    with_targets = snapshots.pyg(store, targets=True)
    features = made["features"]
    later = features.t >= 2
    for column in ("z", "y", "x", "volume", "sphericity", "cov_zz"):
        features.loc[later, column] *= rng.uniform(0.5, 2, later.sum())
    made["next"]["event"] = "merge"
    for table in ("front_sites", "regions"):
        rows = made[table]
        for column in schema.TABLES[table].columns:
            if column.type == "float64" and (column.known_at != "t" or (rows.t >= 2).any()):
                chosen = rows.index if column.known_at != "t" else rows.index[rows.t >= 2]
                rows.loc[chosen, column.name] = rng.normal(size=len(chosen))
    made["front_sites"]["advanced"] = True
    fronts.fill(store, made)
    late = [path.read_bytes() for path in snapshots.write_pyg(store, tmp_path / "late", t=range(2))]
    assert late == early
    assert {p.name: p.read_bytes() for p in (tmp_path / "late" / "arrow").rglob("*.arrow")} == twins
    changed = snapshots.pyg(store, targets=True, t=1)[0]
    assert with_targets[1]["pore"].y[:, 3].isnan().all()
    assert not changed["pore"].y[:, 3].isnan().any()
    assert torch.equal(with_targets[1]["pore"].x.nan_to_num(1e30), changed["pore"].x.nan_to_num(1e30))


def test_arrow_tables_hold_the_same(store: Store, tmp_path: Path) -> None:
    (path,) = snapshots.write_pyg(store, tmp_path / "out", t=1, targets=True)
    graph = snapshots.load(path)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    files = {Path(file).stem: feather.read_table(tmp_path / "out" / file) for file in manifest["scans"][0]["arrow"]}
    assert {c["name"] for c in manifest["y"]["front_sites"]} == {"advance_um", "advanced"}
    for name in graph.node_types:
        table = files[{"front_site": "front_sites", "region": "regions"}.get(name, "features")]
        rows = table.to_pandas()
        rows = rows[rows.type == name]
        np.testing.assert_array_equal(rows[graph.x_names[name]].to_numpy(), graph[name].x.numpy())
        np.testing.assert_array_equal(rows[["pos_z", "pos_y", "pos_x"]].to_numpy(), graph[name].pos.numpy())
        np.testing.assert_array_equal(rows[[f"y_{y}" for y in graph.y_names[name]]].to_numpy(), graph[name].y.numpy())
        for column, unit in zip(graph.x_names[name], graph.x_units[name], strict=True):
            assert table.schema.field(column).metadata[b"unit"].decode() == unit
    for a, relation, b in graph.edge_types:
        rows = files[relation].to_pandas()
        rows = rows[(rows.source_type == a) & (rows.target_type == b)]
        edge = graph[a, relation, b]
        np.testing.assert_array_equal(rows[["source", "target"]].to_numpy().T, edge.edge_index.numpy())
        names = graph.edge_attr_names.get(relation.removeprefix("rev_"), [])
        if names:
            np.testing.assert_array_equal(rows[names].to_numpy(), edge.edge_attr.numpy())


def test_a_kind_called_region_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    made = fronts.graph(rng, n_scans=1, kinds=("region", "fracture"))
    opened = open_store(tmp_path / "xct.store", create=True)
    fronts.fill(opened, made)
    with pytest.raises(InputError, match="features have the kind 'region', the node type of regions"):
        snapshots.pyg(opened)
    assert isinstance(made["features"], pd.DataFrame)
