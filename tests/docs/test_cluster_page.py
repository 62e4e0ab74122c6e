"""What docs/cluster.md tells to run, on this machine: the job script for each scan, and a scheduler with workers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xctgraph.ingest import synth
from xctgraph.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def folder(tmp_path: Path, seed: int) -> Path:
    made = synth.generate(tmp_path, shape=(40, 64, 64), steps=2, features=40, seed=seed)
    assert made.dataset == tmp_path / "dataset.toml"
    return tmp_path


def run(command: list[str], folder: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commands(heading: str) -> list[str]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line[2:].partition("  #")[0] for line in section.splitlines() if line.startswith("$ ")]


def n_features(store: Path) -> int:
    with open_store(store) as opened:
        return opened.read("features").num_rows


def test_the_job_script_and_what_takes_its_scans_in(folder: Path) -> None:
    script = re.search(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    (folder / "measure.sh").write_text(script[1].replace("14GB", "2GB"), encoding="utf-8")
    for task in ("0", "1"):
        run(["bash", "measure.sh"], folder, SLURM_ARRAY_TASK_ID=task, SLURM_CPUS_PER_TASK="1")
    assert len(list((folder / "measured").iterdir())) == 2
    (wrapped,) = re.findall(r'--wrap "(.*?)"', "\n".join(commands("Job arrays")))
    told = subprocess.run(
        shlex.split(wrapped), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=True
    )
    assert told.stderr.count("taking it from measured") == 2
    run(["xctgraph", "ingest", "dataset.toml", "--store", "alone.store"], folder)
    assert n_features(folder / "xct.store") == n_features(folder / "alone.store") > 30


def test_the_commands_for_dask(folder: Path) -> None:
    scheduler, worker, ingest = (line.replace("/shared", str(folder)) for line in commands("Dask"))
    started = []
    try:
        with (folder / "log").open("wb") as log:
            for command in (f"{scheduler} --port 0 --no-dashboard", f"{worker} --no-dashboard".replace("16", "2")):
                started.append(subprocess.Popen(shlex.split(command), cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log))
                end = time.monotonic() + 60
                while not (folder / "dask.json").exists() and time.monotonic() < end:
                    time.sleep(0.1)
        assert "added" in run(shlex.split(ingest), folder)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)
    assert n_features(folder / "x.store") > 30


def test_a_scan_that_is_not_in_the_dataset(folder: Path) -> None:
    done = subprocess.run(
        ["xctgraph", "measure", "dataset.toml", "--t", "7"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--t 7: dataset.toml has no such scan. It has t = 0, 1" in done.stderr
