"""Neighbourhoods read from files one at a time, normalised by what training sees. Imports torch: import it where it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import HeteroData

from xctgraph.analysis.forecast.columns import NODE, Target
from xctgraph.analysis.forecast.rows import Bools
from xctgraph.analysis.snapshots.normalisation import Normalisation

CACHE = 2**28
"""Bytes of batches kept in memory; what is beyond is read again in each pass."""


class Batches:
    """The files of `scans.read`, normalised; row i of the study is in one of them.

    Parameters
    ----------
    files
    target
    train : (n,) bool
        Rows of the training: the normalisation is fitted on these and on what reaches them within the hops of a batch.
    shuffled
        Relation whose edges lead to other nodes of the same scan, drawn at random; None for none.
    """

    def __init__(
        self, files: Sequence[Path], target: Target, train: Bools, *, shuffled: str | None = None, seed: int = 0
    ) -> None:
        self._files, self._node, self._shuffled, self._seed = list(files), NODE[target], shuffled, seed
        self._held: dict[int, HeteroData] = {}
        self._room = CACHE
        self.rows = [_load(path).row for path in self._files]
        self._normal = Normalisation.fit(
            _marked(_load(path), self._node, train)
            for path, rows in zip(self._files, self.rows, strict=True)
            if train[rows.numpy()].any()
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> HeteroData:
        if number in self._held:
            return self._held[number]
        data = self._normal.apply(_load(self._files[number]))
        for store in data.stores:
            for key in ("x", "edge_attr"):
                if key in store:
                    store[key] = store[key].nan_to_num(0.0)
        if self._shuffled is not None:
            _shuffle(data, self._shuffled, np.random.default_rng([self._seed, number]))
        size = sum(v.nbytes for store in data.stores for v in store.values() if isinstance(v, torch.Tensor))
        if size <= self._room:
            self._room -= size
            self._held[number] = data
        return data

    def of(self, chosen: Bools) -> list[int]:
        """Numbers of the batches that hold any of the rows."""
        return [k for k, rows in enumerate(self.rows) if chosen[rows.numpy()].any()]

    def each(self, order: Sequence[int]) -> Iterator[HeteroData]:
        """Batches in an order."""
        return (self[k] for k in order)


def _load(path: Path) -> HeteroData:
    data: HeteroData = torch.load(path, weights_only=False)
    return data


def _marked(data: HeteroData, node: str, train: Bools) -> HeteroData:
    """Mark what training sees: its candidates, and all that reaches them along edges."""
    seen = {name: torch.zeros(data[name].num_nodes, dtype=torch.bool) for name in data.node_types}
    seen[node][: len(data.row)] = torch.from_numpy(train[data.row.numpy()])
    for _ in range(2):
        grown = {name: mask.clone() for name, mask in seen.items()}
        for edge_type in data.edge_types:
            source, target = data[edge_type].edge_index
            grown[edge_type[0]][source[seen[edge_type[2]][target]]] = True
        seen = grown
    for name, mask in seen.items():
        data[name].train_mask = mask
    return data


def _shuffle(data: HeteroData, relation: str, rng: np.random.Generator) -> None:
    """Let each edge of a relation come from another source of the same scan; properties and degrees of the targets stay."""
    for edge_type in [e for e in data.edge_types if e[1] == relation]:
        source, target = data[edge_type].edge_index.clone()
        t = data[edge_type[0]].t[source]
        for scan in t.unique():
            rows = torch.nonzero(t == scan)[:, 0]
            source[rows] = source[rows[torch.from_numpy(rng.permutation(len(rows)))]]
        data[edge_type].edge_index = torch.stack([source, target])
