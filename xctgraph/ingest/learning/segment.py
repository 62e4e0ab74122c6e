"""Masks of a whole series, block after block; a run that was cut off goes on, and several processes may share the work."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import zarr

from xctgraph.ingest import config, toml, volumes
from xctgraph.ingest.learning import checkpoint
from xctgraph.ingest.learning.predicted import Predicted
from xctgraph.ingest.learning.predictor import predictor
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.ingest.volumes.region import Region, resolve
from xctgraph.store.errors import InputError
from xctgraph.store.files import explained
from xctgraph.store.progress import Progress, silent

BLOCK = 16  # slices of a chunk, and of a piece of work
SETTINGS, DONE, DATASET = "segment.json", "done", "dataset.toml"


@dataclass(frozen=True)
class Options:
    """How a model is run: see `predictor` and `Predicted`."""

    model: Path
    runtime: str = "auto"
    precision: str = "auto"
    consistent: bool = True


@dataclass(frozen=True)
class _Piece:
    t: int
    path: str
    axes: str
    box: Box
    z0: int  # of the file
    z1: int


def segment(dataset: config.Dataset, options: Options, out: Path, *, workers: int = 1, progress: Progress = silent) -> Path:
    """Segment all scans of a dataset.

    `out` gets two Zarr volumes per scan, classes and confidence (the share of the class, 0 to 255), of the shape of the scan;
    and a `dataset.toml` that `xctgraph ingest` reads. What lies outside the region of interest is background.

    Parameters
    ----------
    dataset
        Its volumes, regions of interest and metadata; its own segmentation is not used.
    options, out
    workers
        Processes.

    Returns
    -------
    Path
        The dataset file.

    Raises
    ------
    InputError
        If the folder holds masks of another model or of other volumes, or the model cannot be read.
    VolumeError
        If a volume cannot be read, or has voxels that are not finite.
    StoreUnwritable
        If no space is left.
    """
    model = checkpoint.load(options.model)
    with explained(out, "the blocks that were finished stay"):
        pieces, settings = _plan(dataset, model, options)
        _begin(out, settings)
        for scan in dataset.scan:
            for kind in ("classes", "confidence"):
                _make(out / f"{kind}_t{scan.t:03d}.zarr", tuple(settings["scans"][str(scan.t)]["shape"]))
        left = [piece for piece in pieces if not _marker(out, piece).exists()]
        done = len(pieces) - len(left)
        for _ in _work(left, options, out, workers):
            done += 1
            progress("segmenting", done, len(pieces))
        kinds = dict(enumerate(model.classes[1:], 1))
        names = {kind: {scan.t: f"{kind}_t{scan.t:03d}.zarr" for scan in dataset.scan} for kind in ("classes", "confidence")}
        toml.write_segmented(out / DATASET, dataset, kinds, names["classes"], names["confidence"])
    return out / DATASET


def _plan(dataset: config.Dataset, model: checkpoint.Checkpoint, options: Options) -> tuple[list[_Piece], dict[str, Any]]:
    pieces, scans = [], {}
    for scan in sorted(dataset.scan, key=lambda scan: scan.t):
        with volumes.open_apart(scan.path, axes=dataset.sample.axes) as volume:
            box = resolve(dataset.roi(scan), volume.shape, scan.path)
            fingerprint = volumes.fingerprint(Region(volume, box))
            scans[str(scan.t)] = {"shape": list(volume.shape), "box": [list(side) for side in box], "volume": fingerprint}
        (first, last), _, _ = box
        # Cut where chunks of the result end, so that no two processes write into one.
        cuts = [first, *range(first - first % BLOCK + BLOCK, last, BLOCK), last]
        pieces += [_Piece(scan.t, scan.path, dataset.sample.axes, box, z0, z1) for z0, z1 in pairwise(cuts)]
    settings = {"model": model.digest, "classes": list(model.classes), "consistent": options.consistent, "scans": scans}
    return pieces, settings


def _begin(out: Path, settings: dict[str, Any]) -> None:
    path = out / SETTINGS
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        (out / DONE).mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        beside.replace(path)
        return
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): remove {out}, and segment again") from error
    other = [name for name in settings if held.get(name) != settings[name]]
    if other:
        raise InputError(f"{out} holds masks made in another way (other {', '.join(other)}): give another folder, or remove it")


def _make(path: Path, shape: tuple[int, ...]) -> None:
    if not (path / "zarr.json").exists():
        chunks = (min(BLOCK, shape[0]), *(min(n, 1024) for n in shape[1:]))
        zarr.create_array(store=path, shape=shape, chunks=chunks, dtype="uint8", overwrite=True)


def _work(pieces: list[_Piece], options: Options, out: Path, workers: int) -> Iterator[None]:
    if workers == 1 or len(pieces) <= 1:
        for piece in pieces:
            _segment_piece(piece, options, out)
            yield
        return
    # Not forked: OpenVINO and torch hold threads.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_segment_piece, piece, options, out) for piece in pieces]
        try:
            for future in futures:
                future.result()
                yield
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _segment_piece(piece: _Piece, options: Options, out: Path) -> None:
    opened = _opened(piece.t, piece.path, piece.axes, piece.box, options)
    (z_first, _), (y0, y1), (x0, x1) = piece.box
    found = opened.segment(piece.z0 - z_first, piece.z1 - z_first)
    for kind, values in zip(("classes", "confidence"), found, strict=True):
        target = zarr.open_array(out / f"{kind}_t{piece.t:03d}.zarr", mode="r+")
        target[piece.z0 : piece.z1, y0:y1, x0:x1] = values
    _marker(out, piece).touch()


@lru_cache(maxsize=1)
def _opened(t: int, path: str, axes: str, box: Box, options: Options) -> Predicted:
    """The volume and the model of the piece before, which mostly are those of the next."""
    region = Region(volumes.open_apart(path, axes=axes), box)
    return Predicted(region, _ready(options, region.shape[1:]), consistent=options.consistent, t=t)


@lru_cache(maxsize=1)
def _ready(options: Options, shape: tuple[int, int]) -> Any:
    return predictor(checkpoint.load(options.model), shape, options.runtime, options.precision)


def _marker(out: Path, piece: _Piece) -> Path:
    return out / DONE / f"t{piece.t:03d}_z{piece.z0:05d}"
