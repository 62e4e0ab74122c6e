"""Batches of sampled neighbourhoods of a graph, without a compiled extension and never from a later scan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.analysis.snapshots.sampling import Incoming, draw, incoming
from xctgraph.store.errors import InputError, nearest

if TYPE_CHECKING:
    import torch
    from torch_geometric.data import HeteroData

Ints = NDArray[np.int64]
EdgeType = tuple[str, str, str]


class NeighbourLoader:
    """Batches of seed nodes with sampled neighbours, as PyTorch Geometric's `NeighborLoader` gives them.

    That one needs pyg-lib or torch-sparse (pytorch_geometric#8631). From the seeds, hop by hop, up to `num_neighbours[hop]`
    incoming edges per edge type are drawn for each node first reached in the hop before, uniformly and without replacement.

    In a stack (nodes with `t`) edges whose source is later than their target are left out, so that whatever reaches a node
    through any number of layers is of its own scan or an earlier one. In a snapshot nothing is later.

    Parameters
    ----------
    data
        A snapshot or a stack; not changed, and its tensors are not to be changed while the loader is used.
    num_neighbours
        Per hop, for every edge type or by edge type; -1 takes all.
    input_nodes
        Node type of the seeds, or that with a mask or rows.
    batch_size
        Seeds per batch.
    shuffle
        Draw a new order of the seeds in each pass.
    seed
        Of everything drawn: the same seed, the same batches.

    Raises
    ------
    InputError
        If a type is unknown, or hops or seeds do not fit.
    """

    def __init__(
        self,
        data: HeteroData,
        num_neighbours: Sequence[int] | Mapping[EdgeType, Sequence[int]],
        input_nodes: str | tuple[str, torch.Tensor],
        *,
        batch_size: int = 512,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        self._torch, self._geometric = require_pyg()
        self._data = data
        self._hops = self._per_edge_type(num_neighbours)
        self._type, self._seeds = self._rows(input_nodes)
        if batch_size < 1:
            raise InputError(f"batch_size = {batch_size}: a batch has at least one seed")
        self._batch_size, self._shuffle = batch_size, shuffle
        self._random = np.random.default_rng(seed)
        self._state = self._random.integers(2**64, size=1, dtype=np.uint64)
        self._incoming = {edge_type: self._edges(edge_type) for edge_type in self._hops}
        sizes = {name: int(data[name].num_nodes) for name in data.node_types}
        self._local = {name: np.full(n, -1, np.int32) for name, n in sizes.items()}
        self._found = {name: np.empty(n, np.int64) for name, n in sizes.items()}

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self._seeds) / self._batch_size)

    def __iter__(self) -> Iterator[HeteroData]:
        """Batches of one pass: `batch_size` seeds come first among the nodes of their type.

        Each batch is a `HeteroData` with every tensor of nodes and edges, `n_id` (rows of the nodes in the whole graph), `e_id`
        (of the edges), `input_id` (of the seeds) and `batch_size` on the node type of the seeds.
        """
        order = self._random.permutation(self._seeds) if self._shuffle else self._seeds
        for start in range(0, len(order), self._batch_size):
            yield self._batch(order[start : start + self._batch_size])

    def sample(self, seeds: Ints) -> tuple[dict[str, Ints], dict[EdgeType, tuple[Ints, Ints]]]:
        """Draw the neighbourhood of some rows of the seeds' node type, each given once.

        Returns
        -------
        nodes
            By node type, rows in the graph; the seeds first.
        edges
            By edge type, (2, E) rows of source and target in `nodes`, and (E,) rows of the edges in the graph.
        """
        count = dict.fromkeys(self._found, 0)
        done = dict(count)
        count[self._type] = len(seeds)
        self._found[self._type][: len(seeds)] = seeds
        self._local[self._type][seeds] = np.arange(len(seeds), dtype=np.int32)
        drawn: dict[EdgeType, list[tuple[Ints, Ints, Ints]]] = {edge_type: [] for edge_type in self._hops}
        for hop in range(max((len(hops) for hops in self._hops.values()), default=0)):
            reached = dict(count)
            for edge_type, hops in self._hops.items():
                source, _, target = edge_type
                fresh = self._found[target][done[target] : reached[target]]
                if hop < len(hops) and hops[hop] and len(fresh):
                    held = self._incoming[edge_type]
                    row, column, edge, count[source] = draw(
                        held.start,
                        held.edges,
                        fresh,
                        done[target],
                        hops[hop],
                        self._local[source],
                        self._found[source],
                        count[source],
                        self._state,
                    )
                    drawn[edge_type].append((row, column, edge))
            done = reached
        nodes = {name: found[: count[name]].copy() for name, found in self._found.items()}
        for name, rows in nodes.items():
            self._local[name][rows] = -1
        edges = {edge_type: _together(pieces) for edge_type, pieces in drawn.items()}
        return nodes, edges

    def _batch(self, seeds: Ints) -> HeteroData:
        nodes, edges = self.sample(seeds)
        batch: HeteroData = self._geometric.HeteroData()
        for key, value in self._data._global_store.items():
            batch[key] = value
        for name, rows in nodes.items():
            self._copy(self._data[name], batch[name], rows, int(self._data[name].num_nodes))
            batch[name].n_id = self._torch.from_numpy(rows)
        for edge_type, (index, rows) in edges.items():
            whole = self._data[edge_type]
            self._copy(whole, batch[edge_type], rows, whole.edge_index.shape[1])
            batch[edge_type].edge_index = self._torch.from_numpy(index)
            batch[edge_type].e_id = self._torch.from_numpy(rows)
        batch[self._type].input_id = self._torch.from_numpy(seeds)
        batch[self._type].batch_size = len(seeds)
        return batch

    def _copy(self, whole: Any, part: Any, rows: Ints, n: int) -> None:
        chosen = self._torch.from_numpy(rows)
        for key, value in whole.items():
            if key != "edge_index":
                is_column = isinstance(value, self._torch.Tensor) and value.dim() and value.shape[0] == n
                part[key] = value.index_select(0, chosen) if is_column else value

    def _edges(self, edge_type: EdgeType) -> Incoming:
        source, _, target = edge_type
        a, b = (np.ascontiguousarray(row) for row in self._data[edge_type].edge_index.numpy())
        n = int(self._data[target].num_nodes)
        number = np.arange(len(a))
        if "t" in self._data[source] and "t" in self._data[target]:
            number = np.flatnonzero(self._data[source].t.numpy()[a] <= self._data[target].t.numpy()[b])
            a, b = a[number], b[number]
        return incoming(a, b, number, n)

    def _per_edge_type(self, given: Sequence[int] | Mapping[EdgeType, Sequence[int]]) -> dict[EdgeType, list[int]]:
        held = list(self._data.edge_types)
        hops = given if isinstance(given, Mapping) else dict.fromkeys(held, given)
        for edge_type, numbers in hops.items():
            if edge_type not in held:
                name, valid = " ".join(edge_type), (" ".join(e) for e in held)
                raise InputError(f"the graph has no edge type {name!r}: {nearest(name, valid)}")
            if any(k < -1 for k in numbers):
                raise InputError(f"num_neighbours {list(numbers)}: give a number of at least 0 per hop, or -1 for all")
        return {edge_type: list(hops[edge_type]) for edge_type in held if edge_type in hops}

    def _rows(self, given: str | tuple[str, torch.Tensor]) -> tuple[str, Ints]:
        name, chosen = given if isinstance(given, tuple) else (given, None)
        if name not in self._data.node_types:
            raise InputError(f"the graph has no node type {name!r}: {nearest(name, self._data.node_types)}")
        n = int(self._data[name].num_nodes)
        if chosen is None:
            return name, np.arange(n)
        rows = np.asarray(chosen)
        if rows.dtype == np.bool_:
            if len(rows) != n:
                raise InputError(f"the mask of {name!r} has {len(rows)} values, the graph {n} such nodes: give one for each")
            return name, np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= n or len(np.unique(rows)) < len(rows)):
            raise InputError(f"rows of {name!r} must be from 0 to {n - 1}, each once")
        return name, rows


def _together(pieces: Sequence[tuple[Ints, Ints, Ints]]) -> tuple[Ints, Ints]:
    empty = np.empty(0, np.int64)
    row, column, edge = (np.concatenate([empty, *(piece[i] for piece in pieces)]) for i in range(3))
    return np.stack([row, column]), edge
