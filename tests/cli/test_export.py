"""`xctgraph export`: every format from one ingested series, with the counts that the store has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli import command
from xctgraph.store import open_store

pytest.importorskip("torch")
pytest.importorskip("geff")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two scans of two classes: bright boxes and a plate, the fracture; one box splits."""
    folder = tmp_path_factory.mktemp("export")
    for t in (0, 1):
        classes = np.zeros((16, 24, 24), np.uint8)
        for k in range(4):
            classes[2:5, 2 + 5 * k : 5 + 5 * k, 3 : 5 + k] = 1
        classes[10:11, 2:20, 2 : 12 + 4 * t] = 2
        np.save(folder / f"{t}.npy", classes)
    scans = "".join(f'[[scan]]\nt = {t}\npath = "{t}.npy"\ntime_s = {30 * t}\n' for t in (0, 1))
    kinds = 'kinds = { 1 = "inclusion", 2 = "fracture" }'
    text = f'[sample]\nid = "S1"\nvoxel_size_um = 2.0\n[segmentation]\nmethod = "mask"\n{kinds}\n{scans}'
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    done = command.run("ingest", str(folder / "dataset.toml"), "--store", str(folder / "xct.store"))
    assert done.code == 0, done
    return str(folder / "xct.store")


def export(store: str, *arguments: str) -> Any:
    done = command.run("export", *arguments, "--store", store, "--json")
    assert done.code == 0, done
    return json.loads(done.stdout)


def test_pyg(store: str, tmp_path: Path) -> None:
    from xctgraph.analysis import snapshots

    out = str(tmp_path / "out")
    found = export(store, "pyg", out, "--t", "0:1", "--feature", "volume", "--targets", "--where", "volume > 0", "--no-arrow")
    (file,) = found["files"]
    graph = snapshots.load(file)
    assert graph.x_names["inclusion"] == ["volume"]
    assert graph["inclusion"].y.shape == (4, 6)
    assert not (tmp_path / "out" / "arrow").exists()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["where"] == "volume > 0"


def test_graphml_of_scans_and_of_a_query(store: str, tmp_path: Path) -> None:
    with open_store(store) as opened:
        rows = opened.manifest().rows
        nodes = sum(rows(name) for name in ("features", "front_sites", "regions"))
        edges = sum(rows(name) for name in ("near", "touches", "next", "faces", "adjacent", "next_region", "front_sites"))
        in_regions = opened.sql("SELECT count(region_id) AS n FROM features")["n"][0].as_py()
    found = export(store, "graphml", str(tmp_path / "g.graphml"))
    assert found["n_nodes"] == nodes
    # A site is FRONT_OF its fracture, a feature IN_REGION.
    assert found["n_edges"] == edges + in_regions
    text = "MATCH (a:Feature)-[e:NEXT]->(b:Feature) WHERE a.kind = $kind RETURN a.uid AS source, b.uid AS target, e.iou AS iou"
    found = export(store, "graphml", str(tmp_path / "q.graphml"), "--cypher", text, "--param", "kind=inclusion")
    graph = nx.read_graphml(tmp_path / "q.graphml")
    assert found["n_edges"] == graph.number_of_edges() == 4
    assert {data["kind"] for _, data in graph.nodes(data=True)} == {"inclusion"}
    assert all(data["iou"] > 0 for _, _, data in graph.edges(data=True))


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("geff", {"tracks.geff", "proximity.geff"}),
        ("parquet", {"features.parquet", "tracks.csv", "scans.parquet", "near.parquet", "next.parquet"}),
        ("vtk", {"features.pvd", "near.pvd", "fractures.pvd"}),
        ("napari", {"labels.zarr", "points.parquet", "tracks.parquet", "layers.json"}),
    ],
)
def test_folders(store: str, tmp_path: Path, form: str, files: set[str]) -> None:
    out = tmp_path / "out"
    found = export(store, form, str(out))
    assert files <= {path.name for path in out.iterdir()}
    assert all(Path(file).exists() for file in found["files"])
    crate = json.loads((out / "ro-crate-metadata.json").read_text())
    root = next(entity for entity in crate["@graph"] if entity["@id"] == "./")
    assert {part["@id"].rstrip("/") for part in root["hasPart"]} == {Path(f).relative_to(out).as_posix() for f in found["files"]}
    assert command.run("export", form, str(out), "--t", "1", "--kind", "inclusion", "--store", store).code == 0
    if form == "parquet":
        assert pq.read_table(out / "features.parquet").num_rows == 4
    if form == "vtk":
        assert not (out / "fractures.pvd").exists()
