"""What the core and the extras need, and under which licences."""

from __future__ import annotations

import tomllib
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from tests.supply.licences import CORE, EXTRAS, READ, by_extra, family, licence, needed, render

ROOT = Path(__file__).parents[2]
# It holds no file at all: it names the libraries of CUDA, which are listed themselves.
SILENT = {"cuda-toolkit"}


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "licences.md").read_text(encoding="utf-8") == render(), "run make docs"


def test_the_core_needs_nothing_under_gpl_or_of_unknown_licence() -> None:
    found = {one.name: (one.text, one.family) for one in by_extra()[CORE]}
    assert len(found) > 40
    assert {name: said for name, said in found.items() if said[1] not in ("permissive", "weak copyleft")} == {}


@pytest.mark.parametrize("extra", EXTRAS)
def test_no_extra_needs_anything_under_gpl_or_of_unknown_licence(extra: str) -> None:
    found = {one.name: (one.text, one.family) for one in by_extra()[extra] if one.name not in SILENT}
    assert {name: said for name, said in found.items() if said[1] in ("strong copyleft", "unknown")} == {}


def test_extras_are_those_of_the_project() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert sorted(EXTRAS) == sorted(declared)


@pytest.mark.parametrize("part", [CORE, *EXTRAS])
def test_what_is_needed_is_what_the_lock_says(part: str) -> None:
    """Packages that the lock asks for everywhere, and at most those that it asks for somewhere."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    always, somewhere = (_closure(locked, part, everywhere=everywhere) for everywhere in (True, False))
    found = needed(None if part == CORE else part)
    assert always <= found <= somewhere
    assert len(always) > 5


def _closure(locked: list[dict[str, object]], part: str, *, everywhere: bool) -> set[str]:
    (root,) = (one for one in locked if one["name"] == "xctgraph")
    waiting = [*root["dependencies"], *(root["optional-dependencies"][part] if part != CORE else ())]
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one["name"] in found or (everywhere and "marker" in one):
            continue
        found.add(one["name"])
        for held in locked:
            if held["name"] == one["name"]:
                waiting += held.get("dependencies", [])
                for extra in one.get("extra", []):
                    waiting += held["optional-dependencies"].get(extra, [])
    return found


@pytest.mark.parametrize("name", READ)
def test_licences_read_by_a_person_are_stated_nowhere_else(name: str) -> None:
    assert licence(distribution(name)).source == "read"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("GPL-3.0-only", "strong copyleft"),
        ("GNU General Public License v2 (GPLv2)", "strong copyleft"),
        ("GNU Affero General Public License v3 or later (AGPLv3+)", "strong copyleft"),
        ("AGPL-3.0-or-later", "strong copyleft"),
        ("MIT AND GPL-2.0-or-later", "strong copyleft"),
        ("MIT OR GPL-2.0-or-later", "permissive"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "weak copyleft"),
        ("LGPL-2.1-or-later", "weak copyleft"),
        ("MPL-2.0 AND MIT", "weak copyleft"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", "permissive"),
        ("MIT AND LicenseRef-Secret", "unknown"),
        ("permitted to nobody, limited", "unknown"),
        ("LicenseRef-NVIDIA-Proprietary", "proprietary"),
        ("", "unknown"),
    ],
)
def test_kinds_of_licences(text: str, kind: str) -> None:
    assert family(text) == kind


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["License-Expression: GPL-3.0-only"], "strong copyleft"),
        (["License: MIT", "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"], "strong copyleft"),
        (["License: UNKNOWN"], "unknown"),
        (["License: see the file", "Classifier: License :: OSI Approved :: BSD License"], "permissive"),
        (["Classifier: License :: OSI Approved"], "unknown"),
        ([], "unknown"),
    ],
)
def test_licence_of_a_package(lines: list[str], kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "some_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: Some_Package", "Version: 1.0", *lines, ""]))
    found = licence(PathDistribution(folder))
    assert (found.name, found.family) == ("some-package", kind)
