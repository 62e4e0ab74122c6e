"""Run every benchmark and write docs/performance.md: `python -m benchmarks [--size 512] [--scans 30]`."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import appending, labelling
from benchmarks.harness import markdown

PEERS = ("numpy", "numba", "scipy", "scikit-image", "connected-components-3d")
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def report(size: int, repeats: int, seed: int, scans: int, features: int) -> str:
    """Run everything; the page as Markdown."""
    appended = appending.run(appending.SHAPE if features > 1000 else (24, 48, 48), features, scans, seed)
    volume = labelling.scene(size, seed)
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    return "\n\n".join(
        [
            "# Performance",
            "Made by `make bench`: each table is one run on the same data; the first row is 1. Times vary by machine.",
            f"{machine}, {versions}; seed {seed}.",
            f"## Labelling, {size}³ uint8, 26-connectivity",
            markdown(labelling.labelling_only(volume, repeats)),
            f"## Grey volume to a table of properties, {size}³ uint8",
            markdown(labelling.all_properties(volume, repeats)),
            appending.section(appended),
        ]
    )


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--features", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    text = report(given.size, given.repeats, given.seed, given.scans, given.features)
    PAGE.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
