"""The question asked of a store, its answer kept there, and what cannot be answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.forecast import made
from tests.cli.command import run
from xctgraph.analysis.forecast import forecast
from xctgraph.store import open_store
from xctgraph.store.errors import InputError

pytest.importorskip("torch_geometric")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forecast") / "xct.store"
    made.make(path, np.random.default_rng(5), made.by_neighbours, scans=8).close()
    return path


def test_command_prints_and_keeps_the_study(path: Path, tmp_path: Path) -> None:
    figure = tmp_path / "forecast.html"
    done = run(
        "analyze",
        "forecast",
        "--store",
        str(path),
        "--repeats",
        "1",
        "--draws",
        "99",
        "--seed",
        "3",
        "--no-ablations",
        "--json",
        "--split",
        "time",
        "--figure",
        str(figure),
    )
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["primary"]["target"] == "swallowed"
    assert said["primary"]["model"] in ("network", "network-next")
    assert said["primary"]["effect"] > 0.2 > said["primary"]["p"]
    assert said["primary"]["interval"][0] < said["primary"]["effect"] < said["primary"]["interval"][1]
    assert {one["target"] for one in said["answers"]} | set(said["unanswered"]) == {"swallowed", "advanced"}
    assert "share that happened" in figure.read_text(encoding="utf-8")
    with open_store(path) as store:
        (row,) = store.sql("SELECT * FROM studies WHERE study_id = ?", [said["study_id"]]).to_pylist()
    assert (row["effect"], row["p"], row["seed"]) == (said["primary"]["effect"], said["primary"]["p"], 3)
    parameters = json.loads(row["parameters"])
    assert (parameters["samples"], parameters["split"], parameters["reach_um"]) == (["S1"], "time", 75.0)


def test_the_flat_models_alone(path: Path) -> None:
    done = run(
        "analyze",
        "forecast",
        "--store",
        str(path),
        "--no-networks",
        "--target",
        "swallowed",
        "--repeats",
        "2",
        "--draws",
        "99",
        "--split",
        "time",
    )
    assert done.code == 0, done.stderr
    assert "trees" in done.stdout
    assert "network" not in done.stdout
    assert "Split by time, 2 repeats from seed 0 on, intervals by blocks of 100 µm" in done.stdout


def test_samples_are_split_as_wholes_where_there_are_five(tmp_path: Path, rng: np.random.Generator) -> None:
    with made.make(tmp_path / "xct.store", rng, made.by_itself, samples=5, scans=6, defects=60) as store:
        found = forecast(store, networks=False, repeats=2, n_draws=99, targets=("swallowed",))
        part = forecast(store, samples=["S1", "S3"], networks=False, repeats=1, n_draws=99, targets=("swallowed",))
    assert (found.split, found.samples) == ("sample", ("S1", "S2", "S3", "S4", "S5"))
    assert found.primary.n == 5 * 5 * 60
    assert (part.split, part.samples) == ("time", ("S1", "S3"))


def test_what_cannot_be_answered_is_said(path: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    with (
        made.make(tmp_path / "no.store", rng, made.by_nothing, scans=3, defects=20, fracture=False) as store,
        pytest.raises(InputError, match="the store has no front sites, and a forecast is about the fronts of fractures"),
    ):
        forecast(store, reach_um=75)
    with (
        made.make(tmp_path / "one.store", rng, made.by_nothing, scans=1, defects=20) as store,
        pytest.raises(InputError, match=r"the only scan has no successor, .*: ingest more scans of a sample"),
    ):
        forecast(store)
    with (
        made.make(tmp_path / "few.store", rng, made.by_nothing, scans=4, defects=6) as store,
        pytest.raises(InputError, match=r"'swallowed' cannot be answered: of 18 candidates .* 10 with and without are needed"),
    ):
        forecast(store, split="time", targets=("swallowed",))
    with open_store(path) as store:
        for options, words in (
            ({"targets": ("eaten",)}, "there is no target 'eaten'.*Valid: advanced, swallowed"),
            ({"targets": ()}, "no target is named"),
            ({"split": "chance"}, "there is no split 'chance'.*Valid: block, sample, time"),
            ({"repeats": 0}, "repeats = 0 must be a positive number"),
            ({"reach_um": -1.0}, r"reach_um = -1.0 must be a positive number"),
            ({"share": 1.0}, "share = 1.0 must be at least 0 and below 1"),
            ({"samples": ["S9"]}, "no sample 'S9'"),
        ):
            with pytest.raises(InputError, match=words):
                forecast(store, **options)
    done = run("analyze", "forecast", "--store", str(path), "--figure", "x.png")
    assert done.code == 2
    assert "ends in neither .html nor .json" in done.stderr


def test_without_the_extra_it_says_which(path: Path) -> None:
    """The core imports without torch; the command names the extra."""
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torch_geometric", "sklearn"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import xctgraph.analysis.forecast
import xctgraph.cli.analyze
from xctgraph.cli.main import main
sys.argv = ["xctgraph", "analyze", "forecast", "--store", {str(path)!r}]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "pip install 'xctgraph[ml]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_memory_does_not_grow_with_the_series(tmp_path: Path) -> None:
    """Four times the scans and the same front: what is read at once stays that of a pair."""
    peaks = {}
    for n in (4, 16):
        code = f"""
import resource
from pathlib import Path
import numpy as np
from tests.analysis.forecast import made
from xctgraph.analysis.forecast import scans
from xctgraph.analysis.snapshots import select
from xctgraph.store import open_store
folder = Path({str(tmp_path)!r}) / "files{n}"
folder.mkdir()
with open_store(Path({str(tmp_path)!r}) / "{n}.store") as store:
    scans.read(select(store, t=range(3)), ("swallowed",), reach_um=30.0, share=0.5, folder=folder)
    first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scans.read(select(store), ("swallowed",), reach_um=30.0, share=0.5, folder=folder)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first)
"""
        made.make(tmp_path / f"{n}.store", np.random.default_rng(0), made.by_nothing, scans=n, defects=20_000, deep=150).close()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=200
        )
        peaks[n] = int(done.stdout) / 1024
    print(peaks)
    assert peaks[16] < peaks[4] + 60
