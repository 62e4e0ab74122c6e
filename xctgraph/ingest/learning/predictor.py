"""A trained model, ready to segment: on torch, or on OpenVINO where that is faster."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.inference import import_openvino, threads
from xctgraph.ingest.learning.checkpoint import Checkpoint
from xctgraph.ingest.learning.network import build
from xctgraph.ingest.learning.tiles import Floats, Run, Tiling, blended, tiling
from xctgraph.ingest.weights import load_state
from xctgraph.store.errors import InputError, nearest

RUNTIMES = ("auto", "openvino", "torch")
PRECISIONS = ("auto", "f32", "bf16")


@dataclass(frozen=True, eq=False)
class Predictor:
    """Slices to shares of classes.

    Attributes
    ----------
    model : Checkpoint
    description : str
        Runtime, device and precision, such as ``openvino cpu bf16``.
    """

    model: Checkpoint
    tiles: Tiling
    description: str
    run: Run

    def __call__(self, planes: Floats) -> Floats:
        """Shares of the classes (n, classes, y, x) of grey values (n, channels, y, x), 0 to 1."""
        return blended(self.run, planes, self.tiles, len(self.model.classes))


def predictor(
    model: Checkpoint, shape: tuple[int, int], runtime: str = "auto", precision: str = "auto", *, tile: int = 512
) -> Predictor:
    """Make a model ready for slices of `shape` (y, x).

    Parameters
    ----------
    model, shape
    runtime
        ``auto``: torch on a GPU (CUDA or MPS), else OpenVINO where it is installed, else torch.
    precision
        ``auto``: bf16 where the device computes in it natively, else f32.
    tile
        Largest edge of a tile in pixels.

    Raises
    ------
    InputError
        If runtime or precision are not known, or the runtime is not installed.
    """
    import torch

    for name, value, valid in (("runtime", runtime, RUNTIMES), ("precision", precision, PRECISIONS)):
        if value not in valid:
            raise InputError(f"{name} {value!r} is not known: {nearest(value, valid)}")
    if tile < 64:
        raise InputError(f"tile = {tile}: at least 64 pixels are wanted")
    has_openvino = importlib.util.find_spec("openvino") is not None
    if runtime == "openvino" and not has_openvino:
        raise InputError("OpenVINO is not installed: pip install openvino, or take --runtime torch")
    network = build(model.spec, len(model.classes), load_weights=False)
    load_state(network, model.state, "of the model", f"{model.spec.architecture} {model.spec.encoder}")
    network = torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).eval().requires_grad_(requires_grad=False)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    tiles = tiling(shape, tile, min(64, tile // 8), 1 if device == "cpu" else 8)
    if runtime == "openvino" or (runtime == "auto" and device == "cpu" and has_openvino):
        return _on_openvino(model, network, tiles, precision)
    return _on_torch(model, network, tiles, device, precision)


def _on_openvino(model: Checkpoint, network: Any, tiles: Tiling, precision: str) -> Predictor:
    import torch

    openvino = import_openvino()
    core = openvino.Core()
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    chosen = precision if precision != "auto" else "bf16" if native else "f32"
    example = torch.zeros(tiles.batch, model.spec.slices, *tiles.size)
    with torch.no_grad():  # tensors of inference_mode cannot be converted
        converted = openvino.convert_model(torch.export.export(network, (example,)))
    # Its default precision is bf16 where the CPU has it, silently.
    settings = {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY", **threads()}
    compiled = core.compile_model(converted, "CPU", settings)

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled(images)[0], np.float32)

    return Predictor(model, tiles, f"openvino cpu {chosen}", run)


def _on_torch(model: Checkpoint, network: Any, tiles: Tiling, device: str, precision: str) -> Predictor:
    import torch

    chosen = precision if precision != "auto" else "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "f32"
    network = network.to(device, memory_format=torch.channels_last)

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=chosen == "bf16"):
            return np.asarray(network(batch).float().cpu().numpy())

    return Predictor(model, tiles, f"torch {device} {chosen}", run)
