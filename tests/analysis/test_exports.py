"""Exports for other programs, read back with these programs and compared with the rows that the store was made from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from tests import factories
from tests.analysis import fronts
from xctgraph.analysis import snapshots
from xctgraph.analysis.snapshots import geff as geffs
from xctgraph.analysis.snapshots import napari as layers
from xctgraph.analysis.snapshots import networks, parquet, subgraph, vtk
from xctgraph.store import Store, schema
from xctgraph.store.errors import InputError


@pytest.fixture
def made(rng: np.random.Generator) -> factories.Graph:
    return fronts.graph(rng, n_scans=3, n_features=25)


@pytest.fixture
def store(tmp_path: Path, made: factories.Graph) -> Store:
    return fronts.stored(tmp_path / "xct.store", made)


def rows_of(made: factories.Graph, table: str) -> pd.DataFrame:
    """Rows with the columns of the schema that exports have, in its order."""
    names = [c.name for c in schema.TABLES[table].columns if c.name != "job_id"]
    return made[table].reindex(columns=names)


def units(table: str) -> dict[str, str]:
    return {c.name: c.unit for c in schema.TABLES[table].columns if c.unit and c.name != "job_id"}


def assert_values(found: dict[str, Any], row: pd.Series) -> None:
    for name, value in row.items():
        if value is None or (isinstance(value, float) and math.isnan(value)):
            assert name not in found
        else:
            assert found[name] == value, name
            assert isinstance(found[name], bool) == isinstance(value, (bool, np.bool_))


@pytest.mark.parametrize("form", ["networkx", "graphml"])
def test_networks_keep_every_value_and_unit(store: Store, made: factories.Graph, tmp_path: Path, form: str) -> None:
    selection = snapshots.select(store)
    if form == "networkx":
        graph = networks.to_networkx(subgraph.together(subgraph.scans(selection)))
        told = graph.graph["units"]
    else:
        counts = networks.write_graphml(lambda: subgraph.scans(selection), tmp_path / "g.graphml")
        graph = nx.read_graphml(tmp_path / "g.graphml", force_multigraph=True)
        assert counts == (graph.number_of_nodes(), graph.number_of_edges())
        told = json.loads(graph.graph["units"])
    for table, key, prefix in (("features", "feature_id", "f"), ("front_sites", "site_id", "s"), ("regions", "region_id", "r")):
        rows = rows_of(made, table)
        for _, row in rows.iterrows():
            assert_values(graph.nodes[f"{prefix}{row[key]}"], row)
        assert sum(1 for name in graph if name.startswith(prefix)) == len(rows)
        assert told["nodes"].items() >= units(table).items()
    edges = {(data["relation"], a, b): data for a, b, data in graph.edges(data=True)}
    assert len(edges) == graph.number_of_edges()
    expected = {}
    for table, ends in (
        ("near", "ff"), ("touches", "ff"), ("next", "ff"), ("faces", "sf"), ("adjacent", "rr"), ("next_region", "rr"),
    ):  # fmt: skip
        for _, row in rows_of(made, table).iterrows():
            name = schema.TABLES[table].edge, f"{ends[0]}{row.source}", f"{ends[1]}{row.target}"
            expected[name] = row.drop(["source", "target"])
        assert told["edges"].items() >= units(table).items()
    for _, row in made["front_sites"].iterrows():
        expected["FRONT_OF", f"s{row.site_id}", f"f{row.feature_id}"] = pd.Series()
    for _, row in made["features"][made["features"].region_id.notna()].iterrows():
        expected["IN_REGION", f"f{row.feature_id}", f"r{int(row.region_id)}"] = pd.Series()
    assert set(edges) == set(expected)
    for name, row in expected.items():
        assert_values(edges[name], row)


def test_networks_of_a_choice(store: Store, made: factories.Graph) -> None:
    selection = snapshots.select(store, t=slice(0, 2), kinds=["pore"], where="volume > 300", radius=30.0)
    graph = networks.to_networkx(subgraph.together(subgraph.scans(selection)))
    features = made["features"]
    taken = features[(features.t < 2) & (features.kind == "pore") & (features.volume > 300)].feature_id
    assert {int(name[1:]) for name in graph} == set(taken)
    near, links = made["near"], made["next"]
    near = near[near.source.isin(taken) & near.target.isin(taken) & (near.gap <= 30)]
    links = links[links.source.isin(taken) & links.target.isin(taken)]
    assert graph.number_of_edges() == len(near) + len(links)


def test_parquet_keeps_every_value_and_unit(store: Store, made: factories.Graph, tmp_path: Path) -> None:
    written = parquet.write_parquet(snapshots.select(store), tmp_path / "out")
    for table in ("features", "near", "touches", "next", "front_sites", "regions", "faces", "adjacent", "next_region"):
        found = pq.read_table(tmp_path / "out" / f"{table}.parquet")
        expected = factories.arrow(table, rows_of(made, table))
        assert found.select(expected.column_names).cast(expected.schema).sort_by(expected.column_names[0]).equals(
            expected.sort_by(expected.column_names[0])
        ) or sorted(map(str, found.to_pylist())) == sorted(map(str, expected.to_pylist()))
        for name, unit in units(table).items():
            assert found.schema.field(name).metadata[b"unit"].decode() == unit
    tracks = pd.read_csv(tmp_path / "out" / "tracks.csv")
    assert list(tracks.columns[:2]) == ["track_id", "t"]
    assert {"z [um]", "volume [um^3]", "sphericity", "time [s]"} <= set(tracks.columns)
    expected_tracks = made["features"].sort_values(["track_id", "t"]).reset_index(drop=True)
    pd.testing.assert_series_equal(tracks["volume [um^3]"], expected_tracks.volume, check_names=False)
    assert (tracks["time [s]"] == 60.0 * tracks.t).all()
    crate = json.loads((tmp_path / "out" / "ro-crate-metadata.json").read_text())
    assert {p.relative_to(tmp_path / "out").as_posix() for p in written} == {
        e["@id"] for e in crate["@graph"] if e["@type"] == "File"
    }


def test_geff_is_valid_and_keeps_every_value(store: Store, made: factories.Graph, tmp_path: Path) -> None:
    from geff import validate_structure
    from geff.core_io import read_to_memory
    from geff.validate.data import ValidationConfig, validate_data

    written = geffs.write_geff(snapshots.select(store), tmp_path / "out")
    assert [path.name for path in written] == ["tracks.geff", "proximity.geff"]
    features = made["features"].set_index("feature_id")
    for path, table in zip(written, ("next", "near"), strict=True):
        validate_structure(path)
        graph = read_to_memory(path)
        validate_data(graph, ValidationConfig(graph=True, sphere=True, lineage=True, tracklet=True))
        metadata = graph["metadata"]
        assert metadata.directed == (table == "next")
        assert [(a.name, a.type, a.unit) for a in metadata.axes][1] == ("z", "space", "micrometer")
        rows = features.loc[graph["node_ids"]]
        assert len(rows) == len(features)
        for column in schema.FEATURES.columns:
            if column.name in ("job_id", "feature_id"):
                continue
            values, missing = graph["node_props"][column.name]["values"], graph["node_props"][column.name]["missing"]
            expected = rows[column.name] if column.name in rows else pd.Series([None] * len(rows))
            there = expected.notna().to_numpy()
            np.testing.assert_array_equal(~missing if missing is not None else np.ones(len(rows), bool), there)
            assert values[there].tolist() == expected[there].tolist()
            unit = metadata.node_props_metadata[column.name].unit
            assert unit == {"um^3": "micrometer**3", "um": "micrometer"}.get(column.unit, unit)
        covariance = graph["node_props"]["ellipsoid"]["values"]
        raw = np.array([[rows[c].to_numpy(float) for c in line] for line in fronts.COVARIANCE]).transpose(2, 0, 1)
        np.testing.assert_allclose(covariance, 5 * (raw + np.diag([4.0, 1.63**2, 1.63**2]) / 12))
        edges = made[table].set_index(["source", "target"])
        assert {tuple(e) for e in graph["edge_ids"].tolist()} == set(edges.index)
        ordered = edges.loc[[tuple(e) for e in graph["edge_ids"].tolist()]]
        for column in schema.TABLES[table].columns:
            if column.name in edges:
                assert graph["edge_props"][column.name]["values"].tolist() == ordered[column.name].tolist()


def test_geff_refuses_parallel_edges(store: Store, made: factories.Graph, tmp_path: Path) -> None:
    a, b = made["features"].uid[:2]
    for rows in ([(a, b), (a, b)], [(a, b), (b, a)]):
        pairs = subgraph.of_pairs(store, pa.table(dict(zip(("source", "target"), zip(*rows, strict=True), strict=True))))
        with pytest.raises(InputError, match="1 pairs are joined by several PAIR edges"):
            geffs.write_pairs(pairs, tmp_path / "p.geff", (1, 1, 1))
    with pytest.raises(InputError, match="joins a feature with itself"):
        geffs.write_pairs(subgraph.of_pairs(store, pa.table({"source": [a], "target": [a]})), tmp_path / "p.geff", (1, 1, 1))


def test_tracklets_are_maximal_unbranched_paths(rng: np.random.Generator) -> None:
    n = 60
    graph = nx.gn_graph(n, seed=int(rng.integers(2**31))).to_undirected()
    edges = np.array([(min(e), max(e)) for e in graph.edges]).T
    track, lineage = geffs.tracklets(n, *edges)
    from geff.validate.tracks import validate_lineages, validate_tracklets

    assert validate_tracklets(np.arange(n), edges.T, track)[0]
    assert validate_lineages(np.arange(n), edges.T, lineage)[0]


def test_rows_of_pairs_become_a_graph(engine: Store, rng: np.random.Generator, tmp_path: Path) -> None:
    """On both engines, by either name of a feature: what Cypher returns, and nothing else."""
    made = [factories.graph(rng, n_scans=2), factories.graph(rng, sample="S 2", sample_no=1, n_scans=1)]
    for graph in made:
        factories.fill(engine, graph)
    engine.project()
    features = pd.concat([g["features"] for g in made]).set_index("feature_id")
    near = pd.concat([g["near"] for g in made])
    both = pd.concat([near, near.rename(columns={"source": "target", "target": "source"})])
    kind = features.kind
    both = both[(both.gap < 25) & (kind.loc[both.source] == "pore").to_numpy()]
    expected = {(f"f{r.source}", f"f{r.target}", r.gap, kind[r.target]) for r in both.itertuples()}
    for name in ("feature_id", "uid"):
        rows = engine.cypher(
            f"MATCH (a:Feature {{kind: 'pore'}})-[e:NEAR]-(b:Feature) WHERE e.gap < $gap "
            f"RETURN a.{name} AS pore, b.{name} AS other, e.gap AS gap, b.kind AS kind_of_other",
            gap=25.0,
        )
        found = networks.to_networkx(subgraph.of_pairs(engine, rows, "pore", "other"))
        assert {(a, b, d["gap"], d["kind_of_other"]) for a, b, d in found.edges(data=True)} == expected
        assert found.number_of_edges() == len(expected) > 0
        for node, data in found.nodes(data=True):
            row = features.loc[int(node[1:])]
            assert (data["uid"], data["volume"]) == (row.uid, row.volume)
    graph = snapshots.pyg_pairs(engine, rows, source="pore", target="other")
    assert graph.edge_attr_names == {"PAIR": ["gap"]}
    found_pairs = set()
    for a, _, b in graph.edge_types:
        index = graph[a, "PAIR", b].edge_index
        ends = graph[a].feature_id[index[0]].tolist(), graph[b].feature_id[index[1]].tolist()
        found_pairs |= {
            (f"f{i}", f"f{j}", v[0], b) for i, j, v in zip(*ends, graph[a, "PAIR", b].edge_attr.tolist(), strict=True)
        }
    assert found_pairs == {(a, b, float(np.float32(gap)), kind) for a, b, gap, kind in expected}
    held = subgraph.of_pairs(engine, rows, "pore", "other")
    networks.write_graphml(lambda: iter([held]), tmp_path / "pairs.graphml")
    read = nx.read_graphml(tmp_path / "pairs.graphml", force_multigraph=True)
    assert {(a, b, d["gap"], d["kind_of_other"]) for a, b, d in read.edges(data=True)} == expected


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"a": [1], "target": [1]}, "no column 'source', an end of the edges.*Valid: a, target"),
        ({"source": [1.5], "target": [1]}, "column 'source' is double: name features by feature_id or uid"),
        ({"source": [12345], "target": [1]}, "12345 is the feature_id of no feature"),
        ({"source": [2**50], "target": [1]}, "is the feature_id of no feature"),
        ({"source": ["S1/0/1"], "target": ["S9/0/1"]}, "'S9/0/1' is of no sample of the store: .*Valid: S1"),
        ({"source": ["S1/0/1"], "target": ["pore"]}, "'pore' is not of the form sample/t/label"),
    ],
    ids=["column", "type", "unknown", "sample number", "sample", "uid"],
)
def test_rows_that_name_no_features(store: Store, rows: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        subgraph.of_pairs(store, pa.table(rows))


def test_no_rows_make_an_empty_graph(store: Store) -> None:
    empty = pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())})
    graph = networks.to_networkx(subgraph.of_pairs(store, empty))
    assert graph.number_of_nodes() == graph.number_of_edges() == 0


def test_exports_replace_their_own_files_only(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    geffs.write_geff(snapshots.select(store), out)
    (out / "notes.txt").write_text("mine")
    parquet.write_parquet(snapshots.select(store, t=0), out)
    assert not (out / "tracks.geff").exists()
    assert (out / "notes.txt").read_text() == "mine"
    crate = out / "ro-crate-metadata.json"
    told = json.loads(crate.read_text())
    next(e for e in told["@graph"] if e["@id"] == "./")["hasPart"] = [{"@id": "../xct.store"}, {"@id": "./"}]
    crate.write_text(json.dumps(told))
    parquet.write_parquet(snapshots.select(store, t=0), out)
    assert store.path.is_dir()
    assert (out / "notes.txt").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    for write in (parquet.write_parquet, geffs.write_geff):
        with pytest.raises(InputError, match="not empty and not an earlier export"):
            write(snapshots.select(store), other)
    assert [p.name for p in other.iterdir()] == ["thesis.tex"]


def test_several_samples_are_refused(store: Store, rng: np.random.Generator, tmp_path: Path) -> None:
    factories.fill(store, factories.graph(rng, sample="S2", sample_no=1, n_scans=1))
    selection = snapshots.select(store)
    for write in (
        lambda: geffs.write_geff(selection, tmp_path / "o"),
        lambda: vtk.write_vtk(store, selection, tmp_path / "o"),
        lambda: layers.layers(selection),
    ):
        with pytest.raises(InputError, match="of S1, S2"):
            write()
    assert not (tmp_path / "o").exists()
