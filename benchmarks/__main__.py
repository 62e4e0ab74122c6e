"""Run every benchmark and write docs/performance.md: `python -m benchmarks [--size 512] [--scans 30]`."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import appending, labelling, linking, out_of_core, snapshots
from benchmarks.harness import markdown
from xctgraph.store import neo4j_server

PEERS = (
    "numpy",
    "numba",
    "scipy",
    "scikit-image",
    "connected-components-3d",
    "fast-regionprops",
    "SimpleITK",
    "h5py",
    "laptrack",
    "trackpy",
    "tracksdata",
)
OUT_OF_CORE = [
    ("1024³ uint8", (1024, 1024, 1024), 0.01, False),
    ("1024³ uint8, compressed (bitshuffle, LZ4)", (1024, 1024, 1024), 0.01, True),
    ("2048 x 2048 x 1024 uint8", (1024, 2048, 2048), 0.01, False),
]
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def report(size: int, repeats: int, seed: int, scans: int, features: int, *, large: bool) -> str:
    """Run everything; the page as Markdown. `large` adds volumes of 1024³ and 2048 x 2048 x 1024 voxels."""
    appended = appending.run(appending.SHAPE if large else (24, 48, 48), features, scans, seed)
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    sections = [
        "# Performance",
        "Made by `make bench`: each table is one run on the same data; the first row is 1. Times vary by machine.",
        f"{machine}, {versions}; seed {seed}.",
    ]
    for voxels in (25, 180):
        volume = labelling.scene(size, seed, voxels)
        objects = f"{size}³ uint8, features of {voxels} voxels (median)"
        sections += [
            f"## Labelling, {objects}, 26-connectivity",
            markdown(labelling.labelling_only(volume, repeats)),
            f"## Grey volume to a table of properties, {objects}",
            markdown(labelling.all_properties(volume, repeats)),
            f"## Surface area, {objects}",
            markdown(labelling.surfaces(volume, repeats)),
        ]
    for name, shape, share, compressed in OUT_OF_CORE if large else [("a small volume", (64, 64, 64), 0.006, True)]:
        sections += [
            f"## Out of core: {name} in HDF5",
            out_of_core.table(shape, repeats, seed, voxels=180 if large else 25, share=share, compressed=compressed),
        ]
    sections += [linking.section(19_000 if large else 400, 10 if large else 1)]
    sizes = (50, 100_000, 7, (4, 20_000)) if large else (2, 200, 5, (2, 100))
    sections += [snapshots.run(*sizes, seed, neo4j=large and not neo4j_server.missing_tool())]
    return "\n\n".join([*sections, appending.section(appended)])


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--features", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    text = report(given.size, given.repeats, given.seed, given.scans, given.features, large=given.size >= 512)
    PAGE.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
