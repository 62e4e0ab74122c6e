"""Where a volume lies: on a disk, or in an object store that fsspec knows (s3://BUCKET/KEY)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from xctgraph.store.errors import VolumeError
from xctgraph.store.remote import is_remote, need_packages

__all__ = ["absolute", "beside", "details", "is_remote", "located", "stamps", "unreachable"]


def located(text: str | Path) -> Path:
    """The place as a path; one in an object store has the methods that readers use, and reads over the network.

    Raises
    ------
    MissingExtra
        If the packages for object stores are not installed.
    VolumeError
        If the scheme is not known.
    """
    if not is_remote(text):
        return Path(text)
    need_packages(text)
    from upath import UPath

    try:
        return cast("Path", UPath(str(text)))
    except (ValueError, ImportError) as error:
        raise VolumeError(f"{text} cannot be read: {error}. Object stores are named as in s3://BUCKET/scan.zarr") from error


def absolute(text: str) -> str:
    """The place as it is named from any folder."""
    return text if is_remote(text) else str(Path(text).absolute())


def beside(folder: Path, text: str) -> str:
    """The place that a file in `folder` names."""
    return text if is_remote(text) else str(folder / text)


def unreachable(place: Path, error: Exception) -> VolumeError:
    """What to tell of an object store that does not give a volume."""
    return VolumeError(
        f"{place} cannot be read from the object store: {type(error).__name__}: {error}. Is it named rightly, and are "
        "endpoint (AWS_ENDPOINT_URL) and credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE) those of the store?"
    )


def details(folder: Path) -> dict[str, dict[str, Any]]:
    """What the object store says of each object below a folder, by its path: `size` and, where it has one, `ETag`."""
    remote: Any = folder
    found: dict[str, dict[str, Any]] = remote.fs.find(remote.path, detail=True)
    return found


def stamps(folder: Path, files: Iterable[Path]) -> list[str]:
    """Size and checksum of each object, as the object store states them."""
    known = details(folder)
    return [f"{known[(path := cast('Any', file).path)]['size']} {known[path].get('ETag')}" for file in files]
