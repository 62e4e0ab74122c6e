"""A large fracture among many defects, one pair of scans: its patches, fronts and advance, and then the test of growth.

`python -m benchmarks.fronts [--radius 1135] [--defects 161574]` prints processor seconds of each step, and the peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from xctgraph.analysis.density.window import Window
from xctgraph.analysis.growth.ahead import Defects
from xctgraph.analysis.growth.nulls import Material
from xctgraph.analysis.growth.result import Growth
from xctgraph.analysis.growth.sites import Sites
from xctgraph.analysis.growth.toward import radii, toward
from xctgraph.ingest import fractures
from xctgraph.ingest.fractures.advance import Front, advances
from xctgraph.ingest.fractures.ahead import ahead, roles
from xctgraph.store.labels import Labels

SPACING = 1.63
RADIUS, THRESHOLD = 25.0, 1.5 * SPACING
ASKED = fractures.Asked(5 * SPACING, RADIUS, 1000.0)
HALF_OPENING = 2.5


def scans(shape: tuple[int, int, int], radius: float, defects: int, seed: int) -> tuple[list[Labels], pa.Table]:
    """Labels of two scans and the features of both: label 1 is half a disc on the face x = 0, wavy, its front meandering.

    The others are balls on a jittered grid, none at the fracture.
    """
    rng = np.random.default_rng(seed)
    balls = _balls(shape, round(1.02 * defects), rng)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2000)
    meander = [np.interp(angle, np.linspace(-2, 2, 80), rng.normal(size=80)) for _ in range(2)]
    front = [radius * (1 + 0.02 * meander[0]), radius * (1 + 0.02 * meander[0]) + 8 * np.maximum(meander[1], 0.0)]
    largest = float(front[1].max()) + 4
    height = shape[0] / 2 + 8 * np.sin(balls[:, 1] / 90) * np.cos(balls[:, 2] / 110)
    inside = np.hypot(balls[:, 1] - shape[1] / 2, balls[:, 2]) < largest
    balls = balls[~(inside & (np.abs(balls[:, 0] - height) < HALF_OPENING + 6))][:defects]
    runs = _ball_runs(balls)
    found = [_labels(shape, np.concatenate([_sheet(shape, np.stack([angle, r])), runs])) for r in front]
    place = np.concatenate([[[shape[0] / 2, shape[1] / 2, radius / 2]], balls]) * SPACING
    kind = ["fracture", *["pore"] * len(balls)]
    features = pa.table({
        "label": np.arange(1, len(place) + 1), "kind": kind, **{axis: place[:, k] for k, axis in enumerate("zyx")}
    })  # fmt: skip
    return found, features


def _balls(shape: tuple[int, int, int], n: int, rng: np.random.Generator) -> np.ndarray:
    cell = np.cbrt(np.prod(shape) / n)
    if cell < 12:
        raise ValueError(f"{n} balls do not fit in {shape} without touching")
    grid = np.stack(np.meshgrid(*(np.arange(cell / 2, size - 6, cell) for size in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    chosen: np.ndarray = np.rint(grid + rng.uniform(-1, 1, grid.shape) * (cell / 2 - 5)).astype(np.int64)
    return np.clip(chosen[rng.permutation(len(chosen))[:n]], 4, np.array(shape) - 5)


def _ball_runs(balls: np.ndarray) -> np.ndarray:
    z, y = (offset.ravel() for offset in np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"))
    half = np.floor(np.sqrt(np.maximum(7.3 - z**2 - y**2, 0))).astype(np.int64)
    rows = np.stack([z, y, -half, half + 1, np.zeros_like(z)], axis=1)[z**2 + y**2 <= 7]
    label = np.arange(2, len(balls) + 2)
    base = np.stack([balls[:, 0], balls[:, 1], balls[:, 2], balls[:, 2], label], axis=1)
    return (base[:, None] + rows[None]).reshape(-1, 5)


def _sheet(shape: tuple[int, int, int], front: np.ndarray) -> np.ndarray:
    rows = []
    x = np.arange(shape[2])
    levels = np.arange(shape[0] // 2 - 16, shape[0] // 2 + 17)
    for y in range(shape[1]):
        across = y - shape[1] / 2
        reach = np.interp(np.arctan2(across, np.maximum(x, 1e-9)), front[0], front[1])
        inside = np.hypot(across, x) <= reach
        if not inside.any():
            continue
        height = shape[0] / 2 + 8 * np.sin(y / 90) * np.cos(x / 110)
        full = inside & (np.abs(levels[:, None] - height) <= HALF_OPENING)
        edge = np.diff(np.pad(full.astype(np.int8), ((0, 0), (1, 1))), axis=1)
        z, start = np.nonzero(edge == 1)
        stop = np.nonzero(edge == -1)[1]
        rows.append(np.stack([levels[z], np.full(len(z), y), start, stop, np.ones(len(z), np.int64)], axis=1))
    return np.concatenate(rows)


def _labels(shape: tuple[int, int, int], runs: np.ndarray) -> Labels:
    order = np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))
    return Labels(shape, *runs[order].T.astype(np.int32))


def run(shape: tuple[int, int, int], radius: float, defects: int, *, seed: int = 0, draws: int = 199) -> Growth:
    """Everything from the label runs of two scans to the answer, each step timed."""
    with timed("make (not counted)"):
        labels, features = scans(shape, radius, defects, seed)
    voxels = int((labels[0].x_stop - labels[0].x_start)[labels[0].label == 1].sum())
    print(f"fracture of {voxels:,} voxels, {features.num_rows - 1:,} defects")
    box = ((0, shape[0]), (0, shape[1]), (0, shape[2]))
    around = [fractures.Surroundings(one, None, box, (SPACING,) * 3) for one in labels]
    fronts, tables = [], []
    with timed("patches, fronts and what lies ahead, two scans"):
        for one in around:
            found = fractures.find(features, one, ASKED)
            if found is None:
                raise ValueError("no fracture was found")
            rows = found.sites.append_column("feature_id", found.sites["label"])
            tables.append(rows.sort_by([("feature_id", "ascending"), ("front", "ascending"), ("arc", "ascending")]))
            fronts.append(Front.of(tables[-1]))
    with timed("advance"):
        normal = np.broadcast_to([1.0, 0.0, 0.0], fronts[0].points.shape)
        successor = np.array([[1, 1]])
        advance = advances(fronts[0], normal, fronts[1], successor, np.zeros((0, 3)), SPACING)
    known = np.isfinite(advance)
    with timed("densities at four radii"):
        fracture = np.array(features["kind"].to_pylist()) == fractures.KIND
        role = roles(features["label"].to_numpy(), fracture, labels[0].n)
        points, direction = fronts[0].points[known], fronts[0].direction[known]
        at = {r: ahead(points, direction, r, around[0], role).density for r in radii(RADIUS)}
    rows = tables[0].filter(pa.array(known))
    sites = Sites(
        fracture=np.zeros(len(points), np.int64), front=fronts[0].line[known], t=np.zeros(len(points), np.int64),
        position=points, direction=direction, arc=rows["arc"].to_numpy(), length=fronts[0].length[known], density=at[RADIUS],
        surface_distance=rows["surface_distance"].to_numpy(), opening=rows["opening"].to_numpy(),
        curvature=rows["curvature"].to_numpy(), advance=advance[known], advanced=advance[known] >= THRESHOLD,
    )  # fmt: skip
    place = np.column_stack([features[axis].to_numpy() for axis in "zyx"])[1:]
    window = Window.box(np.zeros(3), SPACING * np.array(shape, np.float64))
    material = Material(Defects(place, np.full(len(place), 81 * SPACING**3)), window)
    with timed(f"the test, {draws} draws of the other nulls"):
        return toward(
            sites, material, sample="S", radius_um=RADIUS, threshold_um=THRESHOLD, n_draws=draws, densities=at, counted="voxels"
        )


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print seconds of processor and of the clock, and the peak of memory so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{what}: {time.process_time() - cpu:.1f} s of processor, {time.perf_counter() - wall:.1f} s, peak {peak:.2f} GiB",
        flush=True,
    )


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radius", type=float, default=1135.0)
    parser.add_argument("--defects", type=int, default=161_574)
    given = parser.parse_args()
    print(run((2000, 2560, 2160), given.radius, given.defects).text)


if __name__ == "__main__":
    main()
