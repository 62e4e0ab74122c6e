"""`docs/dataset.md`, made from the configuration: `python -m xctgraph.ingest.config_docs docs/dataset.md` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from xctgraph.ingest import config

INTRODUCTION = """\
What `xctgraph ingest DATASET.toml` reads. The whole file is checked, volumes opened and shapes compared, before any work;
unknown fields are errors. `xctgraph ingest --dry-run DATASET.toml` prints the plan, `xctgraph ingest --schema` a JSON schema
for editors."""
EXAMPLE = """\
[sample]
id = "S1"
voxel_size_um = 1.63                # or [z, y, x]
material = "AlMg"

[segmentation]
method = "otsu"

[[scan]]
t = 0
path = "scan_000.h5:/entry/data"    # relative to this file
time_s = 0
load_n = 0

[[scan]]
t = 1
path = "slices_001"                 # a folder of TIFF slices
time_s = 600
load_n = 210
"""

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("[sample]", config.Sample),
    ("[segmentation]", config.Segmentation),
    ("[measure]", config.Measure),
    ("[proximity]", config.Proximity),
    ("[correspondence]", config.Correspondence),
    ("[fractures]", config.Fractures),
    ("[regions]", config.Regions),
    ("[watch]", config.Watch),
    ("[[scan]]", config.Scan),
)


def render() -> str:
    """Markdown of the whole page."""
    parts = [
        "# DATASET.toml",
        "<!-- made by `make docs` from xctgraph/ingest/config.py -->",
        INTRODUCTION,
        f"```toml\n{EXAMPLE}```",
    ]
    for title, model in SECTIONS:
        parts.append(
            f"## {title}\n\n{_doc(model)}\n\n| field | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(_rows(model))
        )
    return "\n\n".join(parts) + "\n"


def _doc(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def _rows(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()["properties"]
    rows = []
    for name, field in model.model_fields.items():
        default = _default(field.get_default(call_default_factory=True))
        rows.append(f"| `{name}` | {_type(schema[name])} | {default} | {field.description or ''} |")
    return rows


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "**required**"
    return "" if value is None else f"`{value}`"


def _type(schema: dict[str, object]) -> str:
    values = schema.get("enum")
    if isinstance(values, list):
        return " / ".join(f"`{value}`" for value in values)
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return " or ".join(_type(choice) for choice in choices if choice.get("type") != "null")
    items = schema.get("prefixItems")
    if isinstance(items, list) and items[0].get("type") == "array":
        return "`[[z0, z1], [y0, y1], [x0, x1]]` or text `z0:z1, y0:y1, x0:x1`"
    names = {"array": "number or `[z, y, x]`", "string": "text", "object": "table", "boolean": "true / false"}
    kind = str(schema.get("type"))
    return names.get(kind, kind)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
