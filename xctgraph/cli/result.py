"""What became of one scan, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from xctgraph.ingest.pipeline import ScanResult


def write_result(result: ScanResult) -> None:
    """Say what was found; doubts go to stderr."""
    for warning in result.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    done = {"add": "added", "replace": "replaced", "skip": "there already, unchanged:"}[result.action]
    typer.echo(f"t = {result.t}: {done} {result.n_features} features, {result.n_near} NEAR, {result.n_links} NEXT")
    if result.changed_tracks:
        typer.echo(f"       {result.changed_tracks} features of later scans came to another track")
    if result.segmentation:
        typer.echo(f"       segmentation: {_brief(result.segmentation)}")


def _brief(description: dict[str, Any]) -> str:
    """The method and the threshold of each class; the whole description stands in `jobs`."""
    classes = description.get("classes")
    if not isinstance(classes, dict):
        return ", ".join(f"{key} {value}" for key, value in description.items())
    found = [f"{name} {_threshold(values)}" for name, values in classes.items()]
    return f"{description.get('method')}: " + ", ".join(found)


def _threshold(found: dict[str, Any]) -> str:
    if "threshold" not in found:
        return f"none ({found['absent']})"
    return f"{'above' if found['side'] == 'bright' else 'below'} {found['threshold']:.6g}"
