"""How much one question may take, and what is said where it takes more."""

from __future__ import annotations

import os
from dataclasses import dataclass

from xctgraph.store.errors import QueryError, XctGraphError

_MEMORY = min(3 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


@dataclass(frozen=True)
class Limits:
    """Limits of questions and of the console.

    Attributes
    ----------
    seconds
        Longest time of one question.
    memory
        Most memory that a question may take, bytes, beyond what its process holds already: engines keep pages of the graph.
    rows
        Most rows that are sent to the page; a download holds all.
    workers
        Processes that answer questions.
    waiting
        Most questions that wait for one of them.
    """

    seconds: float = 10.0
    memory: int = _MEMORY
    rows: int = 5_000
    workers: int = 2
    waiting: int = 30

    @property
    def server_seconds(self) -> float:
        """Longest time of a query on a server: it must give up before its client is killed, which it would not notice."""
        return 0.95 * self.seconds


class LimitReached(QueryError):
    """A question was stopped at its limit of time or memory."""


class Cancelled(QueryError):
    """The user stopped a question."""


class Busy(XctGraphError):
    """Too many questions wait for an answer."""
