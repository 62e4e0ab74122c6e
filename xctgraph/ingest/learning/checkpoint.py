"""Files of a training: the model with its card, and the state from which a run goes on."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from xctgraph.ingest.learning.spec import Spec, from_json
from xctgraph.ingest.weights import first_line
from xctgraph.store.errors import InputError, StoreUnwritable
from xctgraph.store.files import NO_SPACE, sync

FORMAT = 1
MODEL, LAST = "model.pt", "last.pt"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and what is known of it.

    Attributes
    ----------
    spec : Spec
    card : dict
        The model card: classes, voxel size, normalisation, slices it was trained on, metrics, versions.
    state : dict
        State dict of the network.
    digest : str
        SHA-256 of spec, classes and weights: what decides every prediction.
    """

    spec: Spec
    card: dict[str, Any]
    state: dict[str, Any]
    digest: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the first is the background."""
        return tuple(self.card["classes"])


def save(path: Path, spec: Spec, card: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a model; the file appears whole or not at all."""
    write(path, {"format": FORMAT, "spec": spec.to_json(), "card": card, "state": state})


def load(path: Path) -> Checkpoint:
    """Read a model.

    Raises
    ------
    InputError
        If the file is not there, damaged, or no model of `xctgraph train`.
    """
    held = read(path)
    if held is None:
        raise InputError(f"there is no model {path}: train one with xctgraph train JOB, or name its {MODEL}")
    if held.get("format") != FORMAT or not {"spec", "card", "state"} <= set(held):
        raise InputError(
            f"{path} is no model that this version can read (format {held.get('format')!r}, known is {FORMAT}): name the "
            f"{MODEL} that xctgraph train has written"
        )
    spec = from_json(held["spec"], str(path))
    return Checkpoint(spec, held["card"], held["state"], _digest(spec, held["card"], held["state"]))


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a file of torch beside, wait until it is on the disk, and rename it.

    Raises
    ------
    StoreUnwritable
        If no space is left: the file of before stays.
    """
    beside = path.with_name(f".{path.name}.part")
    buffer = io.BytesIO()
    torch.save(content, buffer)
    try:
        beside.write_bytes(buffer.getbuffer())
        sync(beside)
        beside.replace(path)
        sync(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        if error.errno in NO_SPACE:
            raise StoreUnwritable(
                f"no space is left for {path} ({buffer.tell() / 1e6:.0f} MB): what was written before stays; make room "
                "and run the same command again, it goes on there"
            ) from error
        raise


def read(path: Path) -> dict[str, Any] | None:
    """Read a file of torch; None if there is none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        # Its own check of the archive: torch reads some damaged tensors without a word.
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        found = torch.load(path, map_location="cpu", weights_only=True) if broken is None else None
    except Exception as error:  # zip and pickle have errors of their own
        raise InputError(f"{path} is damaged ({first_line(error)}): restore it, or train again in another folder") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged or no file of xctgraph train: restore it, or train again in another folder")
    return found


def _digest(spec: Spec, card: dict[str, Any], state: dict[str, Any]) -> str:
    found = hashlib.sha256(repr((spec.architecture, spec.encoder, spec.slices, spec.width, card["classes"])).encode())
    for key, value in state.items():
        found.update(key.encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
