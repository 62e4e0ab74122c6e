"""Training of the networks: early stopping on validation rows, one thread, the same numbers for the same seed. Imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from xctgraph.analysis.forecast.batches import Batches
from xctgraph.analysis.forecast.columns import NODE
from xctgraph.analysis.forecast.network import Network, edge_types
from xctgraph.analysis.forecast.rows import Bools, Floats, Ints, Rows

LAYERS = 2
EPOCHS = 60
PATIENCE = 6
RATE = 5e-3
DECAY = 1e-3

Change = Callable[[HeteroData, int], HeteroData]


@dataclass(frozen=True)
class Trained:
    """A network with the batches that it was trained on."""

    network: Network
    batches: Batches

    def chance(self, chosen: Bools, change: Change | None = None) -> Floats:
        """Chance (n,) of the chosen rows, NaN of the others; `change` alters x or edges of the batch with a number."""
        found = np.full(len(chosen), np.nan)
        self.network.eval()
        with _one_thread(), torch.inference_mode():
            for number in self.batches.of(chosen):
                data = self.batches[number]
                changed = data if change is None else change(data, number)
                found[data.row.numpy()] = logits(self.network, changed).double().sigmoid().numpy()
        return np.where(chosen, found, np.nan)


def train(rows: Rows, part: Ints, batches: Batches, relations: Sequence[str], seed: int) -> Trained:
    """Train on rows of `part` 0 and keep the state with the least loss on those of `part` 1.

    Adam with decoupled weight decay, a step per batch in an order drawn anew for each pass; at most `EPOCHS` passes, and no more
    than `PATIENCE` after the best one.
    """
    with repeatable(seed):
        y = torch.from_numpy(rows.y.astype(np.float32))
        in_train, in_val = part == 0, part == 1
        first = batches[0]
        columns = {name: first[name].x.shape[1] for name in first.node_types}
        known = {edge: first[edge].edge_attr.shape[1] for edge in edge_types(relations) if edge in first.edge_types}
        share = float(np.clip(rows.y[in_train].mean(), 1e-3, 1 - 1e-3))
        network = Network(NODE[rows.target], columns, known, LAYERS, float(np.log(share / (1 - share))))
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        masks = torch.from_numpy(in_train), torch.from_numpy(in_val)
        best, state, waited = np.inf, copy.deepcopy(network.state_dict()), 0
        order = np.array(batches.of(in_train))
        shuffle = np.random.default_rng(seed)
        for epoch in range(EPOCHS):
            network.train()
            for group in optimiser.param_groups:
                group["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
            for data in batches.each(shuffle.permutation(order).tolist()):
                optimiser.zero_grad()
                _loss(network, data, y, masks[0]).backward()
                optimiser.step()
            network.eval()
            with torch.inference_mode():
                held = [
                    (_loss(network, data, y, masks[1]), int(masks[1][data.row].sum()))
                    for data in batches.each(batches.of(in_val))
                ]
            loss = sum(float(value) * n for value, n in held) / max(sum(n for _, n in held), 1)
            if loss < best - 1e-6:
                best, state, waited = loss, copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
                if waited > PATIENCE:
                    break
        network.load_state_dict(state)
        return Trained(network, batches)


def logits(network: Network, data: HeteroData) -> Tensor:
    """Logits of the candidates of a batch."""
    x = {name: data[name].x for name in data.node_types}
    index = {edge: data[edge].edge_index for edge in data.edge_types}
    attr = {edge: data[edge].edge_attr for edge in data.edge_types}
    found: Tensor = network(x, index, attr, len(data.row))
    return found


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Deterministic algorithms of torch in one thread, with a seed of their own; as before on the way out.

    scikit-learn, numba and torch bring OpenMP runtimes of their own, which were seen to wait for each other for ever.
    """
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _loss(network: Network, data: HeteroData, y: Tensor, mask: Tensor) -> Tensor:
    chosen = mask[data.row]
    found = logits(network, data)[chosen]
    loss: Tensor = nn.functional.binary_cross_entropy_with_logits(found, y[data.row][chosen])
    return loss
