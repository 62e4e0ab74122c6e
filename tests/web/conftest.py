"""A small sample with volumes, and the explorer served to it as users have it: uvicorn on a port of 127.0.0.1."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import forget_sockets, skip_unless_required, wipe_neo4j
from xctgraph.explorer.access import Access
from xctgraph.explorer.app import create_app
from xctgraph.explorer.limits import Limits
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import open_store

# WebGL by the processor: where there is no graphics card.
ARGUMENTS = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader"]
# Machines that are busy with other things are slow, not wrong.
expect.set_options(timeout=20_000)
SMALL = {"shape": (64, 96, 112), "steps": 3, "features": 60}


@dataclass(frozen=True)
class Served:
    """An explorer that answers at `client.base_url`."""

    store: Path
    client: httpx.Client

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def ask(self, language: str, text: str, **more: object) -> httpx.Response:
        return self.client.post("/api/console", json={"language": language, "text": text, **more})


@contextmanager
def serving(
    store: Path, *, graph: str | None = None, access: Access | None = None, limits: Limits | None = None
) -> Iterator[Served]:
    """Serve a store from a thread."""
    app = create_app(store, graph=graph, access=access, limits=limits or Limits(seconds=20, memory=1 << 30))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as client:
                yield Served(store, client)
        finally:
            server.should_exit = True
            thread.join()
    forget_sockets()


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three scans made by the generator, with volumes and a fracture."""
    seed = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed {seed}: repeat with XCTGRAPH_SEED={seed}")
    folder = tmp_path_factory.mktemp("explorer")
    made = synth.generate(folder / "data", seed=seed, **SMALL)
    with open_store(folder / "xct.store", create=True) as store:
        pipeline.ingest(store, config.load(made.dataset))
        return store.path


@pytest.fixture(scope="session")
def served(sample_store: Path) -> Iterator[Served]:
    """The explorer on Ladybug."""
    with serving(sample_store) as found:
        yield found


@pytest.fixture(scope="session", params=["ladybug", "neo4j"])
def on_engine(request: pytest.FixtureRequest, sample_store: Path) -> Iterator[Served]:
    """The explorer on each engine in turn."""
    uri = None
    if request.param == "neo4j":
        uri = request.getfixturevalue("neo4j_uri")
        wipe_neo4j(uri)
        with open_store(sample_store, graph=uri) as store:
            store.project()
    with serving(sample_store, graph=uri, limits=Limits(seconds=20, memory=2 << 30)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        skip_unless_required("REQUIRE_BROWSER", "there is no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def explorer(served: Served) -> Iterator[Served]:
    with serving(served.store, limits=Limits(seconds=20, rows=100)) as found:
        yield found


@pytest.fixture
def page(browser: Browser, explorer: Served) -> Iterator[Page]:
    """An empty page; fails where the console, the policy or the network complained."""
    context = browser.new_context(viewport={"width": 1400, "height": 860}, base_url=explorer.url)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A refused query is answered 400, which the browser reports itself.
        if message.type == "error" and "status of 400" not in message.text:
            complaints.append(message.text)

    opened.on("console", heard)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    # A request that a new page makes needless is no failure.
    opened.on(
        "requestfailed",
        lambda sent: None if sent.failure == "net::ERR_ABORTED" else complaints.append(f"{sent.url}: {sent.failure}"),
    )
    opened.on(
        "request",
        lambda request: None if request.url.startswith((explorer.url, "blob:", "data:")) else complaints.append(request.url),
    )
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def features(served: Served) -> pd.DataFrame:
    with open_store(served.store) as store:
        return store.read("features").to_pandas()


@pytest.fixture(scope="module")
def near(served: Served) -> pd.DataFrame:
    with open_store(served.store) as store:
        return store.read("near").to_pandas()
