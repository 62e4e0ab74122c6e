"""The explorer on scans of the reference size, in a headless Chromium that draws with the processor.

`python -m benchmarks.explorer FOLDER [--features 161574] [--scans 2]` keeps the store in FOLDER and prints a section in Markdown.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.series import Series
from xctgraph.ingest import tables
from xctgraph.ingest.tables.config import TableDataset
from xctgraph.store import open_store

CLIENTS = 20
RUNAWAYS = {
    "cypher": "MATCH (a:Feature), (b:Feature), (c:Feature) WHERE a.x * b.y > c.z RETURN count(*) AS n",
    "sql": "SELECT count(*) FROM features a, features b, features c WHERE a.x * b.y > c.z",
    "cypher ": "UNWIND range(1, 1000000000) AS x RETURN count(x) AS n",
}

_FILTER = """async (low) => {
    const input = document.querySelector('.filter input');
    const drawn = new Promise((done) => new MutationObserver((_, self) => { self.disconnect(); done(); })
        .observe(document.getElementById('picture'), { attributeFilter: ['data-ms'] }));
    const began = performance.now();
    input.value = low;
    input.dispatchEvent(new Event('input'));
    await drawn;
    await new Promise(requestAnimationFrame);
    return (performance.now() - began) / 1000;
}"""


@dataclass
class Light:
    """Seconds that each light request took, by clients that ask four times a second."""

    host: str
    port: int
    paths: list[str]

    def __post_init__(self) -> None:
        self.taken: list[float] = []
        self.n = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def p95(self) -> float:
        """95 % of the requests since the last call took at most this long."""
        taken, self.taken = self.taken, []
        self.n = len(taken)
        return float(np.quantile(taken, 0.95))

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, turn: int) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        while not self._ended.wait(0.25):
            started = time.perf_counter()
            connection.request("GET", self.paths[turn % len(self.paths)])
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{self.paths[turn % len(self.paths)]} was answered {answer.status}")
            self.taken.append(time.perf_counter() - started)
            turn += 1
        connection.close()


@contextmanager
def explore(store: Path) -> Iterator[tuple[str, int]]:
    """`xctgraph explore` on a free port; its host and port."""
    command = [sys.executable, "-m", "xctgraph.cli.main", "explore", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            found = re.fullmatch(r"http://(.+):(\d+)/\n", told)
            if found is None:
                raise RuntimeError(f"the explorer printed {told!r}")
            yield found[1], int(found[2])
        finally:
            process.terminate()


def prepare(root: Path, series: Series) -> None:
    """Make the store unless it is there."""
    if root.exists():
        return
    raw = root.parent / "tables"
    raw.mkdir(parents=True, exist_ok=True)
    with open_store(root, create=True) as store:
        tables.ingest(store, TableDataset.model_validate(series.write(raw)))
        store.project()


def first_view(page: Page, url: str) -> tuple[int, float, float]:
    """Bytes over the wire, seconds from the address to the first picture and to the whole, with nothing kept from before."""
    received = 0
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def finished(event: dict[str, float]) -> None:
        nonlocal received
        received += int(event["encodedDataLength"])

    session.on("Network.loadingFinished", finished)
    page.goto(url)
    pictures: list[float] = []
    # wait_for_function evaluates text in the page, which its policy forbids.
    while len(pictures) < 2:
        page.wait_for_timeout(100)
        pictures = page.evaluate("performance.getEntriesByName('picture').map((mark) => mark.startTime / 1000)")
    return received, pictures[0], pictures[1]


def filtering(page: Page, repeats: int) -> list[float]:
    """Seconds from a change of a filter to the picture; the first has fetched all features."""
    page.get_by_role("button", name="Add a filter").click()
    return [page.evaluate(_FILTER, str(10 + turn)) for turn in range(repeats + 1)]


def runaway(connection: http.client.HTTPConnection, light: Light, language: str, text: str) -> list[str]:
    """Rows on a question that never ends: when and why it was stopped, and how the light requests did meanwhile."""
    body = json.dumps({"language": language, "text": text}).encode()
    started = time.perf_counter()
    connection.request("POST", "/api/console", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read())["error"]["message"]
    stopped = time.perf_counter() - started
    beside, n = light.p95(), light.n
    limit = "memory" if "memory" in told else "time"
    return [
        f"| runaway `{text}`, answered {answer.status} (limit of {limit}) after | {stopped:.2f} s |",
        f"| light requests of {CLIENTS} clients meanwhile, p95 of {n:,} | {1000 * beside:.0f} ms |",
    ]


def run(folder: Path, series: Series, repeats: int = 5) -> str:
    """Everything; a section of docs/performance.md."""
    root = folder / "explorer.store"
    prepare(root, series)
    load = os.getloadavg()[0]
    views, filters = [], []
    with explore(root) as (host, port):
        url = f"http://{host}:{port}/"
        with sync_playwright() as playwright:
            arguments = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader"]
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
            for turn in range(repeats):
                page = browser.new_context(viewport={"width": 1400, "height": 860}).new_page()
                views.append(first_view(page, url))
                if turn == repeats - 1:
                    filters = filtering(page, repeats)
                page.context.close()
            browser.close()
        paths = [
            "/api/store",
            "/api/revision",
            "/api/feature?uid=S1/0/5",
            "/api/scene?sample=S1&t=0&stop=20000",
            "/static/main.js",
        ]
        connection = http.client.HTTPConnection(host, port, timeout=60)
        light = Light(host, port, paths)
        time.sleep(2)
        light.p95()
        time.sleep(5)
        quiet = light.p95()
        beside = []
        for language, text in RUNAWAYS.items():
            # A worker that was killed starts again meanwhile.
            time.sleep(3)
            light.p95()
            beside += runaway(connection, light, language.strip(), text)
        light.end()
    return "\n".join(
        [
            f"## The explorer on a scan of {series.features:,} features",
            "",
            f"`python -m benchmarks.explorer`, medians of {repeats} (best); Chromium draws without a graphics card; "
            f"{os.cpu_count()} cores, load average before {load:.1f}.",
            "",
            "| what | measured |",
            "|---|---:|",
            f"| first view, bytes over the wire | {statistics.median(n for n, _, _ in views) / 1e6:.2f} MB |",
            f"| address to first picture (2,000 largest) | {_median(s for _, s, _ in views)} |",
            f"| address to the 20,000 largest | {_median(s for _, _, s in views)} |",
            f"| first filter: fetch all features, test, draw | {1000 * filters[0]:.0f} ms |",
            f"| filter | {1000 * statistics.median(filters[1:]):.0f} ms |",
            f"| light requests of {CLIENTS} clients, p95, with nothing beside them | {1000 * quiet:.0f} ms |",
            *beside,
        ]
    )


def _median(seconds: Iterable[float]) -> str:
    values = list(seconds)
    return f"{statistics.median(values):.2f} s ({min(values):.2f} s)"


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", type=int, default=161_574)
    parser.add_argument("--scans", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(run(given.folder, Series(given.features, given.scans, given.seed)))


if __name__ == "__main__":
    main()
