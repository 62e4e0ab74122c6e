"""Another process holds the store open and asks all the time while scans are ingested: it never blocks and sees whole scans."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import open_store

READER = """
import json, sys
from pathlib import Path
import xctgraph as xg
stop = Path(sys.argv[2])
with xg.open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    while True:
        last = stop.exists()
        scans = store.read("scans", columns=["t"]).num_rows
        features = store.cypher("MATCH (s:Scan)-[:CONTAINS]->(f:Feature) RETURN s.t AS t, count(f) AS n ORDER BY t")
        rows = store.sql("SELECT t, count(*) AS n FROM features GROUP BY t ORDER BY t")
        print(json.dumps([scans, features.to_pylist(), rows.to_pylist()]), flush=True)
        if last:
            break
"""


def test_a_reader_sees_whole_scans_and_blocks_nobody(tmp_path: Path, seed: int) -> None:
    made = synth.generate(tmp_path / "data", shape=(64, 96, 96), steps=4, features=120, seed=seed)
    dataset = config.load(made.dataset)
    store_path, stop = tmp_path / "xct.store", tmp_path / "stop"
    with open_store(store_path, create=True) as store:
        pipeline.ingest(store, dataset.model_copy(update={"scan": dataset.scan[:1]}))
        log = tmp_path / "reader.jsonl"
        with log.open("w") as out:
            reader = subprocess.Popen(
                [sys.executable, "-c", READER, str(store_path), str(stop)], stdout=out, stderr=subprocess.PIPE
            )
            deadline = time.monotonic() + 60
            while "ready" not in log.read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            pipeline.ingest(store, dataset, live=True)
            stop.touch()
            _, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors.decode()
        whole = {row["t"]: row["n"] for row in store.sql("SELECT t, count(*) AS n FROM features GROUP BY t").to_pylist()}
    assert len(whole) == 4
    seen = [json.loads(line) for line in log.read_text().splitlines() if line != "ready"]
    assert len(seen) >= 2, "the reader asked too seldom to tell"
    for _, cypher_rows, sql_rows in seen:
        for rows in (cypher_rows, sql_rows):
            assert rows == [{"t": t, "n": whole[t]} for t in range(len(rows))]
    assert len(seen[-1][1]) == len(seen[-1][2]) == 4
    assert seen[0][0] >= 1


def test_a_second_writer_is_refused_by_name(tmp_path: Path) -> None:
    from xctgraph.store.errors import StoreLocked

    with (
        open_store(tmp_path / "s", create=True) as store,
        store.write(),
        pytest.raises(StoreLocked, match="process"),
        store.write(),
    ):
        pass
