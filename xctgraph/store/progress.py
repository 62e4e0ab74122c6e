"""How long work tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on: what is done now, units done, units in all (0 where unknown)."""

    def __call__(self, message: str, done: int, total: int) -> None:
        """Report."""


def silent(message: str, done: int, total: int) -> None:
    """Report to nobody."""
