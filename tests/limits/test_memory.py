"""Limits by option and environment are heeded by engines too; where the memory is too little, what is said leads on."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from xctgraph.store import limits
from xctgraph.store.errors import InputError

XCTGRAPH = str(Path(sys.executable).parent / "xctgraph")
GB = 10**9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factories.filled(tmp_path_factory.mktemp("made") / "xct.store", n_scans=2, n_features=50)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([XCTGRAPH, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def _asked(made: Path, *options: str, **environment: str) -> dict[str, str]:
    statement = "SELECT current_setting('threads')::VARCHAR AS threads, current_setting('memory_limit') AS memory"
    done = _run("sql", statement, "--store", str(made), "--json", *options, **environment)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    return row


def test_duckdb_is_told_by_option_and_environment(made: Path) -> None:
    assert _asked(made, "--workers", "1")["threads"] == "1"
    assert _asked(made, "--workers", "3")["threads"] == "3"
    assert _asked(made, XCTGRAPH_WORKERS="3")["threads"] == "3"
    assert _asked(made, "--workers", "1", XCTGRAPH_WORKERS="3")["threads"] == "1"
    by_option, by_environment = _asked(made, "--memory", "1GB"), _asked(made, XCTGRAPH_MEMORY="1GB")
    for row in (by_option, by_environment):
        number, unit = row["memory"].split()
        held = float(number) * {"MiB": 2**20, "GiB": 2**30}[unit]
        assert 0.4 * GB < held < 0.9 * GB


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"XCTGRAPH_MEMORY": "much"}, "memory 'much' is not valid: give a size with its unit, as in 2GB or 500MiB"),
        ({"XCTGRAPH_WORKERS": "many"}, "Invalid value for '--workers' (env var: 'XCTGRAPH_WORKERS')"),
        ({"XCTGRAPH_WORKERS": "0"}, "greater than or equal to 1"),
    ],
)
def test_nonsense_in_the_environment(environment: dict[str, str], said: str, made: Path) -> None:
    done = _run("sql", "SELECT 1", "--store", str(made), **environment)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_nonsense_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XCTGRAPH_MEMORY", "much")
    with pytest.raises(InputError, match="XCTGRAPH_MEMORY 'much' is not valid"):
        limits.memory()
    monkeypatch.setenv("XCTGRAPH_WORKERS", "0")
    with pytest.raises(InputError, match="XCTGRAPH_WORKERS='0' is not valid: give a number of threads, at least 1"):
        limits.workers()


@pytest.mark.parametrize("question", [("sql", "SELECT 1 AS one"), ("cypher", "RETURN 1 AS one")])
def test_too_little_is_refused_and_the_memory_named_is_enough(question: tuple[str, str], made: Path) -> None:
    refused = _run(*question, "--store", str(made), "--memory", "100MB")
    assert refused.returncode == 1
    named = re.search(r"--memory 0\.10GB is too little: the program holds \S+ GB, .* Give --memory (\S+GB)", refused.stderr)
    assert named is not None, refused.stderr
    assert _run(*question, "--store", str(made), "--memory", named[1]).returncode == 0


def test_too_little_for_a_graph_leaves_the_store_whole(made: Path) -> None:
    (made / "graph.lbug").unlink()
    assert _run("graph", "load", "--store", str(made), "--memory", "100MB").returncode == 1
    assert _run("graph", "load", "--store", str(made), "--memory", "800MB").returncode == 0
    assert _run("doctor", "--store", str(made)).returncode == 0


def test_the_advice_of_an_ingest_leads_to_its_end(tmp_path: Path) -> None:
    """27,000 features: each refusal names more memory, and a gigabyte is enough in the end."""
    mask = np.zeros((240, 240, 240), np.uint8)
    for dz, dy, dx in np.ndindex(2, 2, 2):
        mask[dz::8, dy::8, dx::8] = 200
    np.save(tmp_path / "v.npy", mask)
    allowed, texts = 0.44 * GB, []
    for _ in range(6):
        command = ("ingest", str(tmp_path / "v.npy"), "--sample", "S", "--voxel-size", "1um", "--segmentation", "threshold:100")
        done = _run(*command, "--store", str(tmp_path / "s"), "--json", "--memory", f"{allowed:.0f}")
        if done.returncode == 0:
            break
        texts.append(done.stderr)
        named = re.search(r"[Gg]ive --memory (\S+?GB)", done.stderr)
        more = limits.parse_bytes(named[1]) if named else 1.1 * allowed
        assert named or "allow more with --memory" in done.stderr, done.stderr
        assert more > allowed
        allowed = more
    assert done.returncode == 0, texts
    assert texts
    assert allowed < 1.3 * GB
    assert json.loads(done.stdout)["scans"][0]["n_features"] == 30**3


_UNDER_A_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from xctgraph.store import limits, open_store
assert limits.memory() < int(sys.argv[2]) - limits.ADDRESSES, limits.memory()
with open_store(sys.argv[1]) as store:
    store.engine.invalidate()
    store.project()
    (by_graph,) = store.cypher("MATCH (f:Feature) RETURN count(*) AS n").to_pylist()
    assert by_graph == store.sql("SELECT count(*) AS n FROM features").to_pylist()[0], by_graph
"""


def test_engines_work_under_a_hard_limit_of_addresses(made: Path) -> None:
    """Ladybug reserves addresses for the largest file that it may ever write: 1 TiB without a limit."""
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", _UNDER_A_LIMIT, str(made), str(4 * 10**9)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_control_groups_of_both_versions(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    inner, outer = root / "slurm" / "job" / "step", root / "slurm" / "job"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (outer / "memory.max").write_text(f"{4 * 2**30}\n")
    (outer / "memory.stat").write_text(f"anon {2**30}\nfile {2**31}\nshmem {2**29}\n")
    old = root / "memory" / "docker" / "x"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text(f"{3 * 2**30}\n")
    (old / "memory.stat").write_text(f"cache {2**30}\ntotal_rss {2**28}\n")
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    groups = tmp_path / "groups"
    groups.write_text("9:name=systemd:/\n4:memory:/docker/x\n1:cpu,cpuacct:/\n0::/slurm/job/step\n")
    found = sorted(limits.control_groups(groups, root))
    assert found == [4 * 2**30 - 2**30 - 2**29, 3 * 2**30 - 2**28]
    assert list(limits.control_groups(tmp_path / "none", root)) == []
