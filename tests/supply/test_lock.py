"""Every package that `make` installs is known by its content: uv refuses what does not have the hash of the lock."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKED: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]


def test_packages_come_from_the_registry_alone() -> None:
    sources = {one["name"]: one["source"] for one in LOCKED}
    assert sources.pop("xctgraph") == {"editable": "."}
    assert len(sources) > 250
    assert {name: source for name, source in sources.items() if source != {"registry": "https://pypi.org/simple"}} == {}


def test_every_file_has_its_hash() -> None:
    files = [
        (one["name"], file) for one in LOCKED for file in [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]
    ]
    assert {one["name"] for one in LOCKED} - {name for name, _ in files} == {"xctgraph"}
    assert [(name, file["url"]) for name, file in files if not re.fullmatch(r"sha256:[0-9a-f]{64}", file.get("hash", ""))] == []
    assert [(name, file["url"]) for name, file in files if not file["url"].startswith("https://files.pythonhosted.org/")] == []


@pytest.mark.parametrize("target", [".venv/core", ".venv/full", ".venv/web"])
def test_make_installs_what_is_locked(target: str) -> None:
    """`--frozen` takes the lock as it is."""
    recipe = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    commands = [line for line in recipe[1].splitlines() if "$(UV)" in line]
    assert commands
    assert all("sync --frozen" in line for line in commands)
