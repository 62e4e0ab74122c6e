"""Places in an object store (s3://BUCKET/KEY), which fsspec knows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from xctgraph.store.errors import MissingExtra


def is_remote(place: str | Path) -> bool:
    """Whether a place is in an object store."""
    return "://" in str(place)


def need_packages(place: str | Path) -> None:
    """Make sure that what reads and writes object stores is installed.

    Raises
    ------
    MissingExtra
        If it is not.
    """
    for package in ("s3fs", "upath"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "s3", str(place))
