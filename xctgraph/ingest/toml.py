"""Dataset files, written: what `config.load` reads back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xctgraph.ingest import config
from xctgraph.ingest.volumes import places


def write_segmented(
    path: Path, dataset: config.Dataset, kinds: Mapping[int, str], labels: Mapping[int, str], confidence: Mapping[int, str]
) -> None:
    """Write a dataset whose voxels are classed already.

    Parameters
    ----------
    path
        File to write.
    dataset
        As read from its own file; its volumes stay where they are.
    kinds
        Kind of each value of the masks.
    labels, confidence
        Mask, and volume of its confidence, of each scan, relative to the folder of `path`.
    """
    content: dict[str, Any] = dataset.model_dump(exclude_unset=True, exclude_none=True, exclude={"segmentation", "scan"})
    content["segmentation"] = {"method": "mask", "kinds": {str(value): kind for value, kind in kinds.items()}}
    content["scan"] = [
        scan.moved(places.absolute).model_dump(exclude_unset=True, exclude_none=True)
        | {"labels": labels[scan.t], "confidence": confidence[scan.t]}
        for scan in dataset.scan
    ]
    path.write_text(dumps(content), encoding="utf-8")


def dumps(content: Mapping[str, Any]) -> str:
    """TOML of a mapping of sections; each is a mapping of values, or a list of such."""
    blocks = []
    for name, section in content.items():
        sections = section if isinstance(section, list) else [section]
        title = f"[[{name}]]" if isinstance(section, list) else f"[{name}]"
        blocks += ["\n".join([title, *(f"{key} = {_value(value)}" for key, value in one.items())]) for one in sections]
    return "\n\n".join(blocks) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    # Strings, numbers and booleans are written alike in JSON and TOML; JSON alone escapes beyond the basic plane by pairs.
    return json.dumps(value, ensure_ascii=False)
