"""`train` and `segment`: networks from annotated slices, and masks of whole series from networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xctgraph.cli.common import Json
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from xctgraph.ingest.learning.annotated import Annotated as AnnotatedSlices
    from xctgraph.ingest.learning.split import Split


def train(
    job: Annotated[
        Path, typer.Argument(help="Folder of the labelling job, with masks: see xctgraph sample.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the training; a run that was cut off goes on there.")] = Path(
        "trained"
    ),
    grid: Annotated[
        Path | None, typer.Option("--grid", help="File of many networks to train and compare.", show_default=False)
    ] = None,
    architecture: Annotated[str, typer.Option("--architecture", help="unet, upernet or segformer.")] = "unet",
    encoder: Annotated[
        str, typer.Option("--encoder", help="none (plain U-Net), or a name of segmentation-models-pytorch.")
    ] = "tu-tf_efficientnet_lite0",
    weights: Annotated[
        str, typer.Option("--weights", help="Of the encoder: imagenet, none, or the file of a state dict.")
    ] = "imagenet",
    slices: Annotated[int, typer.Option("--slices", help="Neighbouring slices seen at once, odd: 1 is 2D, 3 is 2.5D.")] = 1,
    width: Annotated[int, typer.Option("--width", help="Channels of the first level (plain U-Net).")] = 64,
    loss: Annotated[str, typer.Option("--loss", help="dice, dice+ce or focal.")] = "dice",
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the training slices.")] = 150,
    steps: Annotated[int, typer.Option("--steps", help="Steps in place of epochs.", show_default=False)] = 0,
    batch: Annotated[int, typer.Option("--batch", help="Crops of a step.")] = 8,
    crop: Annotated[int, typer.Option("--crop", help="Edge of a crop in pixels.")] = 256,
    aimed: Annotated[float, typer.Option("--aimed", help="Share of crops laid about a pixel of some class.")] = 0.5,
    rate: Annotated[float, typer.Option("--rate", help="Learning rate at the start.")] = 1e-3,
    decay: Annotated[float, typer.Option("--decay", help="Weight decay.")] = 1e-4,
    augment: Annotated[bool, typer.Option("--augment/--no-augment", help="Turn, scale and change crops at random.")] = True,
    pseudo: Annotated[
        Path | None,
        typer.Option("--pseudo", help="Pseudo-labels (masks and confidence) for slices without a mask.", show_default=False),
    ] = None,
    pseudo_weight: Annotated[float, typer.Option("--pseudo-weight", help="Weight of a pseudo-label of confidence 1.")] = 0.5,
    split: Annotated[str, typer.Option("--split", help="Shares of training, validation and test.")] = "85/5/5",
    apart: Annotated[
        int, typer.Option("--apart", help="Slices this near in z stay in one part of the split; 0 for any.", min=0)
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of split, weights and crops.")] = 0,
    precision: Annotated[str, typer.Option("--precision", help="auto, f32, bf16 or f16.")] = "auto",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    metrics: Annotated[
        str, typer.Option("--metrics", help="usual, or reference: the accounting of the reference study.")
    ] = "usual",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write curves for TensorBoard too.")] = False,
    json_: Json = False,
) -> None:
    """Train a network on the annotated slices of a labelling job."""
    from xctgraph.ingest.learning.spec import PLAIN, Spec

    if metrics not in ("usual", "reference"):
        raise InputError(f"--metrics {metrics!r} is not known. Valid: usual, reference")
    weights = "none" if encoder == PLAIN and weights == "imagenet" else weights
    spec = Spec(
        architecture, encoder, weights, slices, width, loss, epochs, steps, batch, crop, aimed, rate, decay, pseudo_weight,
        augment, seed, precision, device,
    )  # fmt: skip
    progress = Progress(quiet=json_)
    try:
        annotated, parts = _slices(job, spec.slices, pseudo, split, seed, apart)
        if grid is not None:
            _grid(annotated, parts, spec, grid, out, progress, json_=json_)
            return
        from xctgraph.ingest.learning.train import train as run

        trained = run(annotated, spec, out, parts=parts, progress=progress, tensorboard=tensorboard)
    finally:
        progress.close()
    card = trained.card
    if json_:
        write_json({"model": str(trained.path), "card": card})
        return
    typer.echo(
        f"{len(parts.train)} slices trained on, {len(parts.validation)} to choose the best state by, {len(parts.test)} to test; "
        f"{card['steps']} steps on {card['device']} ({card['precision']})"
    )
    if card["test"] is not None:
        _print_scores(card["test"], metrics)
    typer.echo(f"model {trained.path}. Next: xctgraph segment DATASET.toml --model {trained.path} --out masks")


def _slices(job: Path, n_slices: int, pseudo: Path | None, shares: str, seed: int, apart: int) -> tuple[AnnotatedSlices, Split]:
    try:
        from xctgraph.ingest.learning import annotated, split
    except ImportError as error:
        from xctgraph.store.errors import MissingExtra

        raise MissingExtra(str(error.name), "ml", "training") from error

    numbers = shares.split("/")
    if len(numbers) != 3 or not all(number.strip().isdecimal() for number in numbers):
        raise InputError(f"--split {shares!r}: shares of training, validation and test, as in 85/5/5")
    train_, validation, test = map(int, numbers)
    found = annotated.load(job, n_slices, pseudo=pseudo)
    return found, split.split(found.examples, (train_, validation, test), seed=seed, apart=apart)


def _grid(annotated: AnnotatedSlices, parts: Split, spec: Any, path: Path, out: Path, progress: Progress, *, json_: bool) -> None:
    from xctgraph.ingest.learning import grid

    rows = grid.run(annotated, grid.load(path, spec), out, parts, progress=progress)
    compared = grid.compare(rows)
    if json_:
        shown = [{key: value for key, value in row.items() if key != "confusion"} for row in rows]
        write_json({"runs": shown, "comparisons": [vars(one) for one in compared]})
        return
    scores = ("accuracy", "precision", "recall", "f1", "miou")
    typer.echo(f"{'network':44}{'mean F1':>8}  " + "".join(f"{score:>16}" for score in scores))
    for row in rows:
        cells = [f"{row[score]:.3f} ({_printed(row[f'published_{score}'])})" for score in scores]
        typer.echo(f"{row['name']:44}{row['mean_f1']:>8.3f}  " + "".join(f"{cell:>16}" for cell in cells))
    typer.echo(
        "mean F1: over the classes but the background, by its usual definition. The others are in the accounting of the "
        "reference study (averages weighted by pixels), in brackets what it printed for its own data"
    )
    for one in compared:
        low, high = one.interval
        typer.echo(
            f"{one.question} {one.first} - {one.second}: mean F1 {one.difference:+.3f} ({low:+.3f} to {high:+.3f}; "
            f"{one.pairs} pairs)"
        )


def _printed(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".lstrip("0")


def _print_scores(test: dict[str, Any], metrics: str) -> None:
    if metrics == "reference":
        said = ", ".join(f"{name} {value:.3f}" for name, value in test["reference"].items())
        typer.echo(
            f"{said}\nin the accounting of the reference study: averages weighted by pixels, of which nearly all are background; "
            "accuracy equals recall"
        )
        return
    typer.echo(
        f"{'class':14}{'precision':>11}{'recall':>9}{'F1':>9}{'interval':>16}{'IoU':>9}{'boundary F1':>13}{'object F1':>11}"
    )
    for name, one in test["classes"].items():
        interval = "-" if one["f1_interval"] is None else "{:.3f} to {:.3f}".format(*one["f1_interval"])
        object_f1 = one.get("objects", {}).get("f1")
        cells = [(one["precision"], 11), (one["recall"], 9), (one["f1"], 9)]
        text = "".join(f"{_score(value):>{n}}" for value, n in cells)
        rest = "".join(f"{_score(value):>{n}}" for value, n in [(one["iou"], 9), (one.get("boundary_f1"), 13), (object_f1, 11)])
        typer.echo(f"{name:14}{text}{interval:>16}{rest}")
    typer.echo(f"accuracy {test['accuracy']:.3f}, mIoU {test['miou']:.3f} over {test['slices']} test slices")


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def segment(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET.toml", help="The series to segment.", show_default=False)],
    model: Annotated[Path, typer.Option("--model", help="model.pt of xctgraph train.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder of the masks; a run that was cut off goes on there.")] = Path(
        "masks"
    ),
    runtime: Annotated[str, typer.Option("--runtime", help="auto, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
    consistent: Annotated[
        bool, typer.Option("--consistent/--each-slice", help="See slices together with their neighbours in z, or each alone.")
    ] = True,
    workers: Annotated[int, typer.Option("--workers", help="Processes.", min=1)] = 1,
    json_: Json = False,
) -> None:
    """Segment all scans of a dataset with a trained network."""
    from xctgraph.ingest import config

    try:
        from xctgraph.ingest.learning import segment as segmenting
    except ImportError as error:
        from xctgraph.store.errors import MissingExtra

        raise MissingExtra(str(error.name), "ml", "segmenting with a model") from error
    progress = Progress(quiet=json_)
    options = segmenting.Options(model, runtime, precision, consistent)
    try:
        made = segmenting.segment(config.load(dataset), options, out, workers=workers, progress=progress)
    finally:
        progress.close()
    if json_:
        write_json({"dataset": str(made)})
        return
    typer.echo(f"masks and their confidence in {out}. Next: xctgraph ingest {made}")
