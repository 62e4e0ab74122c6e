"""The folder of an export, and `ro-crate-metadata.json` in it: what the files are, what made them, and from what."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xctgraph import __version__
from xctgraph.analysis.snapshots.selection import Parts
from xctgraph.store import files
from xctgraph.store.errors import InputError
from xctgraph.store.table import Column

CRATE = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
SOFTWARE = "#xctgraph"

MEDIA_TYPES = {
    ".arrow": "application/vnd.apache.arrow.file",
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pt": "application/zip",
    ".pvd": "application/xml",
    ".vtp": "application/xml",
}


def claim(out: Path) -> None:
    """Make the folder of an export, or empty it where it holds an earlier one.

    Raises
    ------
    InputError
        If `out` is a file or holds anything that no export has written.
    """
    if out.is_file():
        raise InputError(f"{out} is a file: an export goes into a folder")
    if out.is_dir() and any(out.iterdir()):
        for name in _written(out):
            path = out / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                files.remove(path)
    out.mkdir(parents=True, exist_ok=True)


def describe(out: Path, what: str, source: Parts, written: Sequence[Path], columns: Sequence[Column]) -> None:
    """Write RO-Crate 1.1 metadata (https://w3id.org/ro/crate/1.1) about an export.

    Parameters
    ----------
    out
        Folder of the export.
    what
        What it holds, in words.
    source
        The revision of the store that it was made from.
    written
        Files, and folders that are one thing (Zarr).
    columns
        Columns whose meaning and unit are told (`variableMeasured`).
    """
    names = [path.relative_to(out).as_posix() + ("/" if path.is_dir() else "") for path in written]
    variables = {f"#{c.name}": _variable(c) for c in columns}
    jobs = source.read("jobs").to_pylist()
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"xctgraph export: {what}",
        "description": f"{what}, of revision {source.manifest.revision} of the store {source.manifest.store_id}",
        "datePublished": datetime.now(UTC).isoformat(),
        "license": "not stated by the store: ask whoever gave you this folder",
        "hasPart": [{"@id": name} for name in names],
        "variableMeasured": [{"@id": name} for name in variables],
        "mentions": [{"@id": f"#{job['job_id']}"} for job in jobs] + [{"@id": "#export"}],
    }
    export = {
        "@id": "#export",
        "@type": "CreateAction",
        "name": what,
        "instrument": {"@id": SOFTWARE},
        "endTime": root["datePublished"],
        "result": {"@id": "./"},
    }
    graph: list[dict[str, Any]] = [
        {"@id": CRATE, "@type": "CreativeWork", "conformsTo": {"@id": SPECIFICATION}, "about": {"@id": "./"}},
        root,
        *(_part(out, name) for name in names),
        *variables.values(),
        {"@id": SOFTWARE, "@type": "SoftwareApplication", "name": "xctgraph", "version": __version__},
        export,
        *(_action(job) for job in jobs),
    ]
    with files.new_file(out / CRATE) as temporary:
        text = json.dumps({"@context": f"{SPECIFICATION}/context", "@graph": graph}, indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")


def _written(out: Path) -> list[str]:
    """What an earlier export has written into the folder."""
    try:
        graph = json.loads((out / CRATE).read_text(encoding="utf-8"))["@graph"]
        root = next(entity for entity in graph if entity["@id"] == "./")
        names = [part["@id"] for part in root["hasPart"]] if root["name"].startswith("xctgraph export") else []
    except (FileNotFoundError, ValueError, KeyError, TypeError, StopIteration):
        names = []
    if not names:
        raise InputError(f"{out} is not empty and not an earlier export: name a new or empty folder")
    base = out.resolve()
    return [CRATE, *(name for name in names if (out / name).resolve().is_relative_to(base) and (out / name).resolve() != base)]


def _part(out: Path, name: str) -> dict[str, Any]:
    path = out / name
    if path.is_dir():
        return {"@id": name, "@type": "Dataset", "name": path.name, "encodingFormat": "application/zarr"}
    return {
        "@id": name,
        "@type": "File",
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
    }


def _variable(column: Column) -> dict[str, Any]:
    unit = {"unitText": column.unit} if column.unit else {}
    return {"@id": f"#{column.name}", "@type": "PropertyValue", "name": column.name, "description": column.meaning, **unit}


def _action(job: dict[str, Any]) -> dict[str, Any]:
    """A job of the store: what made the rows that the export shows."""
    return {
        "@id": f"#{job['job_id']}",
        "@type": "CreateAction",
        "name": job["command"],
        "startTime": job["started_at"],
        "instrument": {"@id": SOFTWARE},
        "description": json.dumps({name: job[name] for name in ("version", "parameters", "inputs", "seed")}, ensure_ascii=False),
    }
