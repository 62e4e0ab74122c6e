"""The command as users run it, in a process of its own: answers on stdout, errors in one paragraph on stderr, exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

COMMAND = str(Path(sys.executable).parent / "xctgraph")


def run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "XCTGRAPH_STORE"}
    done = subprocess.run([COMMAND, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two masks, ingested."""
    folder = tmp_path_factory.mktemp("cli")
    mask = np.zeros((12, 20, 20), np.uint8)
    mask[2:5, 3:6, 3:6] = 1
    mask[7:9, 12:14, 9:12] = 1
    mask[2:5, 3:6, 8:10] = 1
    for t in range(2):
        np.save(folder / f"scan_{t}.npy", np.roll(mask, t, axis=1))
    made = run(folder, "ingest", "scan_0.npy", "scan_1.npy", "--sample", "S1", "--voxel-size", "2um", "--segmentation", "mask")
    assert "t = 1: added 3 features" in made.stdout
    return folder


def test_help_names_every_command(tmp_path: Path) -> None:
    text = run(tmp_path, "--help").stdout
    for command in (
        "demo",
        "synth",
        "ingest",
        "info",
        "query",
        "cypher",
        "sql",
        "graph",
        "export",
        "drop",
        "doctor",
        "gc",
        "backup",
        "restore",
    ):
        assert f"\n  {command} " in text.replace("│", "")


def test_formats_hold_the_same_rows(folder: Path) -> None:
    text = "SELECT uid, n_voxels, border_touching FROM features ORDER BY uid"
    rows = json.loads(run(folder, "sql", text, "--json").stdout)
    assert [row["n_voxels"] for row in rows] == [27, 18, 12] * 2
    as_csv = list(csv.DictReader(io.StringIO(run(folder, "sql", text, "--format", "csv").stdout)))
    assert [int(row["n_voxels"]) for row in as_csv] == [27, 18, 12] * 2
    run(folder, "sql", text, "--format", "parquet", "--out", "a.parquet")
    assert pq.read_table(folder / "a.parquet").to_pylist() == rows
    table = run(folder, "sql", text).stdout.splitlines()
    assert table[0].split() == ["uid", "n_voxels", "border_touching"]
    assert table[2].split() == ["S1/0/1", "27", "False"]


def test_cypher_and_queries_answer(folder: Path) -> None:
    text = "MATCH (f:Feature) WHERE f.t = $t AND f.volume > $v RETURN f.uid AS uid ORDER BY uid"
    rows = json.loads(run(folder, "cypher", text, "-p", "t=1", "-p", "v=100.0", "--json").stdout)
    assert rows == [{"uid": "S1/1/1"}, {"uid": "S1/1/2"}]
    names = [row["name"] for row in json.loads(run(folder, "query", "--list", "--json").stdout)]
    assert len(names) >= 10
    assert "MATCH" in run(folder, "query", "--show", names[0]).stdout
    shown = json.loads(run(folder, "query", "--show", "nearest-gaps", "--json").stdout)
    assert shown["chart"] == {"kind": "line", "x": "t", "y": "median_gap", "colour": "kind"}
    assert "Clark and Evans" in shown["source"]
    largest = json.loads(run(folder, "query", "largest-features", "-p", "t=0", "--json").stdout)
    assert [row["n_voxels"] for row in largest] == [27, 18, 12]


def test_projections_are_current_after_an_ingest(folder: Path) -> None:
    status = json.loads(run(folder, "graph", "status", "--json").stdout)
    assert status
    assert all(row["current"] for row in status)
    assert "revision" in run(folder, "graph", "load").stdout
    info = json.loads(run(folder, "info", "--json").stdout)
    assert [scan["features"] for scan in info["scans"]] == [3, 3]


def test_the_same_again_says_so(folder: Path) -> None:
    arguments = ("ingest", "scan_0.npy", "scan_1.npy", "--sample", "S1", "--voxel-size", "2um", "--segmentation", "mask")
    assert "there already, unchanged" in run(folder, *arguments).stdout
    plan = json.loads(run(folder, *arguments, "--dry-run", "--json").stdout)
    assert [row["action"] for row in plan] == ["skip", "skip"]


def test_a_dry_run_makes_nothing(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "none.store"
    volume = str(folder / "scan_0.npy")
    text = run(tmp_path, "ingest", volume, "--sample", "S", "--voxel-size", "1um", "--dry-run", "--store", str(store)).stdout
    assert "voxel size 1 x 1 x 1 um (z, y, x)" in text
    assert "t = 0: add" in text
    assert not store.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("query", "largest-feature", "-p", "t=0"), 2, "largest-features"),
        (("query", "largest-features", "-p", "time=0"), 2, "no parameter 'time'"),
        (("query", "largest-features", "-p", "t"), 2, "not of the form NAME=VALUE"),
        (("query", "largest-features", "-p", "t=early"), 2, "'early'"),
        (("cypher", "MATCH (f:Feature) RETURN f.uid AS u LIMIT $n"), 2, "n"),
        (("cypher", "CREATE (f:Feature {feature_id: 1})"), 2, "read"),
        (("cypher", "MATCH (f:Featur) RETURN f.uid"), 2, "did you mean 'Feature'? Valid: ADJACENT, CONTAINS"),
        (("cypher", "MATCH (f:Feature) RETURN f.volum"), 2, "did you mean 'volume'? Valid: "),
        (("sql", "DELETE FROM features"), 2, "read"),
        (("sql", "SELECT * FROM read_text('/etc/passwd')"), 2, ""),
        (("sql", "SELECT nothing FROM features"), 2, "nothing"),
        (("info", "--store", "nowhere"), 2, "there is no store at"),
        (("ingest",), 2, "nothing to ingest"),
        (("ingest", "scan_0.npy"), 2, "--sample and --voxel-size missing"),
        (("ingest", "scan_0.npy", "--sample", "S"), 2, "--voxel-size missing"),
        (("ingest", "scan_0.npy", "--sample", "S", "--voxel-size", "wide"), 2, "'wide'"),
        (("ingest", "scan_0.npy", "--sample", "S", "--voxel-size", "1um", "--segmentation", "unet"), 2, "otsu, threshold:V"),
        (("ingest", "scan_0.npy", "--sample", "S", "--voxel-size", "1um", "--segmentation", "threshold:x"), 2, "needs a number"),
        (("ingest", "none.h5", "--sample", "S", "--voxel-size", "1um"), 2, "none.h5"),
        (("ingest", "none.toml"), 2, "none.toml"),
        (("ingest", "none.toml", "--axes", "xyz", "--first-t", "5"), 2, "--axes, --first-t given beside none.toml"),
        (("sql", "SELECT 1 AS a, 2 AS a", "--json"), 2, "two columns are called 'a'"),
        (("sql", "SELECT 1 AS a", "--out", "nodir/x.csv"), 2, "nodir/x.csv"),
        (("query", "largest-features", "-p", "t=0", "-p", "t=1"), 2, "given twice"),
        (("ingest", "scan_1.npy", "--sample", "S1", "--voxel-size", "2um", "--segmentation", "mask"), 1, "--replace"),
        (("export", "pyg", "out", "--t", "a:b"), 2, "'a:b'"),
        (("export", "geff", "out", "--where", "volum > 1"), 2, "'volum > 1' is no condition on features"),
        (("export", "vtk", "out", "--radius", "1e9"), 2, "the store holds NEAR up to a gap of"),
        (("export", "parquet", "scan_0.npy"), 2, "scan_0.npy is a file: an export goes into a folder"),
        (("export", "napari", ".", "--no-labels"), 2, "not empty and not an earlier export"),
        (
            ("export", "graphml", "g.xml", "--t", "0", "--cypher", "MATCH (f:Feature) RETURN f.uid AS source"),
            2,
            "let the query choose",
        ),
        (("export", "graphml", "g.xml", "-p", "a=1"), 2, "--param and --graph go with --cypher"),
        (("export", "graphml", "g.xml", "--cypher", "MATCH (f:Feature) RETURN f.uid AS source"), 2, "no column 'target'"),
        (("graph", "load", "--to", "http://localhost"), 2, "bolt://"),
        (("graph", "load", "--to", "bolt://localhost:1"), 1, "localhost:1"),
        (("synth", "out", "--shape", "2,2"), 2, "(2, 2)"),
        (("synth", "out", "--set", "colour=3"), 2, "colour"),
        (("unknown",), 2, "unknown"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_wrong_use_is_named(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert words in run(folder, *arguments, code=code).stderr


def test_wrong_input_leaves_no_store(folder: Path, tmp_path: Path) -> None:
    run(folder, "ingest", "none.h5", "--sample", "S", "--voxel-size", "1um", "--store", str(tmp_path / "s"), code=2)
    assert not (tmp_path / "s").exists()


def test_input_that_proves_wrong_at_work_leaves_no_store(tmp_path: Path) -> None:
    volume = np.full((8, 8, 8), 100, np.float32)
    volume[4, 4, 4] = np.nan
    np.save(tmp_path / "nan.npy", volume)
    arguments = ("ingest", "nan.npy", "--sample", "S", "--voxel-size", "1um", "--segmentation")
    assert "(4, 4, 4) is nan" in run(tmp_path, *arguments, "threshold:150", code=2).stderr
    assert (
        "nan.npy holds float32, but the values of a label volume are whole" in run(tmp_path, *arguments, "labels", code=2).stderr
    )
    assert not (tmp_path / "xct.store").exists()


def test_air_around_the_sample_is_warned_of(tmp_path: Path) -> None:
    y, x = np.ogrid[-40:40, -40:40]
    grey = np.where(np.broadcast_to(y**2 + x**2 < 30**2, (40, 80, 80)), 120, 20).astype(np.uint8)
    grey[10:14, 38:42, 38:42] = 200
    np.save(tmp_path / "v.npy", grey)
    for name, limit in (("bright", "bright = 160"), ("dark", "dark = 60")):
        text = f"[sample]\nid='S'\nvoxel_size_um=1\n[segmentation]\nmethod='threshold'\n{limit}\n[[scan]]\nt=0\npath='v.npy'\n"
        (tmp_path / f"{name}.toml").write_text(text)
    assert "mask" not in run(tmp_path, "ingest", "bright.toml", "--store", "a").stderr
    warned = run(tmp_path, "ingest", "dark.toml", "--store", "b").stderr
    assert "fills 56 % of the volume and reaches its faces. If that is air around the sample, give a sample `mask`" in warned


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interruption_says_what_stays(tmp_path: Path, number: signal.Signals) -> None:
    np.save(tmp_path / "big.npy", np.zeros((600, 300, 300), np.uint8))
    arguments = ["ingest", "big.npy", "--sample", "S", "--voxel-size", "1um", "--segmentation", "mask"]
    with subprocess.Popen(
        [COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "finding thresholds" in process.stderr.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted: what was committed stays" in errors
    assert "t = 0: added" in run(tmp_path, *arguments).stdout


def test_debug_shows_the_traceback(folder: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--debug", "info", "--store", "nowhere"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1  # Python's own, of an exception that nobody caught
    assert "Traceback" in done.stderr
    assert "StoreNotFound" in done.stderr


def test_the_schema_is_json(tmp_path: Path) -> None:
    schema = json.loads(run(tmp_path, "ingest", "--schema").stdout)
    assert {"sample", "scan", "segmentation"} <= set(schema["properties"])
