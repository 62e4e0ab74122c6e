"""Seconds per slice of OpenVINO, ONNX Runtime and torch, and what bf16 costs; memory of `xctgraph segment` by slices.

`python -m benchmarks.prediction` prints the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from benchmarks.learning import Size as Series
from benchmarks.learning import evenly, learned, series, window
from benchmarks.pseudolabel import Scan
from xctgraph.ingest.learning import checkpoint, metrics
from xctgraph.ingest.learning.annotated import scaled
from xctgraph.ingest.learning.network import build
from xctgraph.ingest.learning.predictor import predictor
from xctgraph.ingest.learning.spec import Spec
from xctgraph.ingest.learning.tiles import Floats

DIFFICULTY = {"noise": 0.125}
TIMED = 16  # slices
EDGE = 64


@dataclass(frozen=True)
class Row:
    """Median seconds of a slice, largest loss of IoU of a class against torch, share of pixels that differ from torch."""

    what: str
    seconds: float
    iou_loss: float
    unlike: float


def small_spec(steps: int, width: int = 8) -> Spec:
    """A plain U-Net that a CPU trains in a minute."""
    return Spec(
        encoder="none", weights="none", width=width, loss="dice+ce", steps=steps, batch=8, crop=64, aimed=0.8, rate=3e-3,
        augment=False, device="cpu",
    )  # fmt: skip


def trained(
    folder: Path, spec: Spec, seed: int, shape: tuple[int, int, int], features: int
) -> tuple[checkpoint.Checkpoint, Sequence[Scan]]:
    """A model, `folder`/model/model.pt, and another series to try it on."""
    size = Series(shape=shape, features=features)
    given, test = (series(folder / f"series_{k}", DIFFICULTY, size, seed + k) for k in range(2))
    return learned(given, evenly(given, 24, seed), spec, folder / "model"), test


def onnx(folder: Path, model: checkpoint.Checkpoint, edge: tuple[int, int]) -> Callable[[Floats], Floats]:
    """The network on ONNX Runtime, f32, one thread."""
    network = build(model.spec, len(model.classes), load_weights=False)
    network.load_state_dict(model.state)
    network = torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).eval()
    path = folder / "model.onnx"
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, model.spec.slices, *edge),), str(path), dynamo=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(planes: Floats) -> Floats:
        return np.concatenate([session.run(None, {name: plane[None]})[0] for plane in planes])

    return run


def runtimes(folder: Path, model: checkpoint.Checkpoint, test: Sequence[Scan], repeats: int) -> list[Row]:
    """Time and masks of the same slices of a series that the model has not seen."""
    shape = test[0].grey.shape[1:]
    planes = np.concatenate([scaled(scan.grey, window(scan))[:, None] for scan in test])
    truth = np.concatenate([scan.truth for scan in test])
    ways: dict[str, Callable[[Floats], Floats]] = {
        "torch f32": predictor(model, shape, "torch", "f32"),
        "ONNX Runtime f32": onnx(folder, model, shape),
        "OpenVINO f32": predictor(model, shape, "openvino", "f32"),
        "OpenVINO bf16": predictor(model, shape, "openvino", "bf16"),
    }
    chosen = planes[:: max(1, len(planes) // TIMED)]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(repeats + 1):
        for name, way in ways.items():  # in turn: what else the machine does meets all of them
            start = time.perf_counter()
            way(chosen)
            if k:
                seconds[name].append((time.perf_counter() - start) / len(chosen))
    masks = {name: way(planes).argmax(axis=1).astype(np.uint8) for name, way in ways.items()}
    iou = {name: metrics.scores(metrics.confusion(truth, mask, 4))["iou"] for name, mask in masks.items()}
    first = next(iter(ways))
    return [
        Row(
            name,
            statistics.median(seconds[name]),
            float(np.nanmax(iou[first] - iou[name])),
            float((masks[name] != masks[first]).mean()),
        )
        for name in ways
    ]


def peak_mb(folder: Path, model: Path, slices: int, seed: int) -> float:
    """Largest memory of `xctgraph segment` over a scan of so many slices of 64 x 64 pixels, in MB."""
    grey = np.random.default_rng(seed).integers(0, 2000, (slices, EDGE, EDGE)).astype(np.uint16)
    np.save(folder / f"scan_{slices}.npy", grey)
    del grey
    dataset = folder / f"dataset_{slices}.toml"
    dataset.write_text(f'[sample]\nid = "S"\nvoxel_size_um = 1.0\n[[scan]]\nt = 0\npath = "scan_{slices}.npy"\n')
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prediction", "--segment", str(dataset), str(model), str(folder / f"masks_{slices}")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def _segment(dataset: str, model: str, out: str) -> None:
    from xctgraph.ingest import config
    from xctgraph.ingest.learning.segment import Options, segment

    segment(config.load(Path(dataset)), Options(Path(model)), Path(out))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


def section(folder: Path, spec: Spec, seed: int, edge: int, slices: Sequence[int], repeats: int) -> str:
    """Both tables."""
    model, test = trained(folder, spec, seed, (32, edge, edge), edge)
    rows = runtimes(folder, model, test, repeats)
    onnx_ms = rows[1].seconds
    lines: list[Any] = [
        "| runtime | ms per slice | ONNX Runtime over it | largest loss of IoU | other class |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.what} | {1e3 * r.seconds:.1f} | {onnx_ms / r.seconds:.2f} | {r.iou_loss:+.4f} | {r.unlike:.1e} |" for r in rows
    ]
    lines += ["", "| slices of 64 x 64 | largest memory, MB |", "|---|---|"]
    lines += [f"| {n:,} | {peak_mb(folder, folder / 'model' / 'model.pt', n, seed):.0f} |" for n in slices]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--edge", type=int, default=256)
    parser.add_argument("--width", type=int, default=8, help="channels of the first level of the network")
    parser.add_argument("--segment", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.segment:
        _segment(*given.segment)
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        text = section(Path(folder), small_spec(given.steps, given.width), given.seed, given.edge, (1000, 10_000), 5)
    print(f"seed {given.seed}\n\n{text}")


if __name__ == "__main__":
    main()
