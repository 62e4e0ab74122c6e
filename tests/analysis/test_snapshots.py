"""Snapshots against the parts, read with DuckDB, and against what a snapshot at t may know."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from xctgraph.analysis import snapshots
from xctgraph.analysis.snapshots import columns
from xctgraph.analysis.snapshots.files import file_name
from xctgraph.store import Job, Store, open_store, schema
from xctgraph.store.errors import InputError, MissingExtra, StoreCorrupt

torch = pytest.importorskip("torch")

IDS = {"feature_id", "scan_id", "label", "source_label", "cluster_id", "track_id", "region_id", "t"}
EDGE_ATTR = {"NEAR": ["gap", "distance"], "TOUCHES": ["contact_area"]}


@pytest.fixture
def store(tmp_path: Path, rng: np.random.Generator) -> Store:
    made = open_store(tmp_path / "xct.store", create=True)
    factories.fill(made, factories.graph(rng, n_scans=4, n_features=30))
    factories.fill(made, factories.graph(rng, sample="S 2", sample_no=1, n_scans=2, kinds=("pore", "my kind")))
    return made


def parts(store: Store, table: str) -> str:
    """The newest parts of a table as a DuckDB table expression: the oracle doesn't go through the reader under test."""
    files = [str(store.path / p.path) for p in store.manifest().select(table)]
    return f"read_parquet({files!r})"


def edges_by_id(graph: Any, relation: str) -> set[tuple[object, ...]]:
    found = []
    for a, name, b in graph.edge_types:
        if name == relation:
            edge = graph[a, name, b]
            source, target = graph[a].feature_id[edge.edge_index[0]], graph[b].feature_id[edge.edge_index[1]]
            found += list(zip(source.tolist(), target.tolist(), map(tuple, edge.edge_attr.tolist()), strict=True))
    assert len(found) == len(set(found))
    return set(found)


def test_every_scan_in_order(store: Store) -> None:
    graphs = snapshots.pyg(store)
    assert [(g.sample, g.t) for g in graphs] == [("S 2", 0), ("S 2", 1), ("S1", 0), ("S1", 1), ("S1", 2), ("S1", 3)]
    assert all(g.validate(raise_on_error=True) for g in graphs)
    assert set(graphs[0].node_types) == {"pore", "my kind"}


def test_nodes_equal_the_parts(store: Store) -> None:
    numeric = [
        c.name
        for c in schema.FEATURES.columns
        if c.type in ("float64", "int32", "int64", "bool") and c.name not in IDS and not c.kinds
    ]
    for graph in snapshots.pyg(store):
        assert graph.x_names == dict.fromkeys(graph.node_types, numeric)
        rows = duckdb.execute(
            f"SELECT * FROM {parts(store, 'features')} WHERE sample = ? AND t = ? ORDER BY feature_id", [graph.sample, graph.t]
        ).df()
        assert set(graph.node_types) == set(rows.kind)
        for kind in graph.node_types:
            expected, node = rows[rows.kind == kind], graph[kind]
            x = expected[numeric].astype(object).where(expected[numeric].notna(), math.nan).astype(np.float64)
            np.testing.assert_array_equal(node.x.numpy(), x.to_numpy().astype(np.float32))
            np.testing.assert_array_equal(node.pos.numpy(), expected[["z", "y", "x"]].to_numpy(np.float32))
            for name in ("feature_id", "track_id", "label"):
                assert getattr(node, name).dtype == torch.int64
                np.testing.assert_array_equal(getattr(node, name).numpy(), expected[name].to_numpy())


def test_edges_equal_the_parts_in_both_directions(store: Store) -> None:
    for graph in snapshots.pyg(store):
        for table, relation in (("near", "NEAR"), ("touches", "TOUCHES")):
            attr = EDGE_ATTR[relation]
            assert graph.edge_attr_names[relation] == attr
            rows = duckdb.execute(
                f"SELECT source, target, {', '.join(f'{c}::FLOAT' for c in attr)} FROM {parts(store, table)} "
                "WHERE sample = ? AND t = ?",
                [graph.sample, graph.t],
            ).fetchall()
            expected = {(a, b, tuple(v)) for a, b, *v in rows} | {(b, a, tuple(v)) for a, b, *v in rows}
            assert len(expected) == 2 * len(rows)
            assert edges_by_id(graph, relation) == expected
        types = set(graph.node_types)
        assert {e for e in graph.edge_types if e[1] == "NEAR"} == {(a, "NEAR", b) for a in types for b in types}
        assert {e for e in graph.edge_types if e[1] == "TOUCHES"} == {(a, "TOUCHES", b) for a in types for b in types if a != b}


def test_attributes_of_the_scan(store: Store) -> None:
    for graph in snapshots.pyg(store, samples=["S1"]):
        row = duckdb.execute(
            f"SELECT time_s, load_n, strain, material_volume FROM {parts(store, 'scans')} WHERE sample = 'S1' AND t = {graph.t}"
        ).fetchall()[0]
        held = (graph.time_s, graph.load_n, graph.strain, graph.material_volume)
        assert held == pytest.approx([math.nan if v is None else v for v in row], nan_ok=True)
        assert graph.voxel_size.tolist() == [2.0, 1.63, 1.63]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 2**31 - 1), n=st.integers(1, 25), scans=st.integers(1, 3))
def test_kinds_chosen_is_the_subgraph(tmp_path_factory: pytest.TempPathFactory, number: int, n: int, scans: int) -> None:
    rng = np.random.default_rng(number)
    store = open_store(tmp_path_factory.mktemp("s") / "xct.store", create=True)
    factories.fill(store, factories.graph(rng, n_scans=scans, n_features=n))
    whole = snapshots.pyg(store)
    part = snapshots.pyg(store, kinds=["pore", "inclusion", "pore"])
    for a, b in zip(whole, part, strict=True):
        assert b.node_types == ["pore", "inclusion"]
        assert b.validate(raise_on_error=True)
        for kind in b.node_types:
            assert torch.equal(a[kind].feature_id, b[kind].feature_id)
        for edge in b.edge_types:
            assert torch.equal(a[edge].edge_index, b[edge].edge_index)
            assert torch.equal(a[edge].edge_attr, b[edge].edge_attr)


def test_nothing_later_is_known(tmp_path: Path, rng: np.random.Generator) -> None:
    """Whatever becomes of later scans, a snapshot at t holds the same bytes."""
    made = factories.graph(rng, n_scans=4, n_features=25)
    store = open_store(tmp_path / "xct.store", create=True)
    factories.fill(store, made, scans=[0, 1])
    early = [path.read_bytes() for path in snapshots.write_pyg(store, tmp_path / "early")]
    factories.fill(store, made)
    features = made["features"]
    later = features.t >= 2
    made.frames["features"] = features = features[~(later & (rng.random(len(features)) < 0.3) & (features.kind != "pore"))].copy()
    later = features.t >= 2
    for column in ("z", "y", "x", "volume", "sphericity", "cov_zz"):
        features.loc[later, column] *= rng.uniform(0.5, 2, later.sum())
    features.loc[later, "kind"] = "something new"
    held = set(features.feature_id)
    for table in ("near", "touches", "next"):
        rows = made[table]
        made.frames[table] = rows[rows.source.isin(held) & rows.target.isin(held)].copy()
    made["next"]["event"] = "merge"
    made["next"]["iou"] = 0.123
    made["tracks"]["t_last"] = 3
    made["tracks"]["lineage_id"] = 1
    factories.fill(store, made)
    late = [path.read_bytes() for path in snapshots.write_pyg(store, tmp_path / "late", t=range(2))]
    assert late == early


def test_columns_known_later_stay_out() -> None:
    later = {(t.name, c.name) for t in schema.TABLES.values() for c in t.columns if c.known_at != "t"}
    held = {(table, c.name) for table, described in columns.X_COLUMNS.items() for c in described}
    held |= {(name, c.name) for name in columns.RELATIONS for c in columns.EDGE_COLUMNS[schema.TABLES[name].edge]}
    assert {("next", "event"), ("front_sites", "advance_um"), ("tracks", "t_last")} <= later
    assert not {"next", "next_region"} & set(columns.RELATIONS)
    assert ("front_sites", "local_density") in held
    assert not held & later


@pytest.mark.parametrize("safe", [True, False], ids=["load", "torch.load"])
def test_files_round_trip(store: Store, tmp_path: Path, safe: bool) -> None:
    out = tmp_path / "out"
    paths = snapshots.write_pyg(store, out)
    assert [p.relative_to(out).as_posix() for p in paths][:3] == [
        "scans/S 2_t00000.pt",
        "scans/S 2_t00001.pt",
        "scans/S1_t00000.pt",
    ]
    assert sorted((out / "scans").iterdir()) == sorted(paths)
    for path, graph in zip(paths, snapshots.pyg(store), strict=True):
        read = snapshots.load(path) if safe else torch.load(path, weights_only=False)
        assert read.node_types == graph.node_types
        assert read.edge_types == graph.edge_types
        assert (read.sample, read.t, read.x_names) == (graph.sample, graph.t, graph.x_names)
        assert read.edge_attr_units == graph.edge_attr_units
        for ours, theirs in zip(graph.stores, read.stores, strict=True):
            for key, value in ours.items():
                if isinstance(value, torch.Tensor):
                    assert value.dtype == theirs[key].dtype
                    assert torch.equal(value.nan_to_num(1e30), theirs[key].nan_to_num(1e30))


def test_manifest_says_what_the_files_hold(store: Store, tmp_path: Path) -> None:
    paths = snapshots.write_pyg(store, tmp_path / "out", samples=["S1"], t=slice(1, 3))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["store_revision"] == store.manifest().revision
    assert [s["file"] for s in manifest["scans"]] == [f"scans/{p.name}" for p in paths]
    assert [s["t"] for s in manifest["scans"]] == [1, 2]
    graph = snapshots.load(paths[0])
    assert [c["name"] for c in manifest["x"]["features"]] == graph.x_names["pore"]
    assert {c["known_at"] for described in manifest["x"].values() for c in described} == {"t"}
    assert manifest["y"] == {}
    units = {c["name"]: c["unit"] for c in manifest["x"]["features"]}
    assert list(units.values()) == graph.x_units["pore"]
    assert (units["volume"], units["z"], units["vz"]) == ("um^3", "um", "voxel")
    rows = duckdb.execute(
        f"SELECT kind, count(*) FROM {parts(store, 'features')} WHERE sample='S1' AND t=1 GROUP BY 1"
    ).fetchall()
    assert manifest["scans"][0]["nodes"] == dict(rows)
    near = duckdb.execute(f"SELECT count(*) FROM {parts(store, 'near')} WHERE sample='S1' AND t=1").fetchall()[0][0]
    edges = manifest["scans"][0]["edges"]
    assert sum(n for name, n in edges.items() if " NEAR " in name) == 2 * near
    assert paths[0].name in (tmp_path / "out" / "README.md").read_text()


def test_export_replaces_an_earlier_one_and_nothing_else(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    snapshots.write_pyg(store, out)
    paths = snapshots.write_pyg(store, out, samples=["S1"], t=0)
    assert list((out / "scans").iterdir()) == paths
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="not empty and not an earlier export"):
        snapshots.write_pyg(store, other)
    with pytest.raises(InputError, match="is a file"):
        snapshots.write_pyg(store, other / "thesis.tex")
    assert [p.name for p in other.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("sample", ["a/b", "..", "C:\\x", "naïve", "x" * 64, "漢" * 64, "~", "a b"])
def test_file_names_are_safe(sample: str) -> None:
    name = file_name(sample, 7)
    assert name.endswith("_t00007.pt")
    assert len(name.encode()) < 200
    assert name.isascii()
    assert not set('/\\:*?"<>|') & set(name)
    assert not name.startswith((".", "~", " "))
    assert name != file_name(sample + "'", 7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": ["S3"]}, "no sample 'S3'.*Valid: S 2, S1"),
        ({"t": range(7, 9)}, r"no scan has t in range\(7, 9\): the store holds t = 0"),
        ({"kinds": ["pores"]}, "kind 'pores': did you mean 'pore'"),
    ],
    ids=["sample", "t", "kind"],
)
def test_what_is_not_there_is_named(store: Store, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        snapshots.pyg(store, **arguments)


def test_empty_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no scan: run `xctgraph ingest`"):
        snapshots.pyg(open_store(tmp_path / "xct.store", create=True))


def test_scan_without_features(tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=2)
    for table in ("features", "near", "touches", "next"):
        made.frames[table] = made[table][made[table].t == 0]
    made.frames["next"] = made["next"][:0]
    store = open_store(tmp_path / "xct.store", create=True)
    factories.fill(store, made)
    first, second = snapshots.pyg(store)
    assert first.num_nodes == (made["features"].t == 0).sum()
    assert second.node_types == []
    assert [snapshots.load(p).t for p in snapshots.write_pyg(store, tmp_path / "out")] == [0, 1]
    assert snapshots.pyg(store, kinds=["pore"], t=0)[0].node_types == ["pore"]


def test_edge_to_nowhere_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    made = factories.graph(rng, n_scans=1)
    broken = pd.DataFrame({"source": [1], "target": [999], "gap": [1.0], "distance": [1.0], "sample": ["S1"], "t": [0]})
    made.frames["near"] = pd.concat([made["near"], broken], ignore_index=True)
    store = open_store(tmp_path / "xct.store", create=True)
    factories.fill(store, made)
    with pytest.raises(StoreCorrupt, match=r"1 NEAR edges name nodes .* the first 999"):
        snapshots.pyg(store)


def test_one_revision_while_a_writer_works(store: Store, rng: np.random.Generator) -> None:
    graphs = snapshots.iter_pyg(store, samples=["S1"])
    first = next(graphs)
    with store.write(Job("drop", sample="S1")) as tx:
        for table in ("features", "near", "touches"):
            tx.drop(table, sample="S1")
    assert [g.t for g in graphs] == [1, 2, 3]
    assert first.num_nodes > 0


def test_a_graph_network_learns_from_it(store: Store) -> None:
    """Forward and backward through attention with edge attributes: what the tensors are for."""
    from torch_geometric.nn import GATv2Conv, HeteroConv

    graph = snapshots.pyg(store, samples=["S1"], t=0)[0]
    x = {kind: graph[kind].x.nan_to_num() for kind in graph.node_types}
    convs: dict[tuple[str, str, str], Callable[..., torch.Tensor]] = {
        edge: GATv2Conv((-1, -1), 4, edge_dim=graph[edge].edge_attr.shape[1], add_self_loops=False) for edge in graph.edge_types
    }
    out = HeteroConv(convs)(x, graph.edge_index_dict, graph.edge_attr_dict)
    sum(value.square().mean() for value in out.values()).backward()
    assert {kind: tuple(value.shape) for kind, value in out.items()} == {k: (graph[k].x.shape[0], 4) for k in graph.node_types}


@pytest.mark.parametrize("package", ["torch", "torch_geometric.data"])
def test_without_the_extra(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for attempt in (lambda: snapshots.pyg(store), lambda: snapshots.write_pyg(store, tmp_path / "out")):
        with pytest.raises(MissingExtra, match=r"needs torch and torch_geometric, .* pip install 'xctgraph\[ml\]'"):
            attempt()
    assert not (tmp_path / "out").exists()
