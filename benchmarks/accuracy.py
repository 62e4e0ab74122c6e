"""How far measures of voxelised bodies are from those of the bodies, by size: `python -m benchmarks.accuracy` writes docs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import elliprg

from xctgraph.ingest import labelling, measurement
from xctgraph.ingest.labelling import Slab

DOCS = Path(__file__).parents[1] / "docs"
SIZES = (10, 20, 50, 100, 200, 500, 1000, 5000, 20_000)
MEASURES = (
    "volume",
    "surface_area",
    "sphericity",
    "axis_major_length",
    "axis_minor_length",
    "feret_diameter_max",
    "feret_diameter_min",
)


@dataclass(frozen=True)
class Body:
    """An ellipsoid of half axes `semi`, or a cylinder of radius semi[0] = semi[1] and half height semi[2], of volume 1."""

    name: str
    kind: str
    shape: tuple[float, float, float]

    @property
    def semi(self) -> NDArray[np.float64]:
        """Half axes of the body of volume 1."""
        unit = np.asarray(self.shape)
        volume = np.prod(unit) * (4 / 3 * np.pi if self.kind == "ellipsoid" else 2 * np.pi)
        return np.asarray(unit / np.cbrt(volume))

    def truth(self, n_voxels: float) -> dict[str, float]:
        """Measures of the body of a volume of `n_voxels`; axes are those of the ellipsoid of equal covariance."""
        a, b, c = self.semi * np.cbrt(n_voxels)
        if self.kind == "ellipsoid":
            area = 4 * np.pi * a * b * c * elliprg(a**-2, b**-2, c**-2)
            axes = np.array([2 * a, 2 * b, 2 * c])
            feret = (axes.max(), axes.min())
        else:
            area = 2 * np.pi * a * (a + 2 * c)
            axes = 2 * np.sqrt(5 * np.array([a**2 / 4, a**2 / 4, (2 * c) ** 2 / 12]))
            feret = (2 * np.hypot(a, c), min(2 * a, 2 * c))
        return {
            "volume": n_voxels,
            "surface_area": float(area),
            "sphericity": float(np.pi ** (1 / 3) * (6 * n_voxels) ** (2 / 3) / area),
            "axis_major_length": float(axes.max()),
            "axis_minor_length": float(axes.min()),
            "feret_diameter_max": float(feret[0]),
            "feret_diameter_min": float(feret[1]),
        }

    def voxels(self, n_voxels: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The body in a random pose: voxels whose centres lie in it."""
        semi = self.semi * np.cbrt(n_voxels)
        reach = int(np.ceil(np.linalg.norm(semi))) + 2
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1) - rng.uniform(-0.5, 0.5, 3)
        u, v, w = np.moveaxis((grid @ rotation) / semi, -1, 0)
        inside = u**2 + v**2 + w**2 <= 1 if self.kind == "ellipsoid" else (u**2 + v**2 <= 1) & (np.abs(w) <= 1)
        return inside.astype(np.uint8)


BODIES = (
    Body("sphere", "ellipsoid", (1, 1, 1)),
    Body("ellipsoid 3:2:1.6", "ellipsoid", (1.5, 1, 0.8)),
    Body("rod 1:5", "cylinder", (1, 1, 5)),
    Body("plate 5:1", "cylinder", (5, 5, 1)),
)


def errors(body: Body, n_voxels: int, poses: int, seed: int) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over random poses of the relative error of every measure."""
    rng = np.random.default_rng([seed, n_voxels])
    truth = body.truth(n_voxels)
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(poses):
        classes = body.voxels(n_voxels, rng)
        table = measurement.measure(labelling.label([Slab(0, classes=classes)], classes.shape), (1.0, 1.0, 1.0))
        # A thin body may fall into pieces: the largest one is what a user meets.
        row = max(table.to_pylist(), key=lambda r: r["n_voxels"], default=None)
        for name in MEASURES if row is not None else ():
            found[name].append(row[name] / truth[name] - 1)
    return {name: (float(np.mean(values)), float(np.std(values))) for name, values in found.items()}


def page(sizes: tuple[int, ...], poses: int, seed: int) -> str:
    """The tables as Markdown."""
    lines = [
        "# What a measure is worth, by size",
        "",
        f"Made by `python -m benchmarks.accuracy` (seed {seed}): bodies of known measures, of so many voxels, in {poses} random "
        "poses each, voxels being those whose centres lie inside. Bias ± scatter from pose to pose, in per cent of the truth. "
        "Axes are those of the ellipsoid of equal covariance. Noise and blur come on top.",
        "",
        "Read it so: a sphericity of a feature of 20 voxels has a scatter of several per cent and may exceed 1; nothing is "
        "clipped. The minor axis comes from voxel centres: too short for thin features, down to 0 for those one voxel "
        "thick; `feret_diameter_min` counts the outer voxels and does not vanish.",
        "",
        "Grey quantiles are exact: `numpy.quantile` of the voxels of the feature as float64. Until a feature ends, its grey "
        "values are held: of 8 and 16 bits as a histogram once that takes less memory, of wider types one by one, so that a "
        "feature that percolates through a float32 volume takes 8 to 12 bytes per voxel of it. This counts towards "
        "`--memory`, and is refused where it exceeds it; features of a label volume end with the volume.",
    ]
    for body in BODIES:
        lines += ["", f"## {body.name}", "", f"| voxels | {' | '.join(MEASURES)} |", "|---" * (len(MEASURES) + 1) + "|"]
        for n_voxels in sizes:
            cells = [f"{100 * bias:+.1f} ± {100 * scatter:.1f}" for bias, scatter in errors(body, n_voxels, poses, seed).values()]
            lines.append(f"| {n_voxels:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    (DOCS / "accuracy.md").write_text(page(SIZES, given.poses, given.seed), encoding="utf-8")


if __name__ == "__main__":
    main()
