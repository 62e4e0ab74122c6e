"""The networks of a study: what edges each sees, and what each column and relation is worth to the one that sees all."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import HeteroData

from xctgraph.analysis.forecast.batches import Batches
from xctgraph.analysis.forecast.metrics import average_precision
from xctgraph.analysis.forecast.network import edge_types
from xctgraph.analysis.forecast.rows import Bools, Floats, Ints, Rows
from xctgraph.analysis.forecast.training import Change, Trained, train

RELATIONS = ("NEAR", "TOUCHES", "FACES", "NEXT")
SEEN = {
    "network-next": RELATIONS,
    "network": ("NEAR", "TOUCHES", "FACES"),
    "without NEAR": ("TOUCHES", "FACES", "NEXT"),
    "shuffled NEAR": RELATIONS,
    "without sites": ("NEAR", "TOUCHES", "NEXT"),
}
"""Relations that each network sees; `network` is `network-next` without NEXT."""

ABLATIONS = ("without NEAR", "shuffled NEAR", "without sites")


@dataclass
class Networks:
    """Trains the networks of one repeat after the other.

    Attributes
    ----------
    worth : dict
        By column ("defect.volume") or relation ("NEAR"): loss in average precision of `network-next` on the test where the
        column is dealt out anew among the nodes of a batch, or the edges are taken away; of each repeat.
    """

    rows: Rows
    files: Sequence[Path]
    names: Sequence[str]
    worth: dict[str, list[float]] = field(default_factory=dict)

    def chances(self, part: Ints, seed: int) -> Iterator[tuple[str, Floats]]:
        """Name of each network and the chance (n,) of each row of validation and test, NaN of others."""
        held, asked = part == 0, part > 0
        batches = Batches(self.files, self.rows.target, held)
        for name in self.names:
            seen = Batches(self.files, self.rows.target, held, shuffled="NEAR", seed=seed) if name == "shuffled NEAR" else batches
            trained = train(self.rows, part, seen, SEEN[name], seed)
            chance = trained.chance(asked)
            if name == "network-next":
                for what, lost in _worth(trained, self.rows, part == 2, chance, seed):
                    self.worth.setdefault(what, []).append(lost)
            yield name, chance


def _worth(trained: Trained, rows: Rows, test: Bools, chance: Floats, seed: int) -> Iterator[tuple[str, float]]:
    def lost(change: Change) -> float:
        return before - float(average_precision(rows.y[test], trained.chance(test, change)[test])[0])

    before = float(average_precision(rows.y[test], chance[test])[0])
    first = trained.batches[0]
    for node in first.node_types:
        for column, name in enumerate(first.x_names[node]):
            yield f"{node}.{name}", lost(partial(_dealt, node=node, column=column, seed=seed))
    for relation in RELATIONS:
        yield relation, lost(partial(_without, relation=relation))


def _dealt(data: HeteroData, number: int, *, node: str, column: int, seed: int) -> HeteroData:
    """A copy of a batch with a column of `x` dealt out anew."""
    drawn = np.random.default_rng([seed, number, column]).permutation(data[node].num_nodes)
    changed, x = copy.copy(data), data[node].x.clone()
    x[:, column] = x[torch.from_numpy(drawn), column]
    changed[node].x = x
    return changed


def _without(data: HeteroData, _: int, *, relation: str) -> HeteroData:
    """A copy of a batch without the edges of a relation."""
    changed = copy.copy(data)
    for edge_type in edge_types([relation]):
        if edge_type in changed.edge_types:
            del changed[edge_type]
    return changed
