"""`synth`: the 4D generator with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xctgraph.cli.common import Json, pairs
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write to.", show_default=False)],
    shape: Annotated[str, typer.Option("--shape", help="Voxels of a scan as Z,Y,X.")] = "160,256,256",
    steps: Annotated[int, typer.Option("--steps", help="Number of scans.")] = 5,
    features: Annotated[int, typer.Option("--features", help="Inclusions and pores in the first scan.")] = 600,
    attraction: Annotated[
        float, typer.Option("--attraction", help="How much the fracture prefers dense regions; 0 for not at all.")
    ] = 2.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 0,
    voxel_size: Annotated[str, typer.Option("--voxel-size", help="Edge of a voxel with its unit, or z,y,x.")] = "1.63um",
    form: Annotated[str, typer.Option("--format", help="h5 (NXtomoproc), tiff (folders of slices) or zarr (OME-Zarr).")] = "h5",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Other parameters as NAME=VALUE: strain, noise, rings, beam_hardening, jump, …", show_default=False
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Make a 4D sample with known truth.

    Writes volumes, dataset.toml and the tables of the truth.
    """
    from xctgraph.ingest import synth as generator
    from xctgraph.store import units

    parameters: dict[str, Any] = {
        "shape": _shape(shape),
        "steps": steps,
        "features": features,
        "attraction": attraction,
        "seed": seed,
        "voxel_size_um": units.voxel_size_um(voxel_size),
        "format": form,
    }
    parameters |= {name: _value(name, text) for name, text in pairs(set_).items()}
    progress = Progress(quiet=json_)
    try:
        result = generator.generate(out, progress=progress, **parameters)
    finally:
        progress.close()
    if json_:
        write_json({"dataset": str(result.dataset), "truth": str(result.truth)})
    else:
        typer.echo(f"{result.dataset} and the truth in {result.truth}. Next: xctgraph ingest {result.dataset}")


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise InputError(f"--shape {text!r} is not of the form Z,Y,X, as in --shape 160,256,256") from None


def _value(name: str, text: str) -> Any:
    from xctgraph.ingest.synth import SynthSpec

    default = getattr(SynthSpec(), name, None)
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            raise InputError(f"--set {name}={text}: {name} is a number, as in {name}={default}") from None
    return text
