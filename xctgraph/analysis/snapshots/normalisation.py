"""Mean and spread of the columns of snapshots: kept apart from the graphs, fitted on training nodes, and reversible."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.store.errors import InputError, nearest

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

ROUNDING = 1e-7


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each column: of `x` by node type, of `edge_attr` by relation. Made by `fit`."""

    names: dict[str, list[str]]
    mean: dict[str, list[float]]
    std: dict[str, list[float]]

    @classmethod
    def fit(cls, graphs: Iterable[HeteroData]) -> Self:
        """Mean and standard deviation over graphs, NaN left out; graphs may come one at a time.

        Where nodes have a `train_mask` only those in it count, and of edges those that join two of them. A column that is
        constant or always NaN has the deviation 1 (and the mean 0 if NaN).
        """
        sums: dict[str, tuple[list[str], NDArray[np.float64]]] = {}
        for graph in graphs:
            for where, key, name, names in _columns_of(graph):
                held, moments = sums.get(name, (names, np.zeros((3, len(names)))))
                _check(name, names, held)
                rows = graph[where][key].numpy()[_training(graph, where)].astype(np.float64)
                sums[name] = names, _merged(moments, _moments(rows))
        mean = {name: np.where(m[0] > 0, m[1], 0.0) for name, (_, m) in sums.items()}
        std = {name: np.sqrt(m[2] / np.maximum(m[0], 1)) for name, (_, m) in sums.items()}
        # The mean of equal numbers is off by its rounding: what lies below that of float32 is no spread.
        std = {name: np.where(s > ROUNDING * np.abs(mean[name]), s, 1.0) for name, s in std.items()}
        return cls(
            {name: names for name, (names, _) in sums.items()},
            {name: values.tolist() for name, values in mean.items()},
            {name: values.tolist() for name, values in std.items()},
        )

    def apply(self, graph: HeteroData) -> HeteroData:
        """A copy of the graph with (value - mean) / std in place of each value; other tensors are shared."""
        return self._changed(graph, lambda values, mean, std: (values - mean) / std)

    def invert(self, graph: HeteroData) -> HeteroData:
        """A copy with the values that `apply` was given, to the rounding of float32."""
        return self._changed(graph, lambda values, mean, std: values * std + mean)

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        text = json.dumps({"names": self.names, "mean": self.mean, "std": self.std}, indent=1, ensure_ascii=False)
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def _changed(self, graph: HeteroData, change: Callable[[Any, Any, Any], Any]) -> HeteroData:
        torch, _ = require_pyg()
        out = copy.copy(graph)
        for where, key, name, names in _columns_of(graph):
            if name not in self.names:
                raise InputError(f"the normalisation was fitted without {name!r}: {nearest(name, self.names)}")
            _check(name, names, self.names[name])
            mean, std = (torch.tensor(values[name], dtype=torch.float64) for values in (self.mean, self.std))
            out[where][key] = change(graph[where][key].double(), mean, std).float()
        return out


def _columns_of(graph: HeteroData) -> Iterator[tuple[Any, str, str, list[str]]]:
    """Of each matrix: the type that has it, its key, the name that it is normalised under, the names of its columns."""
    for node_type in graph.node_types:
        yield node_type, "x", node_type, graph.x_names[node_type]
    for edge_type in graph.edge_types:
        if "edge_attr" in graph[edge_type]:
            relation = edge_type[1].removeprefix("rev_")
            yield edge_type, "edge_attr", relation, graph.edge_attr_names[relation]


def _training(graph: HeteroData, where: Any) -> NDArray[np.bool_] | slice:
    if isinstance(where, str):
        return graph[where].train_mask.numpy() if "train_mask" in graph[where] else slice(None)
    masks = [graph[end].get("train_mask") for end in (where[0], where[2])]
    if masks[0] is None or masks[1] is None:
        return slice(None)
    a, b = graph[where].edge_index
    kept: NDArray[np.bool_] = (masks[0][a] & masks[1][b]).numpy()
    return kept


def _moments(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number, mean and sum of squared deviations of each column, NaN left out: (3, columns)."""
    there = ~np.isnan(rows)
    n = there.sum(axis=0)
    mean = np.where(there, rows, 0).sum(axis=0) / np.maximum(n, 1)
    return np.stack([n, mean, np.square(np.where(there, rows - mean, 0)).sum(axis=0)])


def _merged(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moments of two sets together (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    n = a[0] + b[0]
    apart, share = b[1] - a[1], b[0] / np.maximum(n, 1)
    return np.stack([n, a[1] + apart * share, a[2] + b[2] + np.square(apart) * a[0] * share])


def _check(name: str, names: list[str], held: list[str]) -> None:
    if names != held:
        raise InputError(f"{name!r} has the columns {names}, and elsewhere {held}: one normalisation is of graphs with the same")
