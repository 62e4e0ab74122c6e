"""Scans ingested from tables: beside the same scans from volumes, again, with links of a GEFF, and real lineages."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.conftest import skip_unless_required
from tests.ingest.tables import exports
from xctgraph.ingest import config, pipeline, tables, volumes
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError, ScanExists

UNITS = '[units]\nposition = "um"\nsize = "um"\n[proximity]\ngap_um = 9\n'
LINEAGES = Path("/work/shared/data/lineages")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s", create=True)


def _tables(folder: Path, scenes: list[NDArray[np.int32]]) -> tables.TableDataset:
    paths = []
    for t, volume in enumerate(scenes):
        paths.append(folder / f"scan_{t}.csv")
        exports.measured(volume)[["label", "z", "y", "x", "volume"]].to_csv(paths[-1], index=False)
    return tables.load(exports.dataset(folder, "", exports.scans(paths), UNITS))


def _volumes(folder: Path, scenes: list[NDArray[np.int32]]) -> config.Dataset:
    for t, volume in enumerate(scenes):
        np.save(folder / f"scan_{t}.npy", volume)
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": list(exports.SPACING)},
            "segmentation": {"method": "labels", "kind": "pore"},
            "proximity": {"gap_um": 9},
            "scan": [{"t": t, "path": str(folder / f"scan_{t}.npy")} for t in range(len(scenes))],
        },
        origin="test",
    )


def _pairs(store: Store, table: str, end: str = "target") -> dict[tuple[int, int, int], float]:
    """Edges by scan and the labels that the program gave, with gap or event."""
    names = {
        f: (t, s)
        for f, t, s in zip(*(store.read("features")[n].to_pylist() for n in ("feature_id", "t", "source_label")), strict=True)
    }
    column = "gap" if table == "near" else "dt"
    rows = store.read(table).to_pylist()
    if table == "near":
        return {(names[r["source"]][0], *sorted((names[r["source"]][1], names[r["target"]][1]))): r[column] for r in rows}
    return {(names[r["source"]][0], names[r["source"]][1], names[r["target"]][1]): r[column] for r in rows}


def _sphere_gaps(scenes: list[NDArray[np.int32]]) -> dict[tuple[int, int, int], float]:
    gaps = {}
    for t, volume in enumerate(scenes):
        found = exports.measured(volume).set_index("label")
        radius = np.cbrt(3 * found.volume / (4 * np.pi))
        for a, b in combinations(found.index, 2):
            apart = float(np.linalg.norm(found.loc[a, ["z", "y", "x"]] - found.loc[b, ["z", "y", "x"]]) - radius[a] - radius[b])
            if max(apart, 1.0) <= 9:
                gaps[t, a, b] = max(apart, 1.0)
    return gaps


def test_tables_and_volumes_of_the_same_scans_agree(tmp_path: Path, rng: np.random.Generator) -> None:
    scenes = exports.scene(rng, steps=3)
    with open_store(tmp_path / "v", create=True) as of_volumes, open_store(tmp_path / "t", create=True) as of_tables:
        pipeline.ingest(of_volumes, _volumes(tmp_path, scenes))
        results = tables.ingest(of_tables, _tables(tmp_path, scenes))
        assert [r.n_links for r in results] == [0, 14, 14]
        assert _pairs(of_tables, "next") == _pairs(of_volumes, "next") == {(t, k, k): 1 for t in (0, 1) for k in range(1, 15)}
        exact, spheres = _pairs(of_volumes, "near"), _pairs(of_tables, "near")
        assert spheres == pytest.approx(_sphere_gaps(scenes))
        # A ball holds a voxel centre within a voxel's diagonal of any point of its surface, and none outside.
        diagonal = float(np.linalg.norm(exports.SPACING))
        for key in exact.keys() & spheres.keys():
            assert -0.6 <= exact[key] - spheres[key] <= 2 * diagonal + 0.6
        assert all(gap > 9 - 2 * diagonal - 0.6 for key, gap in spheres.items() if key not in exact)
        for name in ("local_density", "ref_z", "ref_x", "volume"):
            a, b = (
                s.read("features").to_pandas().sort_values(["t", "source_label"])[name].to_numpy()
                for s in (of_volumes, of_tables)
            )
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=0.05 if name.startswith("ref") else 1e-9, err_msg=name)
        scan = of_tables.read("scans").to_pylist()[1]
        assert (scan["has_voxels"], scan["links_given"], scan["connectivity"], scan["time_s"]) == (False, False, None, 60.0)
        assert scan["material_volume"] == np.prod(exports.SHAPE) * np.prod(exports.SPACING)
        assert of_tables.read("touches").num_rows == of_tables.read("label_runs").num_rows == 0
        assert of_tables.read("features")["n_voxels"].null_count == 42
        answer = of_tables.cypher(
            "MATCH (s:Scan)-[:CONTAINS]->(f:Feature)-[:OF]->(t:Track) WHERE NOT s.has_voxels AND f.bbox_z_min IS NULL "
            "RETURN count(*) AS n, count(DISTINCT t.track_id) AS tracks"
        )
        assert answer.to_pylist() == [{"n": 42, "tracks": 14}]
        with pytest.raises(InputError, match=r"feature S1/1/3 has no voxels: scan t = 1 of sample 'S1' was read from the table"):
            volumes.crop(of_tables, "S1/1/3")
        with pytest.raises(InputError, match="have no voxels: they come from a table"):
            of_tables.labels("S1", 1)


def test_tables_and_volumes_mix_in_one_series(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    scenes = exports.scene(rng, steps=3)
    of_volumes = _volumes(tmp_path, scenes)
    pipeline.ingest(store, of_volumes.model_copy(update={"scan": [of_volumes.scan[0], of_volumes.scan[2]]}))
    of_tables = _tables(tmp_path, scenes)
    (result,) = tables.ingest(store, of_tables.model_copy(update={"scan": [of_tables.scan[1]]}))
    assert (result.action, result.n_links) == ("add", 28)
    assert len(_pairs(store, "next")) == 28
    # The volume takes the place of the table.
    (result,) = pipeline.ingest(store, of_volumes.model_copy(update={"scan": [of_volumes.scan[1]]}), replace=True)
    assert result.action == "replace"
    assert store.read("scans")["has_voxels"].to_pylist() == [True] * 3
    assert store.labels("S1", 1).n == 14
    (result,) = tables.ingest(store, of_tables.model_copy(update={"scan": [of_tables.scan[1]]}), replace=True)
    assert store.read("label_runs", sample="S1", t=1).num_rows == 0


def test_the_same_again_is_a_no_op_and_other_rows_need_replace(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    dataset = _tables(tmp_path, exports.scene(rng, steps=2))
    tables.ingest(store, dataset)
    revision = store.manifest().revision
    table = pd.read_csv(tmp_path / "scan_1.csv")
    # Other formatting and order of the rows are the same table.
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "scan_1.csv", index=False, sep=";")
    assert [r.action for r in tables.ingest(store, dataset)] == ["skip", "skip"]
    assert store.manifest().revision == revision
    table.iloc[1:].to_csv(tmp_path / "scan_1.csv", index=False)
    with pytest.raises(ScanExists, match="made from another table: give --replace"):
        tables.ingest(store, dataset)
    wider = dataset.model_copy(update={"proximity": config.Proximity(gap_um=12)})
    with pytest.raises(ScanExists, match=r"with other parameters \(gap_um, |with other parameters \(cluster_gap_um"):
        tables.ingest(store, wider)
    assert store.manifest().revision == revision
    assert [r.action for r in tables.ingest(store, dataset, replace=True)] == ["skip", "replace"]
    assert store.read("features", sample="S1", t=1).num_rows == 13
    other = dataset.model_copy(update={"sample": dataset.sample.model_copy(update={"shape": (41, 60, 50)})})
    with pytest.raises(InputError, match="must have one shape"):
        tables.ingest(store, other.model_copy(update={"scan": [other.scan[0].model_copy(update={"t": 5})]}))


def geff_folder(path: Path, frame: pd.DataFrame, links: NDArray[np.int64], unit: str) -> None:
    geff = pytest.importorskip("geff")
    from geff.core_io import write_arrays
    from geff_spec import Axis

    axes = [Axis(name="frame", type="time"), *(Axis(name=f"pos_{a}", type="space", unit=unit) for a in "zyx")]
    metadata = geff.GeffMetadata(directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={}, sphere="r")
    names = {"frame": "t", "pos_z": "z", "pos_y": "y", "pos_x": "x", "r": "radius"}
    props = {name: {"values": frame[column].to_numpy(), "missing": None} for name, column in names.items()}
    write_arrays(path, frame.label.to_numpy(np.uint64), props, links.astype(np.uint64), {}, metadata)


def lineage(rng: np.random.Generator) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Three scans whose links are a random permutation, which no search could find, with a split and a link over two scans."""
    frames = [exports.measured(volume).assign(t=t) for t, volume in enumerate(exports.scene(rng, steps=3))]
    table = pd.concat(frames, ignore_index=True)
    table["label"] = rng.permutation(1000)[: len(table)]
    table["radius"] = np.cbrt(3 * table.volume / (4 * np.pi))
    ids = [table[table.t == t].label.to_numpy() for t in range(3)]
    links = [np.stack([ids[t], rng.permutation(ids[t + 1])], axis=1)[:-1] for t in (0, 1)]
    rest = np.setdiff1d(ids[1], links[0][:, 1])
    split = np.array([[links[0][0, 0], rest[0]]])
    far = np.array([[ids[0][3], ids[2][3]]])
    return table, np.concatenate([*links, split, far])


def test_links_of_a_geff_are_taken(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    table, links = lineage(rng)
    geff_folder(tmp_path / "tracks.geff", table, links, "micrometer")
    layout = '[table]\nformat = "geff"\nkind = "pore"\npath = "tracks.geff"'
    dataset = tables.load(exports.dataset(tmp_path, layout, "", '[units]\nsize = "um"\n'))
    results = tables.ingest(store, dataset)
    assert "1 of 28 links do not join a scan and the next one: they are left out" in results[0].warnings[0]
    time = dict(zip(table.label, table.t, strict=True))
    expected = {(time[a], a, b) for a, b in links.tolist() if time[b] - time[a] == 1}
    assert set(_pairs(store, "next")) == expected
    events = store.read("next").to_pandas().groupby("event").size().to_dict()
    assert events == {"continue": 25, "split": 2}
    assert tables.ingest(store, dataset)[0].action == "skip"
    # A scan made anew keeps the links of the file on both sides.
    moved = table.copy()
    moved.loc[(moved.t == 1) & (moved.label == moved[moved.t == 1].label.iloc[0]), "x"] += 0.5
    geff_folder(tmp_path / "other.geff", moved, links, "micrometer")
    again = dataset.model_copy(update={"table": dataset.table.model_copy(update={"path": str(tmp_path / "other.geff")})})
    assert [r.action for r in tables.ingest(store, again, replace=True)] == ["skip", "replace", "skip"]
    assert set(_pairs(store, "next")) == expected


def test_axes_of_a_geff_go_by_their_names_and_the_radius_is_scaled(tmp_path: Path) -> None:
    """networkx and others write them as x, y, z; a scale of the axes holds for the radius too."""
    geff = pytest.importorskip("geff")
    from geff.core_io import write_arrays
    from geff_spec import Axis

    scaled = {"unit": "pixel", "scale": 0.5, "scaled_unit": "micrometer"}
    axes = [Axis(name="t", type="time"), *(Axis(name=name, type="space", **scaled) for name in "xyz")]
    metadata = geff.GeffMetadata(directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={}, sphere="r")
    at = {"t": [0, 1], "z": [20.0, 22.0], "y": [40.0, 42.0], "x": [60.0, 62.0], "r": [6.0, 8.0]}
    props = {name: {"values": np.array(values), "missing": None} for name, values in at.items()}
    nodes, edges = np.array([1, 2], np.uint64), np.array([[1, 2]], np.uint64)
    write_arrays(tmp_path / "tracks.geff", nodes, props, edges, {}, metadata)
    layout = '[table]\nformat = "geff"\nkind = "pore"\npath = "tracks.geff"'
    dataset = tables.load(exports.dataset(tmp_path, layout, "", ""))
    first, second = tables.plan_tables(None, dataset, replace=False)
    for one, place, radius in ((first, (10, 20, 30), 3), (second, (11, 21, 31), 4)):
        (row,) = one.found.to_pylist()
        assert (row["z"], row["y"], row["x"]) == pytest.approx(place)
        assert row["equivalent_diameter"] == pytest.approx(2 * radius)


def test_what_is_known_of_a_scan_is_kept(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    said = {
        "time_s": 5.0, "load_n": 3.0, "strain": 0.01, "strain_rate": 0.1, "acquired_at": "2026-05-04T10:30:00+01:00",
        "acquisition_s": 9.0, "hold": "load", "hold_s": 4.0, "temperature_k": 293.0,
    }  # fmt: skip
    table = pd.DataFrame({"id": [1, 2], "z": rng.uniform(5, 35, 2), "y": 20.0, "x": 30.0, "equivalent_diameter": 3.0})
    table.to_csv(tmp_path / "a.csv", index=False)
    lines = "\n".join(f"{name} = {value!r}" for name, value in said.items())
    text = (
        '[sample]\nid = "S1"\nvoxel_size_um = 1.0\nshape = [40, 60, 50]\n[table]\nkind = "pore"\n[columns]\nlabel = "id"\n'
        f'[units]\nposition = "um"\nsize = "um"\n[[scan]]\nt = 0\npath = "a.csv"\n{lines}\n'
    )
    (tmp_path / "d.toml").write_text(text)
    tables.ingest(store, tables.load(tmp_path / "d.toml"))
    (row,) = store.read("scans").to_pylist()
    assert {name: row[name] for name in said} == said


def test_what_is_no_geff_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("geff")
    layout = '[table]\nformat = "geff"\nkind = "pore"\npath = "tracks.geff"'
    dataset = tables.load(exports.dataset(tmp_path, layout, ""))
    with pytest.raises(InputError, match="there is no such folder"):
        tables.plan_tables(None, dataset, replace=False)
    (tmp_path / "tracks.geff").mkdir()
    with pytest.raises(InputError, match="is no valid GEFF"):
        tables.plan_tables(None, dataset, replace=False)


@pytest.mark.parametrize(("embryo", "step", "least"), [("Pm03", 8, 0.93), ("Pm05", 4, 0.97)])
def test_real_lineages_are_found_from_positions_and_radii(
    embryo: str, step: int, least: float, store: Store, tmp_path: Path
) -> None:
    if not LINEAGES.exists():
        skip_unless_required("REQUIRE_REAL_DATA", f"{LINEAGES} is not there")
    spots, links = (pd.read_csv(LINEAGES / f"{embryo}_{name}.csv.gz") for name in ("spots", "links"))
    times = sorted(spots.t.unique())[: 4 * step : step]
    kept = spots[spots.t.isin(times)].assign(t=lambda f: f.t // step)
    parent = dict(zip(links.target, links.source, strict=True))
    truth = set()
    for child in kept[kept.t > 0].id:
        ancestor = child
        for _ in range(step):
            ancestor = parent.get(ancestor)
        if ancestor is not None:
            truth.add((ancestor, child))
    kept.to_csv(tmp_path / "spots.csv", index=False)
    path = tmp_path / "tables.toml"
    path.write_text(
        '[sample]\nid = "S1"\nvoxel_size_um = 1\nshape = [640, 600, 600]\n[table]\npath = "spots.csv"\nkind = "pore"\n'
        '[columns]\nlabel = "id"\n[units]\nposition = "um"\nsize = "um"\n'
    )
    tables.ingest(store, tables.load(path))
    made = {(a, b) for _, a, b in _pairs(store, "next")}
    assert len(made & truth) >= least * max(len(made), len(truth))
