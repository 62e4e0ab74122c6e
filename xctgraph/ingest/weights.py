"""Weights of networks: from the hub, or from files."""

from __future__ import annotations

import contextlib
import difflib
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from torch import nn


def from_hub(name: str, make: Callable[[], Any], remedy: str) -> Any:
    """Make a network whose weights come from the hub, or from its cache.

    Raises
    ------
    InputError
        If they could not be had; `remedy` says what to do where the hub cannot be reached.
    """
    with _quiet_hub():
        try:
            return make()
        except Exception as error:  # every library of the hub has errors of its own
            raise InputError(f"weights of {name!r} could not be had ({first_line(error)}): {remedy}") from error


@contextlib.contextmanager
def _quiet_hub() -> Iterator[None]:
    """Its errors are said once, by us."""
    loggers = [logging.getLogger(), logging.getLogger("huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def read_state(path: Path, name: str) -> dict[str, Any]:
    """Read a state dict of the network `name`, as `torch.save` or safetensors write it.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and safetensors each have errors of their own
        raise InputError(f"weights {path} cannot be read ({first_line(error)}): a state dict of {name!r} is wanted") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"weights {path} hold no state dict: save module.state_dict() of {name!r}")
    return state


def load_state(module: nn.Module, state: dict[str, Any], origin: str, name: str) -> None:
    """Load a state dict into the network `name`; what belongs to a head of other classes may be left over.

    Raises
    ------
    InputError
        If a tensor is missing or has another shape.
    """
    own = module.state_dict()
    lacking = [key for key in own if key not in state]
    unlike = [key for key in own if key in state and own[key].shape != state[key].shape]
    if lacking or unlike:
        key = (lacking or unlike)[0]
        what = "is missing" if lacking else f"has shape {tuple(state[key].shape)}, not {tuple(own[key].shape)}"
        raise InputError(
            f"weights {origin} are not those of {name!r}: {key} {what} ({len(lacking) + len(unlike)} of {len(own)} tensors "
            "don't fit): name the model they belong to"
        )
    module.load_state_dict({key: state[key] for key in own})


def like(name: str, valid: Iterable[str]) -> str:
    """A hint at names that are spelt alike."""
    close = difflib.get_close_matches(name, list(valid), n=3)
    return f": did you mean {' or '.join(map(repr, close))}?" if close else ""


def first_line(error: BaseException) -> str:
    """What an error says, shortly."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
