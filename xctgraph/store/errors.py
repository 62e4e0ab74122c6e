"""Errors that users meet.

One base class, with the built-in that a caller would expect mixed in::

    XctGraphError
    ├── InputError (ValueError)             a value, file or option given by the user is wrong
    │   ├── VolumeError                     a volume cannot be read or is not what it should be
    │   └── QueryError                      a query or its parameters are wrong
    ├── StoreError (RuntimeError)           the store cannot do what was asked
    │   ├── StoreNotFound (FileNotFoundError)
    │   ├── StoreLocked                     another writer is at work
    │   ├── StoreUnwritable (OSError)       no permission, a read-only or a full disk
    │   ├── StoreCorrupt                    a part or manifest is missing or differs from its checksum
    │   └── ScanExists                      the scan is there already, made with other parameters
    ├── OutOfRoom (MemoryError)            the memory that is allowed is too little
    ├── EngineError (RuntimeError)          a graph engine refused or cannot be reached
    └── MissingExtra (ImportError)          an optional dependency is not installed

A message names the bad value, what would be valid, and the remedy. `InputError` and `StoreNotFound` end the command line with
exit code 2, all others with 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class XctGraphError(Exception):
    """Base of every error that xctgraph raises on purpose."""


class InputError(XctGraphError, ValueError):
    """A value, file or option given by the user is wrong."""


class VolumeError(InputError):
    """A volume cannot be read or is not what it should be."""


class QueryError(InputError):
    """A query or its parameters are wrong."""


class StoreError(XctGraphError, RuntimeError):
    """The store cannot do what was asked."""


class StoreNotFound(StoreError, FileNotFoundError):
    """There is no store at the path."""


class StoreLocked(StoreError):
    """Another writer is at work on the store."""


class StoreUnwritable(StoreError, OSError):
    """The store's folder cannot be written: no permission, a read-only disk, no space."""


class StoreCorrupt(StoreError):
    """A part or manifest is missing or differs from its checksum."""


class ScanExists(StoreError):
    """The scan is in the store already, made from another volume or with other parameters."""


class OutOfRoom(XctGraphError, MemoryError):
    """The memory that is allowed is too little."""


class EngineError(XctGraphError, RuntimeError):
    """A graph engine refused a statement or cannot be reached."""


class MissingExtra(XctGraphError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'xctgraph[{extra}]' (in a checkout: make .venv/full)"
        )


def nearest(name: str, valid: Iterable[str]) -> str:
    """Name the nearest valid choice and all of them, for an error message."""
    choices = sorted(valid)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Valid: {', '.join(choices)}"
