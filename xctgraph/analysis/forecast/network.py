"""Message passing over defects and front sites, with properties of the edges. Imports torch: import it where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.aggr import MultiAggregation

EdgeType = tuple[str, str, str]

HIDDEN = 32
DROPOUT = 0.1
USUAL_DEGREE = 5.0


class Sage(MessagePassing):  # type: ignore[misc]  # torch_geometric is untyped
    """One relation: the mean and the sum of what the neighbours send, each message made of the neighbour and of the edge.

    GraphSAGE with its pooling step before the mean (W. L. Hamilton, R. Ying, J. Leskovec, NeurIPS 2017, eq. 3) and the edge
    beside the neighbour; the sum is kept too, since a density is a sum and a mean cannot count (K. Xu et al., ICLR 2019).
    """

    def __init__(self, size: int, edge_size: int) -> None:
        super().__init__(aggr=MultiAggregation(["mean", "sum"]))
        self.send = nn.Linear(size + edge_size, size)
        self.receive = nn.Linear(2 * size, size, bias=False)

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """What each target (n, size) gets; `x` are the states of sources and of targets."""
        mean, total = self.propagate(edge_index, x=x, edge_attr=edge_attr, size=(len(x[0]), len(x[1]))).chunk(2, dim=-1)
        got: Tensor = self.receive(torch.cat([mean, total / USUAL_DEGREE], dim=-1))
        return got

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """One message per edge."""
        sent: Tensor = self.send(torch.cat([x_j, edge_attr], dim=-1)).relu()
        return sent


class Network(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Chance of the target for the first nodes of one type, as a logit.

    Parameters
    ----------
    node : str
        Type of the nodes that are asked about.
    columns : mapping
        Number of columns of `x` by node type.
    edges : mapping
        Number of columns of `edge_attr` by edge type; messages run along these only.
    layers : int
    start : float
        Logit that it says before training.
    """

    def __init__(self, node: str, columns: Mapping[str, int], edges: Mapping[EdgeType, int], layers: int, start: float) -> None:
        super().__init__()
        self.node, self.edges = node, list(edges)
        self.enter = nn.ModuleDict({name: nn.Sequential(nn.Linear(n, HIDDEN), nn.ReLU()) for name, n in columns.items()})
        self.own = nn.ModuleList(nn.ModuleDict({name: nn.Linear(HIDDEN, HIDDEN) for name in columns}) for _ in range(layers))
        self.calm = nn.ModuleList(nn.ModuleDict({name: nn.LayerNorm(HIDDEN) for name in columns}) for _ in range(layers))
        self.along = nn.ModuleList(
            nn.ModuleDict({"__".join(edge): Sage(HIDDEN, n) for edge, n in edges.items()}) for _ in range(layers)
        )
        self.drop = nn.Dropout(DROPOUT)
        self.leave = nn.Sequential(nn.Linear(2 * HIDDEN, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, 1))
        with torch.no_grad():
            self.leave[-1].bias.fill_(start)
            self.leave[-1].weight.mul_(0.1)

    def forward(
        self, x: Mapping[str, Tensor], index: Mapping[EdgeType, Tensor], attr: Mapping[EdgeType, Tensor], n: int
    ) -> Tensor:
        """Logits (n,) of the first `n` nodes."""
        first = {name: layer(x[name]) for name, layer in self.enter.items()}
        state = first
        for own, calm, along in zip(self.own, self.calm, self.along, strict=True):
            new = {name: own[name](h) for name, h in state.items()}
            for edge in self.edges:
                if edge in index:
                    source, _, target = edge
                    new[target] = new[target] + along["__".join(edge)]((state[source], state[target]), index[edge], attr[edge])
            state = {name: state[name] + self.drop(calm[name](h).relu()) for name, h in new.items()}
        logits: Tensor = self.leave(torch.cat([first[self.node][:n], state[self.node][:n]], dim=-1))[:, 0]
        return logits


def edge_types(relations: Sequence[str]) -> list[EdgeType]:
    """Edge types of a graph of `pair.pair` that messages may take, by relation; FACES in both directions."""
    found: list[EdgeType] = []
    for relation in relations:
        if relation == "FACES":
            found += [("front_site", "FACES", "defect"), ("defect", "rev_FACES", "front_site")]
        else:
            found.append(("defect", relation, "defect"))
    return found
