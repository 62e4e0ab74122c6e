"""A library query: a question with its parameters, columns and Cypher text, and the way to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from xctgraph.queries import checks, describe
from xctgraph.queries.chart import Chart
from xctgraph.queries.checks import Answers
from xctgraph.queries.parameter import Parameter, Value
from xctgraph.store.arrow import TYPES
from xctgraph.store.errors import QueryError, nearest
from xctgraph.store.table import Column


@dataclass(frozen=True)
class Query:
    """One question of the library.

    Attributes
    ----------
    name
        Name, e.g. `largest-features`.
    question
        The question in words, and what the answer cannot say.
    parameters
        Its parameters, bound as `$name`.
    columns
        Columns of the answer with type, unit and meaning.
    order
        Columns that sort the rows, as in ORDER BY; together they leave no ties.
    text
        Portable Cypher, the same for every engine.
    chart
        How to draw the answer.
    source
        Paper or practice that the question comes from; empty where none is known.

    Raises
    ------
    QueryError
        If the chart draws a column that the answer does not have.
    """

    name: str
    question: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    text: str
    chart: Chart
    source: str = ""

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        for name in self.chart.columns:
            if name not in names:
                raise QueryError(f"the chart of query {self.name!r} draws {name!r}, no column of it; {nearest(name, names)}")

    def parse(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Values of all parameters, from Python objects or text, defaults filled in.

        Raises
        ------
        QueryError
            If a name is unknown, a required one missing, or a value not valid.
        """
        names = [p.name for p in self.parameters]
        for name in given:
            if name not in names:
                raise QueryError(f"query {self.name!r} has no parameter {name!r}; {nearest(name, names)}")
        return {p.name: p.parse(given.get(p.name)) for p in self.parameters}

    def run(self, store: Answers, **parameters: object) -> pa.Table:
        """Ask `store`, which is a `Store` on any graph engine.

        Returns
        -------
        pyarrow.Table
            The rows in the query's order; columns and types are those of `schema`, also where there are no rows.

        Raises
        ------
        QueryError
            If a parameter is unknown, missing, not valid, or names what is not in the store.
        """
        values = checks.resolve(store, self.parameters, self.parse(parameters), parameters)
        return store.cypher(self.text, **values).select([c.name for c in self.columns]).cast(self.schema)

    def describe(self) -> str:
        """Question, source, parameters, columns, order, chart and Cypher text as Markdown."""
        return describe.section(self)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the answer; unit and meaning are metadata of the fields."""
        return pa.schema(
            [
                pa.field(c.name, TYPES[c.type], metadata={k: v for k, v in (("meaning", c.meaning), ("unit", c.unit)) if v})
                for c in self.columns
            ]
        )
