"""`xctgraph explore` as a shell sees it: its address, its token, its end, and what is wrong with the arguments."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.command import run

EXPLORE = [sys.executable, "-m", "xctgraph.cli.main", "explore", "--port", "0", "--store"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_address_is_printed_and_ctrl_c_ends_it(sample_store: Path, number: signal.Signals) -> None:
    with subprocess.Popen([*EXPLORE, str(sample_store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
        assert found is not None
        assert httpx.get(f"{found[1]}api/store").json()["name"] == sample_store.name
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "Ctrl-C ends it.\n")


def test_other_hosts_get_a_token_that_is_printed_once(sample_store: Path) -> None:
    command = [*EXPLORE, str(sample_store), "--host", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.fullmatch(r"http://(.+):(\d+)/\?token=([\w-]{43})\n", process.stdout.readline())
        assert found is not None
        url, token = f"http://127.0.0.1:{found[2]}/api/store", found[3]
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"authorization": f"Bearer {token[:-1]}x"}).status_code == 401
        assert httpx.get(url, headers={"authorization": f"Bearer {token}"}).status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert token not in out + err


def test_port_in_use(sample_store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("explore", "--store", str(sample_store), "--port", port)
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "give another --port" in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_host_that_is_not_here(sample_store: Path, host: str) -> None:
    done = run("explore", "--store", str(sample_store), "--host", host, "--port", "0")
    assert done.code == 2
    assert "a --host of this machine" in done.stderr


def test_no_store(tmp_path: Path) -> None:
    done = run("explore", "--store", str(tmp_path / "none.store"), "--port", "0")
    assert done.code == 2
    assert "there is no store at" in done.stderr


def test_graph_that_is_not_there(sample_store: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        done = run(
            "explore",
            "--store",
            str(sample_store),
            "--port",
            "0",
            "--graph",
            f"bolt://u:secret@127.0.0.1:{closed.getsockname()[1]}",
        )
    assert done.code == 1
    assert "cannot be reached" in done.stderr
    assert "secret" not in done.stderr
