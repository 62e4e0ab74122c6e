"""A page of slices with their pseudo-labels: grey values, classes over them, confidence."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xctgraph.analysis import html
from xctgraph.analysis.style import KIND_COLOURS
from xctgraph.ingest.pseudo.parameters import KINDS
from xctgraph.ingest.pseudo.work import Report, Shown, scores_of

PAGE = "overlays.html"
_OPACITY = 0.55


def write(report: Report, folder: Path) -> Path:
    """Write `overlays.html` into a folder; it asks for nothing else."""
    parameters = report.parameters.as_json()
    parameters.pop("calibration")
    facts = {kind: _told(report, kind) for kind in KINDS}
    sides = {side: parameters.pop(side) for side in ("bright", "dark")}
    flat = {name: str(value) for name, value in parameters.items()}
    flat |= {f"{side}: {name}": str(value) for side, values in sides.items() for name, value in values.items()}
    legend = " ".join(f'<span style="color:{KIND_COLOURS[kind]}">&#9632;</span> {kind}' for kind in KINDS)
    body = [
        "<h1>Pseudo-labels</h1>",
        *(html.paragraph(note) for note in report.notes),
        html.sections(
            [
                ("What was found", html.definitions(facts)),
                ("Parameters", html.paragraph(_origin(report)) + html.definitions(flat)),
                (
                    "Slices",
                    f"<p>{legend}. Grey values, classes, confidence (white is sure).</p>" + "".join(map(_row, report.shown)),
                ),
            ]
        ),
    ]
    path = folder / PAGE
    path.write_text(html.page("Pseudo-labels", "\n".join(body), script=False), encoding="utf-8")
    return path


def _told(report: Report, kind: str) -> str:
    text = f"{report.pixels[kind]:,} pixels of {report.slices:,} slices"
    if kind in report.confidence:
        text += f", mean confidence {report.confidence[kind]:.3f}"
    found = scores_of(report.sought).get(kind) if report.sought else None
    if found is not None and found.objects:
        text += f"; on annotated slices that took no part: pixel F1 {found.pixel_f1:.3f}, object F1 {found.object_f1:.3f}"
    return text


def _origin(report: Report) -> str:
    if report.sought is None:
        return "As given, or defaults: there was no search on annotated slices. Lengths are in pixels, thresholds in noise."
    return (
        f"Sought on {report.sought.slices} annotated slices, {report.sought.folds}-fold cross-validation. Lengths are in pixels, "
        "thresholds in standard deviations of the noise."
    )


def _row(one: Shown) -> str:
    colours = np.array([[0, 0, 0], *(_rgb(KIND_COLOURS[kind]) for kind in KINDS)], np.float32)
    grey = np.repeat(one.grey[..., None], 3, axis=2)
    alpha = np.where(one.classes > 0, np.float32(_OPACITY), np.float32(0))[..., None]
    over = (grey * (1 - alpha) + colours[one.classes] * alpha).astype(np.uint8)
    pictures = (("grey values", one.grey), ("classes", over), ("confidence", one.confidence))
    images = "".join(
        f'<img alt="{escape(f"{one.name}: {what}")}" src="data:image/png;base64,{_png(picture)}" '
        'style="width:32.5%;image-rendering:pixelated">'
        for what, picture in pictures
    )
    return f"<figure><div>{images}</div><figcaption>{escape(one.name)}</figcaption></figure>"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(picture: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=False)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
