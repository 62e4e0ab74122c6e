"""Training: from annotated slices to a model; a run that was cut off goes on as if it had not been."""

from __future__ import annotations

import csv
import math
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import xctgraph
from xctgraph.ingest.learning import checkpoint, metrics, split
from xctgraph.ingest.learning.annotated import Annotated, Example
from xctgraph.ingest.learning.batches import Batches
from xctgraph.ingest.learning.device import device_of, precision_of
from xctgraph.ingest.learning.losses import loss
from xctgraph.ingest.learning.network import build
from xctgraph.ingest.learning.spec import Spec
from xctgraph.ingest.learning.tiles import Floats, blended, tiling
from xctgraph.store.errors import InputError, XctGraphError
from xctgraph.store.progress import Progress, silent

CURVES = "curves.csv"
COLUMNS = ("step", "epoch", "loss", "rate", "validation_f1", "validation_miou")
_SAVE_SECONDS = 30.0


class DeviceLost(XctGraphError, RuntimeError):
    """The GPU failed while training: what was saved before stays."""


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    path : Path
        The model.
    card : dict
        Its model card, with the scores on the test slices.
    """

    path: Path
    card: dict[str, Any]


def train(
    annotated: Annotated,
    spec: Spec,
    folder: Path,
    *,
    parts: split.Split | None = None,
    progress: Progress = silent,
    tensorboard: bool = False,
) -> Trained:
    """Train a network on annotated slices.

    After each epoch the validation slices are segmented; the state with the largest mean F1 over all classes but the background
    is kept (the last one where there are none), and scored on the test slices at the end. `folder` gets `model.pt`, `last.pt`
    (the state to go on from) and `curves.csv`. Each step draws its crops from the seed and its own number: a run that was killed
    and goes on ends with the very numbers of one that was not, on the same machine.

    Raises
    ------
    InputError
        If the folder holds a training with another spec or other slices, or nothing can be trained.
    StoreUnwritable
        If no space is left for the state: the one before stays.
    DeviceLost
        If the GPU failed: the same command goes on from the last state.
    """
    parts = parts or split.split(annotated.examples, seed=spec.seed)
    by_name = {example.name: example for example in annotated.examples}
    examples = [by_name[name] for name in parts.train]
    if not any(example.target.any() for example in examples):
        raise InputError(
            f"the {len(examples)} training slices show background only: annotate more slices, or take another seed for the split"
        )
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(annotated, spec, parts, examples, folder)
    try:
        run.go(progress, tensorboard=tensorboard)
        return run.finish([by_name[name] for name in parts.test])
    except RuntimeError as error:
        if isinstance(error, XctGraphError) or run.device.type == "cpu" or not _is_of_device(error):
            raise
        raise DeviceLost(
            f"the {run.device.type} device failed at step {run.step} ({str(error).splitlines()[0][:200]}): run the same command "
            "again, it goes on from the last state; with --batch smaller if the memory was too small"
        ) from error


def _is_of_device(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError | torch.AcceleratorError) or "CUDA" in str(error) or "MPS" in str(error)


class _Run:
    def __init__(self, annotated: Annotated, spec: Spec, parts: split.Split, examples: list[Example], folder: Path) -> None:
        self._annotated, self._spec, self._parts, self._folder = annotated, spec, parts, folder
        self._validation = [example for example in annotated.examples if example.name in set(parts.validation)]
        self.device = device_of(spec)
        self._dtype = precision_of(spec, self.device)
        self._batches = Batches(examples, spec, len(annotated.classes))
        self._steps = spec.steps or spec.epochs * self._batches.steps_of_epoch
        self._spec_facts = spec.to_json() | {"device": "", "precision": str(self._dtype)}
        self._settings: dict[str, Any] = {
            "spec": self._spec_facts,
            "slices": annotated.digest,
            "split": [list(part) for part in (parts.train, parts.validation, parts.test)],
        }
        held = self._held()
        torch.manual_seed(spec.seed)
        self.network: nn.Module = build(spec, len(annotated.classes), load_weights=held is None).to(self.device)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=spec.rate, weight_decay=spec.decay)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._dtype == torch.float16)
        self.step, self._best, self._rows = 0, -1.0, list[dict[str, Any]]()
        if held is not None:
            self.network.load_state_dict(held["network"])
            self._optimiser.load_state_dict(held["optimiser"])
            self._scaler.load_state_dict(held["scaler"])
            self.step, self._best, self._rows = held["step"], held["best"], held["rows"]

    def _held(self) -> dict[str, Any] | None:
        held = checkpoint.read(self._folder / checkpoint.LAST)
        if held is not None and held.get("settings") != self._settings:
            there, spec = held.get("settings", {}), self._spec_facts
            before = there.get("spec", {})
            other = [f"{key} {before.get(key)!r}, now {value!r}" for key, value in spec.items() if before.get(key) != value]
            other += [name for name in ("slices", "split") if there.get(name) != self._settings[name]]
            raise InputError(
                f"{self._folder} holds a training made in another way ({'; '.join(other)}): give another folder, or remove it"
            )
        return held

    def go(self, progress: Progress, *, tensorboard: bool) -> None:
        """Train to the end."""
        board = _board(self._folder) if tensorboard else None
        self.network.train()
        saved, total, counted = time.monotonic(), torch.zeros((), device=self.device), 0
        while self.step < self._steps:
            rate = self._spec.rate * 0.5 * (1 + math.cos(math.pi * self.step / self._steps))
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            total += self._step()
            counted += 1
            self.step += 1
            if self.step % self._batches.steps_of_epoch and self.step < self._steps:
                continue
            mean, total, counted = float(total) / counted, torch.zeros((), device=self.device), 0
            if not math.isfinite(mean):
                raise InputError(
                    f"the loss is {mean} at step {self.step}: it has diverged; give a smaller --rate than {self._spec.rate:g} in "
                    "another folder, or precision f32"
                )
            scores = self._validate()
            epoch = -(-self.step // self._batches.steps_of_epoch)
            row = {"step": self.step, "epoch": epoch, "loss": mean, "rate": rate, **scores}
            self._rows.append(row)
            if board is not None:
                for name, value in row.items():
                    if name not in ("step", "epoch") and value is not None:
                        board.add_scalar(name, value, self.step)
            f1, last = scores["validation_f1"], self.step >= self._steps
            better = last if f1 is None else f1 > self._best
            if better:
                self._best = f1 or 0.0
                checkpoint.save(self._folder / checkpoint.MODEL, self._spec, self._card(), _on_cpu(self.network.state_dict()))
            if better or last or time.monotonic() - saved > _SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
            said = "" if f1 is None else f", F1 {f1:.3f}"
            progress(f"training: loss {mean:.3f}{said}", self.step, self._steps)
        if board is not None:
            board.close()

    def _step(self) -> torch.Tensor:
        grey, target, weight = (torch.from_numpy(part).to(self.device) for part in self._batches.draw(self.step))
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits = self.network(grey)
        found = loss(self._spec.loss, logits, target, weight)
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(found).backward()
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return found.detach()

    def _validate(self) -> dict[str, float | None]:
        if not self._validation:
            return {"validation_f1": None, "validation_miou": None}
        counts = self._counts(self._validation)
        return {
            "validation_f1": float(np.nan_to_num(metrics.mean_f1(counts))),
            "validation_miou": float(np.nanmean(metrics.scores(counts)["iou"])),
        }

    def _counts(self, examples: list[Example]) -> metrics.Counts:
        n = len(self._annotated.classes)
        total = np.zeros((n, n), np.int64)
        for one, mask in zip(examples, self._masks(examples), strict=True):
            total += metrics.confusion(one.target, mask, n)
        return total

    def _masks(self, examples: list[Example]) -> list[metrics.Mask]:
        def run(tiles: Floats) -> Floats:
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
                return np.asarray(self.network(torch.from_numpy(tiles).to(self.device)).softmax(dim=1).float().cpu().numpy())

        self.network.eval()
        with torch.inference_mode():
            n = len(self._annotated.classes)
            found = [
                blended(run, one.scaled()[None], tiling((one.target.shape[0], one.target.shape[1])), n)[0] for one in examples
            ]
        self.network.train()
        return [shares.argmax(axis=0).astype(np.uint8) for shares in found]

    def _save(self) -> None:
        content = {
            "settings": self._settings, "step": self.step, "best": self._best, "rows": self._rows,
            "network": _on_cpu(self.network.state_dict()), "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
        }  # fmt: skip
        checkpoint.write(self._folder / checkpoint.LAST, content)
        with (self._folder / CURVES).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self._rows)

    def _card(self) -> dict[str, Any]:
        return {
            "classes": list(self._annotated.classes),
            "voxel_size_um": self._annotated.voxel_size_um and list(self._annotated.voxel_size_um),
            "normalisation": "grey values of a scan between its percentiles 0.5 and 99.5 become 0 to 1",
            "slices": self._annotated.digest,
            "split": dict(zip(("train", "validation", "test"), self._settings["split"], strict=True)),
            "annotated": sum(example.annotated for example in self._annotated.examples),
            "pseudo": sum(not example.annotated for example in self._annotated.examples),
            "step": self.step,
            "steps": self._steps,
            "device": str(self.device)
            if self.device.type == "cpu"
            else torch.cuda.get_device_name()
            if self.device.type == "cuda"
            else "mps",
            "precision": str(self._dtype).removeprefix("torch."),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {"xctgraph": xctgraph.__version__, "torch": str(torch.__version__), "python": platform.python_version()},
        }

    def finish(self, test: list[Example]) -> Trained:
        """Score the best state on the test slices, and write that into its card."""
        path = self._folder / checkpoint.MODEL
        model = checkpoint.load(path)
        card = model.card
        if "test" not in card:
            self.network.load_state_dict(model.state)
            scored = None
            if test:
                scored = metrics.evaluate([one.target for one in test], self._masks(test), self._annotated.classes)
            card = card | {"test": scored, "trained_steps": self.step}
            checkpoint.save(path, self._spec, card, model.state)
        return Trained(path, card)


def _on_cpu(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu().clone() for key, value in state.items()}


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install tensorboard, or read curves.csv") from error
    return SummaryWriter(str(folder / "tensorboard"))
