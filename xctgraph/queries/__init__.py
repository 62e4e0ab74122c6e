"""The Cypher library and the catalogue that documents and runs it.

>>> from xctgraph.queries import catalogue
>>> catalogue["largest-features"].run(store, t=0, kind="pore")    # doctest: +SKIP
"""

from __future__ import annotations

from xctgraph.queries.collection import Catalogue, catalogue
from xctgraph.queries.parameter import Parameter
from xctgraph.queries.query import Query

__all__ = ["Catalogue", "Parameter", "Query", "catalogue"]
