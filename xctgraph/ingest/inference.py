"""OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


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
