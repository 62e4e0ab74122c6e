"""Touching spheres told apart and convex bodies wrongly split: `python -m benchmarks.splitting` writes docs/splitting.md."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import BODIES, Body
from benchmarks.labelling import SPACING, THRESHOLD, scene
from xctgraph.ingest import labelling, measurement, segmentation, splitting
from xctgraph.ingest.labelling import Labelled, Slab

PAGE = Path(__file__).parents[1] / "docs" / "splitting.md"
DEPTH = 1.5
SIZES = (100, 300, 1000, 5000)
NECKS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
CONVEX = (*BODIES, Body("rod 1:10", "cylinder", (1, 1, 10)), Body("plate 10:1", "cylinder", (10, 10, 1)))
INTRODUCTION = """\
# Touching features told apart

Grains or pores that touch are one component of the segmented volume. `split` in `[measure]` tells them apart, kind by
kind; it is off by default:

```toml
[measure]
split = ["pore"]            # kinds of which features are split
split_depth_um = 2.4        # if not given, 1.5 times the longest voxel edge
split_min_voxels = 100      # smaller features are left whole
```

Each feature of these kinds is looked at in its bounding box: the Euclidean distance of its voxels to what is outside
it, in micrometres, has a maximum in every part. Maxima
that stand out by `split_depth_um` from the neck that leads to a higher one (their dynamics, which is what an h-maxima
transform asks) become parts, and a watershed gives each voxel to one. So a part is
told apart if its inscribed sphere has a radius larger than that of its neck by that much. Two spheres of radius r
whose circle of contact has the radius c are split where r − c exceeds it, and never if they are so
small that r does not.

- No voxel is lost, and parts are never dropped, also where they are smaller than `min_voxels`. Labels are again the
  ranks of first voxels; the result depends on neither slabs nor workers.
- Parts keep the kind of the feature that they come from: a pore is told from a fracture before it is split. Fractures
  that touch or branch had better not be split.
- Parts are of one kind, so they do not TOUCH, which is between kinds. They are NEAR each other with a gap of one
  voxel edge, and in one cluster.
- The cut counts as surface of both parts: `surface_area` and `sphericity` are those of bodies with a flat face.
- What lies beyond the volume counts as outside. A feature that the volume cuts is split as if it ended there.
- Grey values and moments of the parts come from a second pass over the volume, which takes place only if something is
  split.
- A feature whose bounding box takes more memory than is left (64 bytes per voxel of the box) is left whole, and a
  warning says how many were."""


def split(mask: NDArray[np.bool_], depth: float = DEPTH) -> int:
    """Parts of the largest component of a mask."""
    found = labelling.label([Slab(0, classes=np.pad(mask, 1).astype(np.uint8))], tuple(n + 2 for n in mask.shape))
    largest = np.array([found.moments.n_voxels.argmax() + 1])
    parts = splitting.split(found.labels, found.moments.box, largest, SPACING, depth=depth, connectivity=26)
    return int(np.count_nonzero(parts.parent == largest[0]))


def pair(n_voxels: float, neck: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Two equal spheres whose circle of contact has `neck` times their radius, in a random pose."""
    r = np.cbrt(3 * n_voxels / (4 * np.pi))
    direction = rng.normal(size=3)
    half = direction / np.linalg.norm(direction) * r * np.sqrt(1 - neck**2)
    reach = int(np.ceil(2 * r)) + 1
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1) - rng.uniform(-0.5, 0.5, 3)
    return np.asarray(np.minimum(((grid - half) ** 2).sum(axis=-1), ((grid + half) ** 2).sum(axis=-1)) <= r**2)


def pairs_table(sizes: tuple[int, ...], poses: int, seed: int) -> str:
    """Share of the pairs that are split into two, by size and neck."""
    lines = [
        "| voxels of one sphere (radius) | " + " | ".join(f"c = {neck} r" for neck in NECKS) + " |",
        "|---" * (len(NECKS) + 1) + "|",
    ]
    for n_voxels in sizes:
        rng = np.random.default_rng([seed, n_voxels])
        cells = [sum(split(pair(n_voxels, neck, rng)) == 2 for _ in range(poses)) / poses for neck in NECKS]
        radius = np.cbrt(3 * n_voxels / (4 * np.pi))
        lines.append(f"| {n_voxels:,} ({radius:.1f}) | " + " | ".join(f"{100 * share:.0f} %" for share in cells) + " |")
    return "\n".join(lines)


def convex_table(sizes: tuple[int, ...], poses: int, seed: int) -> str:
    """How many convex bodies are wrongly split."""
    lines = ["| body | " + " | ".join(f"{n:,} voxels" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for body in CONVEX:
        cells = []
        for n_voxels in sizes:
            rng = np.random.default_rng([seed, n_voxels])
            wrong = sum(split(body.voxels(n_voxels, rng) > 0) > 1 for _ in range(poses))
            cells.append(f"{wrong} of {poses}")
        lines.append(f"| {body.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cost(size: int, seed: int) -> str:
    """Seconds for a grey volume to a table, without and with splitting."""
    volume = scene(size, seed, 180, 0.05)
    levels = segmentation.threshold(bright=THRESHOLD).levels(volume.dtype)

    def labelled() -> Labelled:
        return labelling.label((Slab(z, grey=volume[z : z + 32], levels=levels) for z in range(0, size, 32)), volume.shape)

    def whole() -> int:
        return int(measurement.measure(labelled(), SPACING).num_rows)

    def apart() -> int:
        found = labelled()
        measurement.measure(found, SPACING)
        chosen = np.flatnonzero(found.moments.n_voxels >= 100) + 1
        parts = splitting.split(found.labels, found.moments.box, chosen, SPACING, depth=DEPTH, connectivity=26)
        slabs = (Slab(z, known=parts.labels, grey=volume[z : z + 32]) for z in range(0, size, 32))
        return int(measurement.measure(labelling.label(slabs, volume.shape), SPACING).num_rows)

    rows = []
    for call in (whole, apart):
        call()
        start = time.perf_counter()
        n = call()
        rows.append((time.perf_counter() - start, n))
    (alone, n), (both, n_parts) = rows
    return (
        f"A volume of {size}³ voxels with a volume fraction of 5 % took {alone:.2f} s without ({n:,} features) and {both:.2f} s "
        f"with splitting ({n_parts:,} features), in memory, one thread: most of it are the distances of each feature."
    )


def page(sizes: tuple[int, ...], poses: int, seed: int, size: int) -> str:
    """The page as Markdown."""
    return "\n\n".join(
        [
            INTRODUCTION,
            "## What is split",
            f"Made by `python -m benchmarks.splitting` (seed {seed}), {poses} random poses each, at the default depth of 1.5 "
            "voxel edges. Pairs of equal spheres of radius r whose circle of contact has the radius c, split into two:",
            pairs_table(sizes, poses, seed),
            "Convex bodies that are wrongly split:",
            convex_table(sizes, poses, seed),
            "Rough surfaces have maxima of their own: look at some features in the crops before trusting a depth of less than "
            "the roughness.",
            "## What it costs",
            cost(size, seed),
        ]
    )


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    PAGE.write_text(page(SIZES, given.poses, given.seed, 384) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
