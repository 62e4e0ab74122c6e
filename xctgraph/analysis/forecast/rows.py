"""What is asked of each scan, as flat rows: the candidates, what is known of them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.forecast.columns import NODE, Target
from xctgraph.analysis.growth.sites import judged
from xctgraph.analysis.snapshots import splits
from xctgraph.analysis.snapshots.pyg import require_pyg

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Candidates of one target in all scans; row i of every array is candidate i.

    Attributes
    ----------
    target : str
    names : tuple of str
        Columns of `x`.
    samples : tuple of str
    x : (n, columns) float32
        Known at t; NaN where unknown.
    y : (n,) bool
        Whether it happened by the next scan.
    sample : (n,) int
        Number in `samples`.
    t : (n,) int
    key : (n,) int
        feature_id or site_id.
    track : (n,) int
        track_id; of a site its site_id, since a site lasts for one scan.
    pos : (n, 3) float
        z, y, x in µm of the first scan's frame.
    """

    target: Target
    names: tuple[str, ...]
    samples: tuple[str, ...]
    x: NDArray[np.float32]
    y: Bools
    sample: Ints
    t: Ints
    key: Ints
    track: Ints
    pos: Floats

    def __len__(self) -> int:
        return len(self.y)

    def columns(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Columns of `x` by name, (n, len(names))."""
        return self.x[:, [self.names.index(name) for name in names]]

    def shuffled(self, seed: int) -> Self:
        """The same candidates with the outcomes of each sample dealt out anew over its candidates and scans."""
        rng = np.random.default_rng([seed, 11])
        y = self.y.copy()
        for number in range(len(self.samples)):
            own = np.flatnonzero(self.sample == number)
            y[own] = y[rng.permutation(own)]
        return replace(self, y=y)

    def clusters(self, block_um: float) -> Ints:
        """Number of the cluster of each row, from 0: the block of its sample in which its track was first seen."""
        _, first, member = np.unique(self.track, return_index=True, return_inverse=True)
        place = np.floor(self.pos[first[member]] / block_um).astype(np.int64)
        found = np.unique(np.column_stack([self.sample, place]), axis=0, return_inverse=True)[1]
        return np.asarray(found, np.int64).reshape(-1)


def chosen(data: HeteroData, target: Target, reach_um: float) -> Ints:
    """Rows of the candidates in a graph of `pair.pair`: of the last scan, of known outcome, and within reach of the front."""
    node = data[NODE[target]]
    if target == "advanced":
        return np.flatnonzero(~np.isnan(node.advance_um.numpy()))
    ahead, beside = (node.x[:, data.x_names["defect"].index(name)].numpy() for name in ("ahead", "beside"))
    with np.errstate(invalid="ignore"):
        within = np.hypot(ahead, beside) <= reach_um
    return np.flatnonzero(within & ~np.isnan(node.swallowed.numpy()))


def outcome(data: HeteroData, target: Target, picked: Ints, threshold: float, share: float) -> Bools:
    """What became of the candidates `picked`; sites are judged within their piece of `front`, as `growth.Sites.judged` does."""
    node = data[NODE[target]]
    if target == "swallowed":
        return np.asarray(node.swallowed.numpy()[picked] > 0)
    return judged(node.advance_um.numpy()[picked].astype(np.float64), node.front.numpy()[picked], threshold, share)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "sample", "t", "key", "track", "pos")
    }
    return replace(parts[0], **arrays)


def split(rows: Rows, how: str, seed: int, margin: float) -> Ints:
    """0 for training, 1 for validation, 2 for test, -1 for none, of each row; see `snapshots.splits`.

    Parameters
    ----------
    how
        "time", "block" or "sample". Of samples, a fifth becomes validation and three tenths test, drawn at random.
    margin
        Of blocks: distance from a block of another split within which rows are in none, µm.
    """
    torch, geometric = require_pyg()
    graphs, places = [], []
    for number, t in np.unique(np.column_stack([rows.sample, rows.t]), axis=0):
        place = np.flatnonzero((rows.sample == number) & (rows.t == t))
        graph = geometric.HeteroData()
        graph.sample, graph.t = rows.samples[number], int(t)
        graph["row"].pos = torch.from_numpy(rows.pos[place])
        if rows.target == "swallowed":
            graph["row"].track_id = torch.from_numpy(rows.track[place])
        graph["row"].num_nodes = len(place)
        graphs.append(graph)
        places.append(place)
    if how == "time":
        splits.by_time(graphs, seed=seed)
    elif how == "block":
        splits.by_block(graphs, margin=margin, seed=seed)
    else:
        held = list(dict.fromkeys(graph.sample for graph in graphs))
        drawn = np.random.default_rng([seed, 13]).permutation(held).tolist()
        n_val, n_test = max(1, round(0.2 * len(held))), max(1, round(0.3 * len(held)))
        splits.by_sample(graphs, val=drawn[:n_val], test=drawn[n_val : n_val + n_test])
    found = np.full(len(rows), splits.NONE)
    for graph, place in zip(graphs, places, strict=True):
        for number, name in enumerate(splits.SPLITS):
            found[place[graph["row"][f"{name}_mask"].numpy()]] = number
    return found
