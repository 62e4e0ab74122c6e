"""The catalogue: every query of the library by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from xctgraph.queries import events, evolution, features, fractures, neighbourhood, tracks
from xctgraph.queries.query import Query
from xctgraph.store.errors import QueryError, nearest


class UnknownQuery(QueryError, KeyError):
    """There is no query of this name; a `KeyError` too, as of any mapping."""

    __str__ = Exception.__str__


class Catalogue(Mapping[str, Query]):
    """Queries by name, in the order of the library."""

    def __init__(self, queries: Iterable[Query]) -> None:
        self._queries = {query.name: query for query in queries}

    def __getitem__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise UnknownQuery(f"there is no query {name!r}; {nearest(name, self._queries)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)

    def find(self, name: str) -> Query:
        """Return the query `name`.

        Raises
        ------
        QueryError
            If there is none; the message names the nearest.
        """
        return self[name]

    def overview(self) -> pa.Table:
        """One row per query: name, question (its first sentence) and parameters, required ones marked with a star."""
        return pa.table(
            {
                "name": [q.name for q in self.values()],
                "question": [q.question.partition("?")[0] + "?" for q in self.values()],
                "parameters": [", ".join(p.name + "*" * p.required for p in q.parameters) for q in self.values()],
            }
        )


catalogue = Catalogue(
    (*features.QUERIES, *neighbourhood.QUERIES, *tracks.QUERIES, *events.QUERIES, *evolution.QUERIES, *fractures.QUERIES)
)
