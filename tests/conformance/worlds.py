"""The random stores of the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from tests import factories
from tests.conformance import graphs
from xctgraph.store import Store


@dataclass(frozen=True)
class World:
    """A store, its tables in DuckDB, and the generator that made them."""

    store: Store
    sql: duckdb.DuckDBPyConnection
    rng: np.random.Generator

    @property
    def empty(self) -> bool:
        return self.sql.execute("SELECT count(*) FROM features").fetchone() == (0,)


def several(rng: np.random.Generator) -> list[factories.Graph]:
    gaps = graphs.rich(rng, "beam line 'β' 2", 7, n_features=12, kinds=("inclusion", "void"), shares=(0.6, 0.4))
    return [
        graphs.rich(rng, "S1", 0),
        graphs.renumbered(gaps, [2, 3, 7, 20]),
        graphs.without_features(rng, "empty", 8),
        graphs.renumbered(graphs.rich(rng, "S2", 3, n_scans=3, n_features=15), [0, 1, 2], mirror=True),
    ]


def nothing(rng: np.random.Generator) -> list[factories.Graph]:
    return [graphs.without_features(rng, "S1", 0)]
