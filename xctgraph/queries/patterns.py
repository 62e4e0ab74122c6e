"""Patterns of a Cypher query: its node variables and relationships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xctgraph.queries.tokens import Clause, Token, closing

Direction = Literal["right", "left", "none"]


@dataclass(frozen=True)
class Node:
    """A node of a pattern: variable and label, empty where there is none; `index` of its bracket in the pattern."""

    variable: str
    label: str
    at: Token
    index: int


@dataclass(frozen=True)
class Relationship:
    """A relationship of a pattern: types (none: any), direction, and the steps of `*` (None: one step)."""

    variable: str
    types: tuple[str, ...]
    direction: Direction
    steps: tuple[int, int | None] | None
    at: Token
    inner: tuple[Token, ...]
    index: int


def pattern(clause: Clause) -> tuple[Token, ...]:
    """Tokens of a MATCH from its keyword to its WHERE."""
    depth = clause.tokens[0].depth
    end = next((i for i, t in enumerate(clause.tokens) if t.word == "WHERE" and t.depth == depth), len(clause.tokens))
    return clause.tokens[:end]


def nodes(code: Sequence[Token]) -> list[Node]:
    """Nodes of a pattern."""
    found = []
    for i, token in enumerate(code):
        if token.text == "(" and i and (code[i - 1].kind == "symbol" or code[i - 1].word in {"MATCH", "OPTIONAL"}):
            inner = code[i + 1 : closing(code, i)]
            variable = inner[0].text if inner and inner[0].kind in ("name", "quoted") else ""
            rest = inner[1:] if variable else inner
            label = rest[1].text.strip("`") if len(rest) > 1 and rest[0].text == ":" else ""
            found.append(Node(variable.strip("`"), label, token, i))
    return found


def relationships(code: Sequence[Token]) -> list[Relationship]:
    """Relationships of a pattern, those without brackets (`-->`) left out."""
    found = []
    for i, token in enumerate(code):
        if token.text != "[" or not i or code[i - 1].text not in ("-", "<-"):
            continue
        end = closing(code, i)
        inner = tuple(code[i + 1 : end])
        right = end + 1 < len(code) and (
            code[end + 1].text == "->" or (code[end + 1].text == "-" and end + 2 < len(code) and code[end + 2].text == ">")
        )
        left = code[i - 1].text == "<-"
        direction: Direction = "none" if left == right else "left" if left else "right"
        variable = inner[0].text.strip("`") if inner and inner[0].kind in ("name", "quoted") else ""
        found.append(Relationship(variable, _types(inner), direction, _steps(inner), token, inner, i))
    return found


def joined(code: Sequence[Token]) -> list[tuple[Relationship, Node, Node]]:
    """Relationships of a pattern with the node before and the node after each."""
    ends = nodes(code)
    found = []
    for edge in relationships(code):
        before = [n for n in ends if n.index < edge.index]
        after = [n for n in ends if n.index > edge.index]
        if before and after:
            found.append((edge, before[-1], after[0]))
    return found


def _types(inner: Sequence[Token]) -> tuple[str, ...]:
    """Names after the first `:`, up to what is neither a name nor one of `:`, `|`, `&`."""
    start = next((i for i, t in enumerate(inner) if t.text == ":"), len(inner))
    found = []
    for token in inner[start:]:
        if token.kind in ("name", "quoted"):
            found.append(token.text.strip("`"))
        elif token.text not in (":", "|", "&"):
            break
    return tuple(found)


def _steps(inner: Sequence[Token]) -> tuple[int, int | None] | None:
    star = next((i for i, t in enumerate(inner) if t.text == "*"), None)
    if star is None:
        return None
    rest = [t for t in inner[star + 1 :] if t.kind == "number" or t.text == ".."][:3]
    if not rest:
        return 1, None
    if rest[0].text == "..":
        return 1, int(rest[1].text) if len(rest) > 1 else None
    low = int(rest[0].text)
    if len(rest) == 1 or rest[1].text != "..":
        return low, low
    return low, int(rest[2].text) if len(rest) > 2 else None
