"""The scans of a store, one pair at a time: flat rows in memory, neighbourhoods in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from xctgraph.analysis.forecast import pair as pairs
from xctgraph.analysis.forecast import rows as flat
from xctgraph.analysis.forecast.columns import NODE, Target
from xctgraph.analysis.forecast.rows import Ints, Rows
from xctgraph.analysis.snapshots.loader import NeighbourLoader
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.analysis.snapshots.selection import Scan, Selection
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

HOPS = 2
SEEDS = 1024
"""Most candidates in a batch."""
KEPT = {"x", "edge_attr", "edge_index", "t", "row", "x_names", "edge_attr_names"}
"""What training needs of a batch."""


@dataclass(frozen=True)
class Candidates:
    """Those of one target in all scans: flat rows, and files with their neighbourhoods in the same order."""

    rows: Rows
    files: tuple[Path, ...]


def read(
    selection: Selection,
    targets: Sequence[Target],
    *,
    reach_um: float,
    share: float,
    folder: Path | None = None,
    progress: Progress = silent,
) -> dict[Target, Candidates]:
    """Candidates of the scans that have both a front and a successor.

    One pair of scans is in memory at a time, beside the rows.

    Parameters
    ----------
    selection
        Scans of any samples, each with all its features.
    reach_um
        Distance to the nearest site within which defects are candidates, µm.
    share
        Share of a front that moved everywhere that a site must leave behind to have advanced (`growth.Sites.judged`).
    folder
        For the files: a graph as of `pair.pair` each, cut to what reaches its candidates in two steps. These come first among
        the nodes of their type; `row` (k,) int64 says which rows they are. None are written where it is left out.

    Returns
    -------
    dict
        By target; one without any candidate is left out.

    Raises
    ------
    InputError
        If no scan has both a front and a successor.
    """
    torch, _ = require_pyg()
    parts: dict[Target, list[Rows]] = {target: [] for target in targets}
    files: dict[Target, list[Path]] = {target: [] for target in targets}
    count = dict.fromkeys(targets, 0)
    for k, (data, threshold) in enumerate(_graphs(selection)):
        progress("reading scans", k, len(selection.scans))
        for target in targets:
            picked = flat.chosen(data, target, reach_um)
            if not len(picked):
                continue
            parts[target].append(
                _rows(data, target, selection.samples, picked, flat.outcome(data, target, picked, threshold, share))
            )
            if folder is not None:
                for batch in NeighbourLoader(data, [-1] * HOPS, (NODE[target], torch.from_numpy(picked)), batch_size=SEEDS):
                    size = batch[NODE[target]].batch_size
                    batch.row = torch.arange(count[target], count[target] + size)
                    count[target] += size
                    files[target].append(_kept(batch, folder / f"{target}_{len(files[target]):06d}.pt"))
    if not any(parts.values()):
        raise InputError(_nothing(selection))
    return {target: Candidates(flat.joined(found), tuple(files[target])) for target, found in parts.items() if found}


def _graphs(selection: Selection) -> Iterator[tuple[HeteroData, float]]:
    """Graph of each scan that has a front and a successor, sites with the number of their piece of `front`; the threshold."""
    torch, _ = require_pyg()
    source = selection.source
    kinds: set[str] = set()
    for scan in selection.scans:
        kinds |= set(pc.unique(source.read("features", ["kind"], **scan.where)["kind"]).to_pylist())
    known = tuple(sorted(kinds - {pairs.FRACTURE}))
    for before, scan in zip((None, *selection.scans), selection.scans, strict=False):
        sites = source.read("front_sites", ["site_id", "feature_id", "front"], **scan.where).sort_by("site_id")
        if scan.next is None or not sites.num_rows:
            continue
        (row,) = source.read("scans", ["near_gap", "front_radius", "front_threshold"], **scan.where).to_pylist()
        own = replace(selection, scans=(scan,))
        if before is not None and (before.sample, before.t) == (scan.sample, scan.previous):
            own = replace(selection, scans=(before, scan))
        data = pairs.pair(own, kinds=known, near_gap=row["near_gap"], front_radius=row["front_radius"] or 0.0)
        piece = np.column_stack([sites["feature_id"].to_numpy(), sites["front"].to_numpy().astype(np.int64)])
        number = np.unique(piece, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
        node = data[pairs.SITES]
        front = np.full(node.num_nodes, -1)
        here = node.t.numpy() == scan.t
        front[here] = number[np.searchsorted(sites["site_id"].to_numpy(), node.key.numpy()[here])]
        node.front = torch.from_numpy(front)
        yield data, row["front_threshold"] or 0.0


def _rows(data: HeteroData, target: Target, samples: tuple[str, ...], picked: Ints, y: Any) -> Rows:
    node = data[NODE[target]]
    n = len(picked)
    return Rows(
        target=target,
        names=tuple(data.x_names[NODE[target]]),
        samples=samples,
        x=node.x.numpy()[picked],
        y=y,
        sample=np.full(n, samples.index(data.sample)),
        t=np.full(n, data.t),
        key=node.key.numpy()[picked],
        track=(node.track_id if target == "swallowed" else node.key).numpy()[picked],
        pos=node.pos.numpy()[picked],
    )


def _kept(batch: HeteroData, path: Path) -> Path:
    """Write what training needs of a batch."""
    torch, _ = require_pyg()
    for store in batch.stores:
        for key in set(store.keys()) - KEPT:
            del store[key]
    torch.save(batch, path)
    return path


def _nothing(selection: Selection) -> str:
    scans: Sequence[Scan] = selection.scans
    n = sum(scan.next is not None for scan in scans)
    if not n:
        which = "the only scan has no" if len(scans) == 1 else f"none of {len(scans)} scans has a"
        return (
            f"{which} successor, and what happens by the next scan is known only where there is one: "
            "ingest more scans of a sample"
        )
    if not any(selection.source.read("front_sites", ["site_id"], **scan.where).num_rows for scan in scans):
        return (
            "the store has no front sites, and a forecast is about the fronts of fractures: `xctgraph query "
            "counts-and-volume-fraction` tells whether there is a fracture; scans that were stored before fronts were found get "
            "them with `ingest --replace`"
        )
    return f"nothing to forecast in {n} pairs of scans: no scan has both a front and a successor"
