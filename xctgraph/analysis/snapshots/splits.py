"""Training, validation and test: masks on the nodes of snapshots, so that no track is in two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.store.errors import InputError, nearest

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

SPLITS = ("train", "val", "test")
NONE = -1

Shares = tuple[float, float, float]


def by_sample(graphs: Sequence[HeteroData], *, val: Sequence[str], test: Sequence[str]) -> None:
    """Whole samples to validation and test, all others to training.

    Sets `train_mask`, `val_mask`, `test_mask` (n,) bool on every node type of `graphs`.

    Raises
    ------
    InputError
        If a sample is unknown, or in both.
    """
    known = {graph.sample for graph in graphs}
    split_of = dict.fromkeys(known, 0)
    for split, names in ((1, val), (2, test)):
        for name in names:
            if name not in known:
                raise InputError(f"no graph is of sample {name!r}: {nearest(name, known)}")
            if split_of[name]:
                raise InputError(f"sample {name!r} cannot be in validation and test at once: name it in one")
            split_of[name] = split
    for graph in graphs:
        for name in graph.node_types:
            _mark(graph, name, np.full(graph[name].num_nodes, split_of[graph.sample]))


def by_time(graphs: Sequence[HeteroData], *, shares: Shares = (0.6, 0.2, 0.2), seed: int) -> None:
    """The first scans of each sample to training, then validation, the last to test.

    A track that spans several periods belongs to that of one of its nodes, drawn at random; its other nodes are in no split.
    Front sites and regions have no track: they belong to the period of their scan. Sets masks as `by_sample`.

    Parameters
    ----------
    graphs
        One per scan, as `pyg` gives them.
    shares
        Of the scans of each sample, by number.
    seed
        Of the draw.

    Raises
    ------
    InputError
        If the shares are not three that add up to 1, or a sample has fewer scans than periods.
    """
    _check(shares)
    period: dict[tuple[str, int], int] = {}
    for sample in dict.fromkeys(graph.sample for graph in graphs):
        scans = sorted({graph.t for graph in graphs if graph.sample == sample})
        counts = _counts(len(scans), shares, f"scans of sample {sample!r}")
        period |= {(sample, t): split for t, split in zip(scans, np.repeat(range(3), counts).tolist(), strict=True)}
    rng = np.random.default_rng(seed)
    tracks, periods = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for graph in graphs:
        for name in _tracked(graph):
            tracks.append(graph[name].track_id.numpy())
            periods.append(np.full(len(tracks[-1]), period[graph.sample, graph.t]))
    track, of_node = np.concatenate(tracks), np.concatenate(periods)
    drawn = rng.permutation(len(track))
    held, first = np.unique(track[drawn], return_index=True)
    split = of_node[drawn][first]
    for graph in graphs:
        here = period[graph.sample, graph.t]
        for name in graph.node_types:
            marked = np.full(graph[name].num_nodes, here)
            if name in _tracked(graph):
                own = split[np.searchsorted(held, graph[name].track_id.numpy())]
                marked = np.where(own == here, here, NONE)
            _mark(graph, name, marked)


def by_block(
    graphs: Sequence[HeteroData],
    *,
    blocks: tuple[int, int, int] = (1, 4, 4),
    shares: Shares = (0.6, 0.2, 0.2),
    margin: float = 0.0,
    seed: int,
) -> None:
    """Blocks of the sample to training, validation and test at random; a track belongs to the block of its first feature.

    Neighbours across the face of a block see each other through NEAR: a `margin` of the largest gap keeps them apart. Front
    sites and regions belong to the block of their own position. Sets masks as `by_sample`.

    Parameters
    ----------
    graphs
        One per scan in the order of time, as `pyg` gives them. "First" is the first of these.
    blocks
        Number along z, y, x of the box around all positions of a sample.
    shares
        Of the blocks of each sample, by number.
    margin
        Distance from a face between two blocks of different splits within which nodes are in none, µm.
    seed
        Of the assignment.

    Raises
    ------
    InputError
        If the shares are not three that add up to 1, or there are fewer blocks than splits.
    """
    _check(shares)
    counts = _counts(int(np.prod(blocks)), shares, "blocks")
    rng = np.random.default_rng(seed)
    for sample in dict.fromkeys(graph.sample for graph in graphs):
        of_sample = [graph for graph in graphs if graph.sample == sample]
        split = rng.permutation(np.repeat(range(3), counts)).reshape(blocks)
        positions = [graph[name].pos.numpy() for graph in of_sample for name in graph.node_types if graph[name].num_nodes]
        if not positions:
            continue
        corner = np.min([p.min(axis=0) for p in positions], axis=0).astype(np.float64)
        size = (np.max([p.max(axis=0) for p in positions], axis=0) - corner) / blocks
        size[size == 0] = 1
        track = np.concatenate([np.empty(0, np.int64), *(g[n].track_id.numpy() for g in of_sample for n in _tracked(g))])
        pos = np.concatenate([np.empty((0, 3)), *(g[n].pos.numpy() for g in of_sample for n in _tracked(g))])
        held, first = np.unique(track, return_index=True)
        of_track = _split_of(pos[first], corner, size, split, margin)
        for graph in of_sample:
            for name in graph.node_types:
                if name in _tracked(graph):
                    _mark(graph, name, of_track[np.searchsorted(held, graph[name].track_id.numpy())])
                else:
                    _mark(graph, name, _split_of(graph[name].pos.numpy().astype(np.float64), corner, size, split, margin))


def _split_of(
    pos: NDArray[np.float64],
    corner: NDArray[np.float64],
    size: NDArray[np.float64],
    split: NDArray[np.int64],
    margin: float,
) -> NDArray[np.int64]:
    """Split of each position (n, 3), -1 within `margin` of a block of another split."""
    top = np.array(split.shape) - 1

    def at(where: NDArray[np.float64]) -> NDArray[np.int64]:
        z, y, x = np.floor((where - corner) / size).astype(np.int64).clip(0, top).T
        found: NDArray[np.int64] = split[z, y, x]
        return found

    found = at(pos)
    for offset in np.stack(np.meshgrid(*[(-margin, 0.0, margin)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) if margin else ():
        found = np.where(at(pos + offset) == found, found, NONE)
    return found


def _tracked(graph: HeteroData) -> list[str]:
    return [name for name in graph.node_types if "track_id" in graph[name]]


def _mark(graph: HeteroData, name: str, split: NDArray[np.int64]) -> None:
    torch, _ = require_pyg()
    for number, word in enumerate(SPLITS):
        graph[name][f"{word}_mask"] = torch.from_numpy(split == number)


def _check(shares: Sequence[float]) -> None:
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise InputError(f"shares {tuple(shares)} must be three of at least 0 that add up to 1, as in (0.6, 0.2, 0.2)")


def _counts(n: int, shares: Sequence[float], what: str) -> list[int]:
    """`n` things dealt out by shares, at least one where the share is above 0; the rest goes to training."""
    wanted = [max(1, round(n * share)) if share else 0 for share in shares]
    wanted[0] = n - wanted[1] - wanted[2]
    if wanted[0] < (1 if shares[0] else 0):
        raise InputError(f"{n} {what} are too few for shares of {tuple(shares)}: each split needs one")
    return wanted
