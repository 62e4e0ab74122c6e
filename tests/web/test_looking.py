"""What the page is told of a store, against the parts read with DuckDB and pandas."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from tests.web.conftest import Served
from tests.web.test_binary import unpack
from xctgraph.ingest.volumes.crop import crop
from xctgraph.store import open_store


@pytest.fixture(scope="module")
def features(served: Served) -> pd.DataFrame:
    with open_store(served.store) as store:
        return store.read("features").to_pandas()


@pytest.fixture(scope="module")
def sample(features: pd.DataFrame) -> str:
    return str(features["sample"][0])


def binary(served: Served, path: str, **parameters: object) -> tuple[dict, dict[str, np.ndarray]]:
    answer = served.client.get(f"/api/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    return unpack(answer.content)


def test_overview(served: Served, features: pd.DataFrame, sample: str) -> None:
    told = served.client.get("/api/store").json()
    (held,) = told["samples"]
    assert held["sample"] == sample
    assert {scan["t"]: scan["features"] for scan in held["scans"]} == features.groupby("t").size().to_dict()
    assert told["engine"] == "ladybug"
    units = {column["name"]: column["unit"] for column in told["columns"]}
    assert units["volume"] == "um^3"
    numeric = {name for name in features.columns if features[name].dtype.kind in "bif" or name == "source_label"}
    assert set(units) == numeric - {"t", "label", "feature_id", "scan_id"}


@pytest.mark.parametrize("t", [0, 2])
def test_columns_are_those_of_the_parts_largest_first(served: Served, features: pd.DataFrame, sample: str, t: int) -> None:
    rows = features[features.t == t].sort_values(["equivalent_diameter", "label"], ascending=[False, True])
    header, found = binary(served, "scene", sample=sample, t=t, columns="volume,sphericity,border_touching,track_id")
    assert header["total"] == len(rows)
    np.testing.assert_array_equal(found["label"], rows.label)
    assert [header["kinds"][code] for code in found["kind"]] == rows.kind.tolist()
    np.testing.assert_array_equal(header["first_id"] + found["label"].astype(np.int64), rows.feature_id)
    for name in ("z", "y", "x", "volume", "sphericity", "border_touching"):
        np.testing.assert_array_equal(found[name], rows[name].to_numpy(np.float32), name)
    np.testing.assert_array_equal(found["track_id"], rows.track_id)
    _, part = binary(served, "scene", sample=sample, t=t, columns="volume", start=3, stop=8)
    np.testing.assert_array_equal(part["label"], rows.label[3:8])


def test_surface_lies_around_the_fracture(served: Served, features: pd.DataFrame, sample: str) -> None:
    fractures = features[(features.t == 2) & (features.kind == "fracture")]
    header, found = binary(served, "surfaces", sample=sample, t=2)
    assert header["fractures"] == len(fractures) > 0
    spacing = [served.client.get("/api/store").json()["samples"][0][f"voxel_{axis}"] for axis in "zyx"]
    first = 0
    for mesh in header["meshes"]:
        vertices = found["vertices"].reshape(-1, 3)[first : first + mesh["vertices"]]
        first += mesh["vertices"]
        row = fractures[fractures.label == mesh["label"]].iloc[0]
        low = [(row[f"bbox_{axis}_min"] - mesh["step"]) * step for axis, step in zip("zyx", spacing, strict=True)]
        high = [(row[f"bbox_{axis}_max"] + mesh["step"] - 1) * step for axis, step in zip("zyx", spacing, strict=True)]
        assert (vertices.min(axis=0) >= low).all()
        assert (vertices.max(axis=0) <= high).all()
    assert first == len(found["vertices"]) / 3
    assert found["faces"].size == 3 * sum(mesh["faces"] for mesh in header["meshes"])


def test_feature(on_engine: Served, rng: np.random.Generator) -> None:
    with open_store(on_engine.store) as store:
        tables = {name: store.read(name) for name in ("features", "near", "next")}
        jobs = dict(zip(*store.read("jobs", columns=["job_id", "parameters"]).to_pydict().values(), strict=True))
        frame = tables["features"].to_pandas()
    features, near, links = tables["features"], tables["near"], tables["next"]
    chosen = frame[frame.t == 1].sample(5, random_state=rng.integers(2**31))
    fracture = frame[(frame.t == 1) & (frame.kind == "fracture")]
    for row in [*chosen.itertuples(), *fracture.itertuples()]:
        answer = on_engine.client.get("/api/feature", params={"uid": row.uid})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        told_row = {a["name"]: a["value"] for a in told["attributes"]}
        for name, value in frame[frame.uid == row.uid].iloc[0].items():
            assert told_row[name] == value or pd.isna(value), name
        wanted = duckdb.sql(
            "SELECT d.uid, n.gap FROM near n JOIN features d ON d.feature_id IN (n.source, n.target) AND d.feature_id <> $f "
            "WHERE $f IN (n.source, n.target) ORDER BY n.gap, d.feature_id",
            params={"f": row.feature_id},
        ).fetchall()
        assert told["n_near"] == len(wanted)
        assert [(n["uid"], n["gap"]) for n in told["near"]] == wanted[:300]
        for direction, own, other in (("later", "source", "target"), ("earlier", "target", "source")):
            linked = links.filter(pc.equal(links[own], row.feature_id))[other].to_pylist()
            assert sorted(f["uid"] for f in told[direction]) == sorted(frame[frame.feature_id.isin(linked)].uid)
        track = frame[frame.track_id == row.track_id].sort_values("t")
        assert [(f["t"], f["uid"], f["volume"]) for f in told["track"]] == list(
            zip(track.t, track.uid, track.volume, strict=True)
        )
        assert told["job"]["job_id"] == row.job_id
        assert told["job"]["parameters"] == json.loads(jobs[row.job_id])
        found = on_engine.ask("cypher", told["cypher"])
        assert found.status_code == 200, found.text
        assert found.json()["data"][0][0] == row.uid
    assert near.num_rows > features.num_rows / 4


def test_slices(served: Served, features: pd.DataFrame) -> None:
    row = features[features.kind == "inclusion"].iloc[7]
    header, found = binary(served, "crop", uid=row.uid)
    with open_store(served.store) as store:
        whole = crop(store, row.uid, margin=6)
    assert tuple(header["shape"]) == whole.raw.shape
    assert tuple(header["offset"]) == whole.offset
    np.testing.assert_array_equal(found["mask"].reshape(whole.mask.shape), whole.mask)
    assert found["mask"].sum() == row.n_voxels
    scaled = (whole.raw.astype(float) - header["low"]) / (header["high"] - header["low"]) * 255
    assert np.abs(found["raw"].reshape(whole.raw.shape) - scaled).max() <= 0.51


def test_large_crop_is_cut_around_the_centroid(served: Served, features: pd.DataFrame) -> None:
    row = features[features.kind == "fracture"].sort_values("n_voxels").iloc[-1]
    with open_store(served.store) as store:
        whole, part = crop(store, row.uid, margin=2), crop(store, row.uid, margin=2, most=20)
    assert max(whole.raw.shape) > 20
    assert max(part.raw.shape) <= 20
    start = np.subtract(part.offset, whole.offset)
    assert (start >= 0).all()
    box = tuple(slice(a, a + n) for a, n in zip(start, part.raw.shape, strict=True))
    np.testing.assert_array_equal(part.raw, whole.raw[box])
    np.testing.assert_array_equal(part.mask, whole.mask[box])
    for axis, first, n in zip("zyx", part.offset, part.raw.shape, strict=True):
        assert first <= round(row[f"v{axis}"]) < first + n
    with open_store(served.store) as store, pytest.raises(ValueError, match="most = 0 leaves no voxels: valid are 1 and more"):
        crop(store, row.uid, most=0)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("feature?uid=S9/0/1", 404, "holds no feature 'S9/0/1'"),
        ("feature?uid=17", 400, "not of the form sample/t/label"),
        ("feature?uid=SYNTH/99999/1", 400, "t is at most 8191"),
        ("feature?uid=../../etc/passwd", 400, "not of the form"),
        ("crop?uid=SYNTH/0/99999", 404, "holds no feature"),
        ("scene?sample=S9&t=0", 404, "holds no scan t = 0 of sample 'S9'; it holds SYNTH t = 0,1,2"),
        ("scene?sample=../data&t=0", 404, "holds no scan"),
        ("scene?sample=SYNTH&t=0&columns=colour", 400, "no numeric column 'colour'"),
        ("scene?sample=SYNTH&t=0&columns=uid", 400, "no numeric column 'uid'"),
        ("scene?sample=SYNTH&t=-1", 400, "t: Input should be greater than or equal to 0"),
        ("scene?sample=SYNTH", 400, "t: Field required"),
        ("surfaces?sample=SYNTH&t=77", 404, "holds no scan t = 77"),
        ("nothing", 404, "Not Found: GET /api/nothing"),
    ],
)
def test_every_error_has_one_shape(served: Served, path: str, status: int, words: str) -> None:
    answer = served.client.get(f"/api/{path}")
    assert answer.status_code == status
    told = answer.json()
    assert told.keys() == {"error"}
    assert told["error"].keys() == {"type", "message"}
    assert words in told["error"]["message"]


def test_method_that_is_not_there(served: Served) -> None:
    answer = served.client.delete("/api/store")
    assert answer.status_code == 405
    assert answer.json() == {"error": {"type": "MethodNotAllowed", "message": "Method Not Allowed: DELETE /api/store"}}
