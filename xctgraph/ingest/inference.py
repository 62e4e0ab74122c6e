"""OpenVINO without its telemetry, and within the limits."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from xctgraph.store import limits


def import_openvino() -> Any:
    """Import OpenVINO so that it reports to nobody.

    Its converter tells a server of its maker that it was imported and what it converts, unless the user has declined in a file
    in the home folder. Without the package `openvino_telemetry` it takes a stub in its place.
    """
    name = "openvino_telemetry"
    held: ModuleType | None = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # documented: importing it fails
    try:
        import openvino
        import openvino.tools.ovc

        return openvino
    finally:
        if held is None:
            del sys.modules[name]
        else:
            sys.modules[name] = held


def threads() -> dict[str, int]:
    """Setting of OpenVINO for the number of threads, where one was asked for."""
    asked = limits.workers_asked_for()
    return {} if asked is None else {"INFERENCE_NUM_THREADS": asked}
