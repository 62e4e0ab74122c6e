"""Pseudo-labels against the truth of the generator, beside multi-Otsu on the same slices; and on real cement.

`python -m benchmarks.pseudolabel [--shape 96,160,160] [--samples 2]` prints the tables of docs/pseudolabel.md,
`--calibrate` the table of `parameters.CALIBRATION`. Processor times, of one thread where OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import tifffile
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu

from xctgraph.ingest import config, synth, volumes
from xctgraph.ingest.pseudo import calibration, label, reference, search
from xctgraph.ingest.pseudo.flatten import flatten
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters
from xctgraph.ingest.pseudo.responses import compute
from xctgraph.ingest.pseudo.scores import Score, count, score
from xctgraph.store.labels import Labels

Classes = NDArray[np.uint8]
PLAIN: dict[str, Any] = {"air_voxels": 12, "steps": 3}
ARTEFACTS = PLAIN | {"rings": 0.1, "beam_hardening": 0.2, "contrast_drift": -0.3}
NOISE = {"noise 0.125": 0.125, "noise 0.3": 0.3}
STEP = 3  # every third slice is labelled
ANNOTATED = 12


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan of the generator: volume (z, y, x), sample mask, classes of the truth, and the reference of its first section."""

    grey: NDArray[np.uint16]
    material: NDArray[np.bool_]
    truth: Classes
    known: reference.Reference


def scans(folder: Path, **parameters: Any) -> Iterator[Scan]:
    """Scans of a sample with truth, each slice's objects named as their components in 3D are."""
    made = synth.generate(folder, **parameters)
    dataset, truth = config.load(made.dataset), synth.read(made.truth)
    for scan in dataset.scan:
        with volumes.open_volume(scan.path) as volume:
            grey = volume.read(0, volume.shape[0])
            known = reference.read(volume, 0)
        material = np.ones(grey.shape, np.bool_)
        if scan.mask is not None:
            with volumes.open_volume(scan.mask) as mask:
                material = mask.read(0, grey.shape[0]) > 0
        of_scan = [table.filter(pc.equal(table["t"], scan.t)) for table in (truth.labels, truth.components)]
        codes = np.zeros(of_scan[1].num_rows + 1, np.uint8)
        codes[of_scan[1]["component"].to_numpy()] = [KINDS.index(kind) + 1 for kind in of_scan[1]["kind"].to_pylist()]
        box = [side for n in grey.shape for side in (0, n)]
        yield Scan(grey, material, codes[Labels.from_table(of_scan[0], grey.shape).crop(*box)], known)


def otsu(plane: NDArray[Any], material: NDArray[np.bool_], parameters: Parameters) -> Classes:
    """The usual way: multi-Otsu with three classes of the slice as it is, given the sample mask; the same rules of size."""
    values = plane[material].astype(np.float32)
    low, high = threshold_multiotsu(values, 3)
    found = np.zeros(plane.shape, np.uint8)
    found[(plane > high) & material] = label.INCLUSION
    found[(plane <= low) & material] = label.PORE
    found[label.fractures(found == label.PORE, parameters)] = label.FRACTURE
    return found


def scored(truths: Sequence[Classes], masks: Sequence[Classes]) -> dict[str, Score]:
    """Scores by kind."""
    return {
        kind: score(np.sum([count(truth == code, mask == code) for truth, mask in zip(truths, masks, strict=True)], axis=0))
        for code, kind in enumerate(KINDS, 1)
    }


def compared(chosen: Sequence[Scan], *, seed: int) -> dict[str, tuple[float, dict[str, Score]]]:
    """Processor milliseconds per slice and scores: ours by default and sought on 12 slices that are left out, and multi-Otsu."""
    rng = np.random.default_rng(seed)
    default = Parameters()
    annotated = []
    rest = []
    for scan in chosen:
        order = rng.permutation(len(scan.grey))
        n = -(-ANNOTATED // len(chosen))
        annotated += [search.Annotated(flatten(scan.grey[z], scan.known), scan.truth[z]) for z in order[:n]]
        rest += [(scan, z) for z in sorted(order[n:].tolist())[::STEP]]
    start = time.process_time()
    sought = search.search(annotated, default, seed=seed)
    spent = time.process_time() - start
    truths = [scan.truth[z] for scan, z in rest]

    def flattened(method: str) -> Callable[[Scan, int], Classes]:
        return lambda scan, z: label.pseudolabel(scan.grey[z], scan.known, replace(default, method=method))[0]

    ways: dict[str, Callable[[Scan, int], Classes]] = {
        "multi-Otsu": lambda scan, z: otsu(scan.grey[z], scan.material[z], default),
        "flattened, multi-Otsu": flattened("multi-otsu"),
        "flattened, tail": flattened("tail"),
        "pseudolabel": lambda scan, z: label.pseudolabel(scan.grey[z], scan.known, default)[0],
        f"pseudolabel, sought on {len(annotated)} slices in {spent:.1f} s": lambda scan, z: label.pseudolabel(
            scan.grey[z], scan.known, sought.parameters
        )[0],
    }
    found = {}
    for name, way in ways.items():
        way(*rest[0])
        start = time.process_time()
        masks = [way(scan, z) for scan, z in rest]
        found[name] = (1e3 * (time.process_time() - start) / len(rest), scored(truths, masks))
    return found


def table(results: dict[str, dict[str, tuple[float, dict[str, Score]]]]) -> str:
    """Markdown: a row for each condition, way and kind."""
    lines = ["| slices | way | kind | IoU | pixel F1 | object F1 | objects | ms per slice |", "|---|---|---|---|---|---|---|---|"]
    for condition, ways in results.items():
        for way, (ms, kinds) in ways.items():
            lines += [
                f"| {condition} | {way} | {kind} | {one.iou:.3f} | {one.pixel_f1:.3f} | {one.object_f1:.3f} | {one.objects} | "
                f"{ms:.1f} |"
                for kind, one in kinds.items()
            ]
    return "\n".join(lines)


def run(shape: tuple[int, int, int], features: int, samples: int, seed: int) -> str:
    """Generate, label, compare."""
    results = {}
    for kind, made in (("plain", PLAIN), ("rings, cupping, drift of contrast", ARTEFACTS)):
        for name, noise in NOISE.items():
            chosen = []
            for k in range(samples):
                with tempfile.TemporaryDirectory() as folder:
                    given = made | {"noise": noise, "shape": shape, "features": features, "seed": seed + k}
                    chosen += list(scans(Path(folder) / "s", **given))
            results[f"{name}, {kind}"] = compared(chosen, seed=seed)
    return table(results)


def cement(path: Path, seed: int) -> str:
    """Real slices without truth: how much of the labels stays when noise, cupping and rings are added."""
    volume = tifffile.imread(path).astype(np.float32)
    rng = np.random.default_rng(seed)
    n_z, n_y, n_x = volume.shape
    y, x = np.ogrid[:n_y, :n_x]
    radius = np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2)
    spread = float(volume.std())
    cupping = 0.5 * spread * (radius / radius.max()) ** 2
    rings = 0.2 * spread * rng.standard_normal(int(radius.max()) + 2)[np.rint(radius).astype(int)]
    worse = (volume + cupping + rings + 0.1 * spread * rng.standard_normal(volume.shape)).astype(np.float32)
    parameters = Parameters()
    lines = ["| way | kind | share of the pixels | IoU of the labels with and without | ms per slice |", "|---|---|---|---|---|"]
    chosen = list(range(2, n_z, STEP))
    inside = np.ones((n_y, n_x), np.bool_)
    for name in ("multi-Otsu", "pseudolabel"):
        both = []
        start = time.process_time()
        for grey in (volume, worse):
            known = reference.make([grey[z] for z in chosen[:: max(1, len(chosen) // reference.LOOKED_AT)]])
            if name == "multi-Otsu":
                both.append([otsu(grey[z], inside, parameters) for z in chosen])
            else:
                both.append([label.pseudolabel(grey[z], known, parameters)[0] for z in chosen])
        ms = 1e3 * (time.process_time() - start) / (2 * len(chosen))
        for kind, one in scored(*both).items():
            share = float(np.mean([mask == KINDS.index(kind) + 1 for mask in both[0]]))
            lines.append(f"| {name} | {kind} | {share:.2%} | {one.iou:.3f} | {ms:.1f} |")
    return "\n".join(lines)


def calibrated(shape: tuple[int, int, int], features: int, samples: int, seed: int) -> dict[str, Any]:
    """What `parameters.CALIBRATION` holds, measured anew on slices of three noise levels."""
    parameters = Parameters()

    def pairs() -> Iterator[tuple[label.Labelled, Classes]]:
        for k in range(samples):
            for noise in (0.125, 0.2, 0.3):
                with tempfile.TemporaryDirectory() as folder:
                    given = ARTEFACTS | {"noise": noise, "shape": shape, "features": features, "seed": seed + k}
                    for scan in scans(Path(folder) / "s", **given):
                        for z in range(0, len(scan.grey), STEP):
                            flat = flatten(scan.grey[z], scan.known)
                            truth = np.where(flat.material, scan.truth[z], search.UNKNOWN).astype(np.uint8)
                            yield label.label(flat, compute(flat), parameters), truth

    return calibration.calibrate(pairs())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="96,160,160")
    parser.add_argument("--features", type=int, default=260)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--cement", type=Path, help="TIFF of the cement of qim3d: tests/real_data.py fetches it")
    parser.add_argument("--calibrate", action="store_true")
    given = parser.parse_args()
    z, y, x = (int(part) for part in given.shape.split(","))
    print(f"seed {given.seed}\n")
    if given.calibrate:
        print(calibrated((z, y, x), given.features, given.samples, given.seed))
        return
    print(run((z, y, x), given.features, given.samples, given.seed), "\n")
    if given.cement:
        print(cement(given.cement, given.seed))


if __name__ == "__main__":
    main()
