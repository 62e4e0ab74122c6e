"""What a network runs on: OpenVINO on CPUs where it is installed, torch elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.inference import import_openvino, threads
from xctgraph.ingest.sampling.models import Model
from xctgraph.ingest.sampling.resample import resample
from xctgraph.store.errors import InputError

Runtime = Literal["auto", "openvino", "torch"]
RUNTIMES: tuple[Runtime, ...] = ("auto", "openvino", "torch")
Precision = Literal["auto", "f32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "f32", "bf16")
BATCH = 16


@dataclass(frozen=True)
class Embedder:
    """Slices to embeddings.

    Attributes
    ----------
    model : Model
    description : str
        Runtime, device and precision, such as ``openvino cpu bf16``.
    """

    model: Model
    description: str
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def __call__(self, planes: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
        """Embed slices (n, y, x): grey values `low` to `high` become 0 to 1, what lies beyond is cut off.

        Returns
        -------
        ndarray of float32, shape (n, columns)
        """
        grey = np.clip((resample(planes, self.model.edge) - low) / (high - low), 0, 1)
        mean, std = (np.array(values, np.float32)[:, None, None] for values in (self.model.mean, self.model.std))
        found = []
        for start in range(0, len(grey), BATCH):
            part = grey[start : start + BATCH]
            images = np.zeros((BATCH, 3, *part.shape[1:]), np.float32)
            images[: len(part)] = (part[:, None] - mean) / std
            found.append(self.run(images)[: len(part)])
        return np.concatenate(found).astype(np.float32)


def embedder(model: Model, runtime: Runtime = "auto", *, precision: Precision = "auto") -> Embedder:
    """Make a network ready to run.

    Parameters
    ----------
    model : Model
    runtime
        ``auto``: torch on a GPU (CUDA or MPS), else OpenVINO, else torch.
    precision
        ``auto``: bf16 where the device computes in it natively, else f32.

    Raises
    ------
    InputError
        If the runtime or the precision is not known, or the runtime is not installed.
    """
    import torch

    if runtime not in RUNTIMES:
        raise InputError(f"runtime {runtime!r} is not known: {', '.join(RUNTIMES)}")
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not known: {', '.join(PRECISIONS)}")
    has_openvino = importlib.util.find_spec("openvino") is not None
    if runtime == "openvino" and not has_openvino:
        raise InputError("OpenVINO is not installed: pip install openvino, or take --runtime torch")
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if runtime == "openvino" or (runtime == "auto" and device == "cpu" and has_openvino):
        return _on_openvino(model, precision)
    return _on_torch(model, device, precision)


def _on_openvino(model: Model, precision: str) -> Embedder:
    import torch

    openvino = import_openvino()
    core = openvino.Core()
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    chosen = precision if precision != "auto" else "bf16" if native else "f32"
    edge = model.edge
    with torch.inference_mode():
        converted = openvino.convert_model(torch.export.export(model.module, (torch.zeros(BATCH, 3, edge, edge),)))
    # Its default precision is bf16 where the CPU has it, silently.
    compiled = core.compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": chosen, "PERFORMANCE_HINT": "LATENCY", **threads()}
    )

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled(images)[0], np.float32)

    return Embedder(model, f"openvino cpu {chosen}", run)


def _on_torch(model: Model, device: str, precision: str) -> Embedder:
    import torch

    chosen = precision if precision != "auto" else "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "f32"
    module = model.module.to(device, memory_format=torch.channels_last)

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=chosen == "bf16"):
            return np.asarray(module(batch).float().cpu().numpy())

    return Embedder(model, f"torch {device} {chosen}", run)
