"""What a report is about, and the file it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xctgraph.analysis import html
from xctgraph.analysis.answers import Context
from xctgraph.store import Store, files
from xctgraph.store.errors import InputError, nearest


def context(store: Store, sample: str | None = None) -> Context:
    """Collect what the questions are asked about.

    Raises
    ------
    InputError
        If the sample is unknown or not named, or has no scan.
    """
    rows = {row["sample"]: row for row in store.read("samples").to_pylist()}
    if sample is None and len(rows) == 1:
        sample = next(iter(rows))
    if sample is None:
        held = f"samples {', '.join(sorted(rows))}: name one" if rows else "no sample: run `xctgraph ingest` first"
        raise InputError(f"the store holds {held}")
    if sample not in rows:
        raise InputError(f"the store has no sample {sample!r}: {nearest(sample, rows)}")
    scans: list[dict[str, Any]] = store.read("scans", sample=sample).sort_by("t").to_pylist()
    if not scans:
        raise InputError(f"sample {sample!r} has no scan: run `xctgraph ingest` first")
    z, y, x = (rows[sample][f"voxel_{axis}"] for axis in "zyx")
    return Context(store, sample, scans, (z, y, x))


def save(title: str, body: str, path: str | Path) -> Path:
    """Write a page; `title` is text, `body` markup. A file of that name is replaced at once or not at all."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name the file, as in {path / 'report.html'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.new_file(path) as temporary:
        temporary.write_text(html.page(title, body), encoding="utf-8")
    return path
