"""A real S3 server on this machine."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs

from xctgraph.ingest import volumes

BUCKET = "scans"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Endpoint of a server with an empty bucket; the environment names it, for the reader process too."""
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("wb") as out:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", "0"], stdout=out, stderr=out)
    given = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    before = {name: os.environ.get(name) for name in (*given, "AWS_ENDPOINT_URL")}
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"Running on (http://\S+)", log.read_text())):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        os.environ.update(given, AWS_ENDPOINT_URL=found[1])
        volumes.reader_process().close()
        s3fs.S3FileSystem().mkdir(BUCKET)
        yield f"s3://{BUCKET}"
    finally:
        # Connections are ended with their filesystems, and the next server of this process is not asked through these.
        s3fs.S3FileSystem.clear_instance_cache()
        gc.collect()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        volumes.reader_process().close()
        server.kill()
        server.wait()


def upload(folder: Path, place: str) -> None:
    """Put a folder into the object store."""
    s3fs.S3FileSystem().put(f"{folder}/", place, recursive=True)
