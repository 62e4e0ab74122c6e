"""What the configuration declares of a specimen and a scan, completed by what the files say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from xctgraph.ingest.volumes.protocol import Value

Model = TypeVar("Model", bound=BaseModel)


def merged(declared: Model, found: Mapping[str, Value], where: str) -> tuple[Model, list[str]]:
    """Fill what is not declared with what was found; what is declared stays, and a contradiction is a warning.

    Numbers contradict beyond 1 %, times beyond a second, texts apart from case.
    """
    fields = {name: value for name, value in found.items() if name in type(declared).model_fields}
    lacking = {name: value for name, value in fields.items() if getattr(declared, name) is None}
    warnings = [
        f"{where}: {name} declared is {getattr(declared, name)!r}, the file says {value!r}: the declared one is used"
        for name, value in fields.items()
        if name not in lacking and _contradicts(getattr(declared, name), value)
    ]
    return declared.model_copy(update=lacking), warnings


def _contradicts(declared: Value, found: Value) -> bool:
    if isinstance(declared, str):
        with suppress(ValueError, TypeError):
            return abs((datetime.fromisoformat(declared) - datetime.fromisoformat(str(found))).total_seconds()) > 1
        return declared.strip().casefold() != str(found).strip().casefold()
    return not np.isclose(declared, float(found), rtol=0.01, atol=1e-12)
