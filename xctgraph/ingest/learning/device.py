"""Where a network computes, and how exactly."""

from __future__ import annotations

import torch

from xctgraph.ingest.learning.spec import Spec
from xctgraph.store.errors import InputError


def device_of(spec: Spec) -> torch.device:
    """The device of a spec.

    Raises
    ------
    InputError
        If this machine lacks it.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = next(name for name in there if there[name]) if spec.device == "auto" else spec.device
    if not there[name]:
        raise InputError(f"device {name!r} is not there: valid here are {', '.join(name for name in there if there[name])}")
    return torch.device(name)


def precision_of(spec: Spec, device: torch.device) -> torch.dtype:
    """Type that products are computed in; weights are kept in float32.

    Raises
    ------
    InputError
        If the device cannot.
    """
    if spec.precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if spec.precision == "f16" and device.type == "cpu":
        raise InputError("precision 'f16' needs a GPU: give bf16 or f32 on a CPU")
    return {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[spec.precision]
