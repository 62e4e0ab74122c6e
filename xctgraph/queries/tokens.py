"""Cypher as tokens: enough to tell code from strings, comments and quoted names, and clauses from each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|$))
      | (?P<string>'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?)
      | (?P<quoted>`(?:``|[^`])*`?)
      | (?P<parameter>\$\w+)
      | (?P<number>(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<symbol>\.\.|<-|->|<>|<=|>=|=~|\+=|[^\s\w])""",
    re.DOTALL | re.VERBOSE,
)
_CLAUSES = frozenset({
    "MATCH", "OPTIONAL", "WITH", "RETURN", "UNWIND", "CALL", "UNION", "CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE",
    "FOREACH", "LOAD",
})  # fmt: skip
_OPENING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    """One token at `start` of the text; `depth` counts the brackets around it, and both brackets of a pair lie outside."""

    kind: str
    text: str
    line: int
    depth: int
    start: int

    @property
    def word(self) -> str:
        """The name in capitals; empty for all other tokens, quoted names among them."""
        return self.text.upper() if self.kind == "name" else ""


@dataclass(frozen=True)
class Clause:
    """One clause with the tokens from its keyword to the next clause of the same (sub)query."""

    keyword: str
    tokens: tuple[Token, ...]


def tokens(text: str) -> list[Token]:
    """Tokens of `text` without comments."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "comment":
            continue
        closing = match[0] in _OPENING.values()
        depth = max(0, depth - 1) if closing else depth
        found.append(Token(kind, match[0], text.count("\n", 0, match.start()) + 1, depth, match.start()))
        depth += match[0] in _OPENING
    return found


def closing(code: Sequence[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`, or the end of the code."""
    depth = code[opening].depth
    return next((i for i in range(opening + 1, len(code)) if code[i].depth == depth and code[i].text in ")]}"), len(code))


def split(code: Sequence[Token], separator: str = ",") -> Iterator[Sequence[Token]]:
    """Parts of `code` between separators that lie in none of its brackets."""
    base = min((t.depth for t in code), default=0)
    start = 0
    for i, token in enumerate(code):
        if token.text == separator and token.depth == base:
            yield code[start:i]
            start = i + 1
    yield code[start:]


def queries(code: Sequence[Token]) -> Iterator[list[Clause]]:
    """Clauses of the query and of each subquery in braces, the outermost first."""
    if code:
        yield _clauses(code)
    for i, token in enumerate(code):
        if token.text == "{" and i + 1 < len(code) and code[i + 1].word in _CLAUSES:
            yield _clauses(code[i + 1 : closing(code, i)])


def _clauses(code: Sequence[Token]) -> list[Clause]:
    depth = code[0].depth
    starts = [i for i, t in enumerate(code) if t.depth == depth and t.word in _CLAUSES and not _continues(code, i)]
    return [Clause(code[a].word, tuple(code[a:b])) for a, b in zip(starts, [*starts[1:], len(code)], strict=False)]


def _continues(code: Sequence[Token], i: int) -> bool:
    """Whether the keyword at `i` belongs to what stands before it: STARTS WITH, OPTIONAL MATCH, a property, a label."""
    if i == 0:
        return False
    before = code[i - 1]
    return before.text in (".", ":") or before.word in {"STARTS", "ENDS", "OPTIONAL", "DETACH", "AS"}
