"""`sample`: choose slices to annotate, and take the masks back."""

from __future__ import annotations

import csv
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xctgraph.cli.common import Json, pairs
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from xctgraph.ingest.sampling.choose import Settings

OUT = Path("annotate")


def sample(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="DATASET.toml | import JOB MASK...",
            help="A dataset file whose slices to choose from; `import` takes masks (files, or folders of them) into a job.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the labelling job to write.")] = OUT,
    n: Annotated[int, typer.Option("--n", help="Slices to choose.", min=1)] = 95,
    method: Annotated[
        str, typer.Option("--method", help="dids, typiclust, probcover, random, uniform or spatiotemporal.")
    ] = "dids",
    model: Annotated[
        str,
        typer.Option(
            "--model", help="efficientnet-lite0 (its weights are installed), clip, clip:ARCHITECTURE or a name of timm."
        ),
    ] = "efficientnet-lite0",
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="File of the weights of the model.", show_default="installed, or from the hub"),
    ] = None,
    runtime: Annotated[str, typer.Option("--runtime", help="auto, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
    step: Annotated[int, typer.Option("--step", help="Look at every so-many-th slice only.", min=1)] = 1,
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", help="Folder of the embeddings, made or used again.", show_default="OUT/embeddings"),
    ] = None,
    clusters: Annotated[
        int | None, typer.Option("--clusters", help="Number of clusters.", min=1, show_default="the best silhouette of 5 to 40")
    ] = None,
    clustering: Annotated[str, typer.Option("--clustering", help="kmeans, gaussian-mixture or agglomerative.")] = "kmeans",
    alpha: Annotated[float, typer.Option("--alpha", help="Weight of looks against the scalar, 0 to 1 (dids).")] = 0.85,
    metric: Annotated[str, typer.Option("--metric", help="euclidean or cosine (dids).")] = "euclidean",
    least: Annotated[int, typer.Option("--least", help="Fewest slices of a cluster (dids).", min=0)] = 1,
    most: Annotated[
        int | None, typer.Option("--most", help="Most slices of a cluster (dids).", min=1, show_default=False)
    ] = None,
    scalar: Annotated[
        str | None,
        typer.Option(
            "--scalar",
            help="strain, load_n, time_s or t: how far the test had come.",
            show_default="the first that all scans state",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of clusters and random choices.", min=0)] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Choose by every method too, and write their scores to OUT/scores.csv.")
    ] = False,
    annotator: Annotated[str, typer.Option("--annotator", help="Who made the masks (import).")] = "annotator",
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="NAME=VALUE of a class; may be given several times: of the job, or of these masks (import).",
            show_default="background=0 inclusion=1 pore=2 fracture=3",
        ),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take masks though some slices have none (import).")] = False,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Pixels that boundaries of two annotators may differ by (import).", min=0)
    ] = 2.0,
    json_: Json = False,
) -> None:
    """Choose slices to annotate: few that differ in looks and in how far the sample was strained."""
    from xctgraph.ingest.sampling.choose import Settings

    named = _classes(classes)
    if inputs[0] == "import":
        if len(inputs) < 3:
            raise InputError(
                "nothing to import: give the folder of the job and masks, as in xctgraph sample import annotate masks/"
            )
        _import(Path(inputs[1]), [Path(place) for place in inputs[2:]], annotator, named, tolerance, partial=partial, json_=json_)
        return
    if len(inputs) > 1:
        raise InputError(f"{len(inputs)} inputs: give one dataset file, whose scans are all the volumes to choose from")
    settings = Settings(n, method, clusters, clustering, alpha, metric, least, most, scalar, seed)  # type: ignore[arg-type]
    _choose(
        Path(inputs[0]), out, embeddings or out / "embeddings", settings, (model, weights, runtime, precision), step, named,
        compare=compare, json_=json_,
    )  # fmt: skip


def _choose(
    dataset_file: Path,
    out: Path,
    embeddings: Path,
    settings: Settings,
    network: tuple[str, Path | None, str, str],
    step: int,
    classes: dict[str, int] | None,
    *,
    compare: bool,
    json_: bool,
) -> None:
    from xctgraph.analysis.sampling import draw
    from xctgraph.ingest import config
    from xctgraph.ingest.sampling import job
    from xctgraph.ingest.sampling.choose import check, choose
    from xctgraph.ingest.sampling.embed import embed
    from xctgraph.ingest.sampling.models import build
    from xctgraph.ingest.sampling.runtime import embedder

    dataset = config.load(dataset_file)
    check(settings)
    if compare and settings.n < 2:
        raise InputError(
            f"--compare with --n {settings.n}: diversity is that of two slices or more; choose more, or leave it out"
        )
    job.check_free(out)
    if classes is not None:
        job.check_classes(classes)
    model, weights, runtime, precision = network
    ready = embedder(build(model, weights), runtime, precision=precision)  # type: ignore[arg-type]
    progress = Progress(quiet=json_)
    try:
        embedding = embed(dataset, embeddings, ready, step=step, progress=progress)
        chosen = choose(embedding, settings)
        names = job.write(out, dataset, embedding, chosen, classes)
        draw(embedding, chosen, out)
        rows = _compared(dataset, embedding, settings, out, progress) if compare else []
    finally:
        progress.close()
    if json_:
        facts = chosen.facts | {"model": model, "weights": ready.model.weights, "runtime": ready.description}
        write_json({"job": str(out), "slices": names, "chosen": facts, "scores": rows})
        return
    typer.echo(
        f"{len(embedding.slices):,} slices embedded by {model} ({ready.model.weights.partition(',')[0]}; {ready.description})"
    )
    for tried in chosen.facts.get("tried", []):
        typer.echo(
            f"{tried['k']:>4} clusters: silhouette {tried['silhouette']:.3f}, Davies-Bouldin {tried['davies_bouldin']:.2f}"
        )
    typer.echo(f"{len(names)} slices chosen by {settings.method}, with {chosen.scalar} for how far the test had come: {out}")
    if rows:
        _print_scores(rows)
    typer.echo(f"annotate the files in {out / 'images'}, then: xctgraph sample import {out} MASKS")


def _compared(dataset: Any, embedding: Any, settings: Settings, out: Path, progress: Progress) -> list[dict[str, Any]]:
    from xctgraph.ingest.sampling.compare import compare

    rows = [
        {"method": one.method, **asdict(one.scores), "visual_metric": one.visual_metric}
        for one in compare(dataset, embedding, settings, progress)
    ]
    with (out / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _print_scores(rows: list[dict[str, Any]]) -> None:
    from xctgraph.ingest.sampling.scores import Scores

    names = [field.name for field in fields(Scores)]
    typer.echo("\n" + "".join([f"{'method':18}", *(f"{name.replace('_', ' '):>15}" for name in names)]))
    for row in rows:
        typer.echo("".join([f"{row['method']:18}", *(f"{row[name]:>15.4g}" for name in names)]))
    typer.echo(
        f"visual is {rows[0]['visual_metric']}; smaller is better for the mean gap, larger for all else. DIDS is made to have a "
        "large total: that says nothing of the models trained on its slices\n"
    )


def _import(
    folder: Path,
    places: list[Path],
    annotator: str,
    classes: dict[str, int] | None,
    tolerance: float,
    *,
    partial: bool,
    json_: bool,
) -> None:
    from xctgraph.ingest.sampling import agreement, job

    found = job.take(folder, places, annotator, classes=classes, partial=partial, tolerance=tolerance)
    agreed = agreement.summary(found.agreement)
    if json_:
        write_json(
            {"annotator": annotator, "slices": found.names, "missing": found.missing, "pixels": found.pixels, "agreement": agreed}
        )
        return
    pixels = ", ".join(f"{count:,} of {name}" for name, count in found.pixels.items())
    typer.echo(f"{len(found.names)} masks of {annotator} taken into {folder}: pixels {pixels}")
    if found.missing:
        typer.echo(f"{len(found.missing)} slices have no mask yet: {', '.join(found.missing[:5])}")
    for name, one in agreed.items():
        typer.echo(
            f"{name}: annotators agree to a boundary F1 of {one['boundary_f1']:.3f} (within {tolerance:g} pixels) and kappa "
            f"{one['kappa']:.3f}, {one['pairs']} pairs; no score of a model means more than that"
        )


def _classes(texts: list[str] | None) -> dict[str, int] | None:
    if not texts:
        return None
    found = {}
    for name, value in pairs(texts).items():
        if not value.isdecimal() or int(value) > 255:
            raise InputError(f"--class {name}={value}: the value of a class is 0 to 255")
        found[name] = int(value)
    return found
