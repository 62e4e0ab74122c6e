"""The scans of a store, one pair at a time: flat rows in memory, neighbourhoods in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from xctgraph.analysis.forecast import pair as pairs
from xctgraph.analysis.forecast import rows as flat
from xctgraph.analysis.forecast.columns import NODE, Target
from xctgraph.analysis.forecast.rows import Ints, Rows
from xctgraph.analysis.snapshots import selection
from xctgraph.analysis.snapshots.loader import NeighbourLoader
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

HOPS = 2
SEEDS = 1024
"""Most candidates in a batch."""


@dataclass(frozen=True)
class Asked:
    """What to read: samples, distance of the farthest defect that is asked about, share of a front (`growth.Sites.judged`)."""

    samples: tuple[str, ...]
    reach_um: float
    share: float


def read(store: Store, target: Target, asked: Asked, folder: Path | None, progress: Progress = silent) -> tuple[Rows, list[Path]]:
    """Rows of all scans; and files with the neighbourhoods of their candidates, in the same order, where `folder` is given.

    A file has a graph as of `pair.pair`, cut to what reaches its candidates in two steps; these come first among the nodes of
    their type, and `row` (k,) int64 says which rows they are. One pair of scans is in memory at a time.

    Raises
    ------
    InputError
        If no scan has both a front and a successor.
    """
    torch, _ = require_pyg()
    parts: list[Rows] = []
    files: list[Path] = []
    n = 0
    scans = selection.select(store, samples=list(asked.samples)).scans
    for k, (data, threshold) in enumerate(_graphs(store, asked, scans)):
        progress(f"reading scans for {target}", k, len(scans))
        picked = flat.chosen(data, target, asked.reach_um)
        if not len(picked):
            continue
        parts.append(_rows(data, target, asked, picked, threshold))
        if folder is not None:
            loader = NeighbourLoader(data, [-1] * HOPS, (NODE[target], torch.from_numpy(picked)), batch_size=SEEDS)
            for batch in loader:
                count = batch[NODE[target]].batch_size
                batch.row = torch.arange(n, n + count)
                n += count
                files.append(_kept(batch, folder, len(files)))
    if not parts:
        raise InputError(_nothing(store, scans, target))
    return flat.joined(parts), files


def _graphs(store: Store, asked: Asked, scans: Sequence[selection.Scan]) -> Iterator[tuple[HeteroData, float]]:
    """Graph of each scan that has a front and a successor, sites with the number of their piece of `front`; the threshold."""
    torch, _ = require_pyg()
    kinds: set[str] = set()
    for scan in scans:
        kinds |= set(pc.unique(store.read("features", sample=scan.sample, t=scan.t, columns=["kind"])["kind"]).to_pylist())
    known = tuple(sorted(kinds - {pairs.FRACTURE}))
    for sample in asked.samples:
        described = {row["t"]: row for row in store.read("scans", sample=sample).to_pylist()}
        for scan in (scan for scan in scans if scan.sample == sample and scan.next is not None):
            sites = store.read("front_sites", sample=sample, t=scan.t, columns=["site_id", "feature_id", "front"]).sort_by("site_id")
            if not sites.num_rows:
                continue
            row = described[scan.t]
            data = pairs.pair(
                store, sample, [scan.t] if scan.previous is None else [scan.previous, scan.t],
                kinds=known, near_gap=row["near_gap"], front_radius=row["front_radius"] or 0.0,
            )  # fmt: skip
            piece = np.column_stack([sites["feature_id"].to_numpy(), sites["front"].to_numpy().astype(np.int64)])
            number = np.unique(piece, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
            node = data[pairs.SITES]
            front = np.full(node.num_nodes, -1)
            own = node.t.numpy() == scan.t
            front[own] = number[np.searchsorted(sites["site_id"].to_numpy(), node.key.numpy()[own])]
            node.front = torch.from_numpy(front)
            yield data, row["front_threshold"] or 0.0


def _rows(data: HeteroData, target: Target, asked: Asked, picked: Ints, threshold: float) -> Rows:
    node = data[NODE[target]]
    n = len(picked)
    return Rows(
        target=target,
        names=tuple(data.x_names[NODE[target]]),
        samples=asked.samples,
        x=node.x.numpy()[picked],
        y=flat.outcome(data, target, picked, threshold, asked.share),
        sample=np.full(n, asked.samples.index(data.sample)),
        t=np.full(n, data.t),
        key=node.key.numpy()[picked],
        track=(node.track_id if target == "swallowed" else node.key).numpy()[picked],
        pos=node.pos.numpy()[picked],
    )


def _kept(batch: HeteroData, folder: Path, number: int) -> Path:
    """Write what training needs of a batch."""
    torch, _ = require_pyg()
    for store in batch.stores:
        for key in ("n_id", "e_id", "input_id", "front", "key", "pos", "track_id", "swallowed", "advance_um", "here", "direction"):
            if key in store:
                del store[key]
    path = folder / f"{number:05d}.pt"
    torch.save(batch, path)
    return path


def _nothing(store: Store, scans: Sequence[selection.Scan], target: Target) -> str:
    n = sum(scan.next is not None for scan in scans)
    if not n:
        return f"{len(scans)} scan(s), none with a successor: what happens by the next scan is known only where there are two of a sample"
    if not sum(store.read("front_sites", sample=sample, columns=["site_id"]).num_rows for sample in {scan.sample for scan in scans}):
        return (
            "the store has no front sites: a forecast is about the fronts of fractures; `xctgraph query counts-and-volume-fraction` "
            "tells whether there is a fracture, and scans stored before fronts were found get them with `ingest --replace`"
        )
    return f"no candidate for {target!r} in {n} pairs of scans: no front in a scan that has a successor"
