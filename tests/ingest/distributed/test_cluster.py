"""Scans measured by Dask workers: the rows are those of one process, whatever dies meanwhile."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ingest.distributed.conftest import Processes, dataset, rows
from xctgraph.ingest import measured, pipeline
from xctgraph.ingest.resources import Resources
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError, VolumeError, XctGraphError
from xctgraph.store.progress import silent

Start = Callable[[int], Processes]
MEMORY = 2**30


def ingest(path: Path, series: Any, scheduler: str | None = None) -> Store:
    store = open_store(path, create=True)
    pipeline.ingest(store, series, resources=Resources(1, MEMORY, scheduler), project=False)
    return store


def resources(scheduler: str) -> Resources:
    return Resources(1, MEMORY, scheduler)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_the_rows_are_those_of_one_process(
    n_workers: int, tmp_path: Path, paths: dict[str, list[Path]], processes: Start
) -> None:
    series = dataset(paths, measure={"split": ["inclusion"]})
    cluster = processes(n_workers)
    found = ingest(tmp_path / "by_workers", series, cluster.address)
    expected = rows(ingest(tmp_path / "alone", series))
    assert expected["features"].num_rows > 100
    assert expected["next"].num_rows > 100
    assert rows(found) == expected
    # Nothing is left of what the workers wrote.
    assert not (found.path / measured.FOLDER).exists()


def test_links_of_a_file_are_those_of_one_process(tmp_path: Path, paths: dict[str, list[Path]], processes: Start) -> None:
    rows_of_file = [f"{t},{label},{t + 1},{21 - label},0.5" for t in range(3) for label in range(1, 21)]
    (tmp_path / "links.csv").write_text("\n".join(["t,label,t_next,label_next,confidence", *rows_of_file]))
    series = dataset(paths, correspondence={"links": str(tmp_path / "links.csv")})
    expected = rows(ingest(tmp_path / "alone", series))
    assert expected["next"].num_rows == len(rows_of_file)
    assert rows(ingest(tmp_path / "by_workers", series, processes(1).address)) == expected


def test_a_killed_worker_costs_its_own_tasks_only(tmp_path: Path, paths: dict[str, list[Path]], processes: Start) -> None:
    cluster = processes(2)
    store_path = tmp_path / "by_workers"

    def kill() -> None:
        while not list(store_path.glob("measured/*-t*")):
            time.sleep(0.005)
        cluster.workers[0].send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    found = ingest(store_path, dataset(paths), cluster.address)
    killer.join(10)
    assert cluster.workers[0].wait(10) == -signal.SIGKILL
    assert rows(found) == rows(ingest(tmp_path / "alone", dataset(paths)))


def test_a_scheduler_that_dies_leaves_what_was_committed(tmp_path: Path, paths: dict[str, list[Path]], processes: Start) -> None:
    cluster = processes(1)
    path = tmp_path / "by_workers"

    def kill(message: str, *_: object) -> None:
        if "measuring on" in message and cluster.scheduler.poll() is None:
            cluster.scheduler.kill()
            cluster.scheduler.wait()

    store = open_store(path, create=True)
    with pytest.raises(XctGraphError, match=r"the Dask scheduler at tcp://.* is gone.*run the same command again"):
        pipeline.ingest(store, dataset(paths), resources=resources(cluster.address), project=False, progress=kill)
    assert len(store.manifest().scans("S1")) < 4
    # Another scheduler, or none, goes on from there.
    again = processes(1)
    pipeline.ingest(store, dataset(paths), resources=resources(again.address), project=False)
    assert rows(store) == rows(ingest(tmp_path / "alone", dataset(paths)))


def test_an_error_of_a_worker_is_the_error_of_one_process(tmp_path: Path, paths: dict[str, list[Path]], processes: Start) -> None:
    damaged = np.load(paths["path"][1]).astype(np.float32)
    damaged[33, 24, 26] = np.nan
    np.save(paths["path"][1], damaged)
    series = dataset(paths, segmentation={"method": "threshold", "bright": 1250})
    told = []
    for scheduler in (None, processes(1).address):
        store = open_store(tmp_path / f"s{len(told)}", create=True)
        with pytest.raises(VolumeError, match=r"voxel \(z, y, x\) = \(33, 24, 26\) is nan") as caught:
            pipeline.ingest(store, series, resources=Resources(1, MEMORY, scheduler), project=False)
        told.append(str(caught.value))
        assert store.manifest().scans("S1") == [0]
    assert told[0] == told[1]


def test_workers_must_see_the_store(tmp_path: Path, paths: dict[str, list[Path]], processes: Start) -> None:
    store = open_store(tmp_path / "s", create=True)
    cluster = processes(1)

    def hide(message: str, *_: object) -> None:
        folder = store.path / measured.FOLDER
        if folder.exists() and "measuring on" in message:
            folder.rename(store.path / "hidden")

    with pytest.raises((InputError, XctGraphError), match=r"does not see .*measured.*storage that all workers share"):
        pipeline.ingest(store, dataset(paths), resources=resources(cluster.address), project=False, progress=hide)


def test_no_scheduler_and_no_workers(
    tmp_path: Path, paths: dict[str, list[Path]], processes: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xctgraph.ingest.distributed.cluster.CONNECT_S", 1)
    store = open_store(tmp_path / "s", create=True)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'.*dask scheduler"):
        pipeline.ingest(store, dataset(paths), resources=resources("tcp://127.0.0.1:9"), progress=silent)
    with pytest.raises(InputError, match="has no worker: start some with `dask worker"):
        pipeline.ingest(store, dataset(paths), resources=resources(processes(0).address), progress=silent)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'there.json'"):
        pipeline.ingest(store, dataset(paths), resources=resources("there.json"), progress=silent)
