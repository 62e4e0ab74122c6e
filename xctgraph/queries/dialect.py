"""What in a Cypher text is not portable: constructs that fail on one engine, or give other rows without an error.

The rules are those measured on Neo4j 5.26 and Ladybug 0.22 (`README.md` of this part lists them). The check reads tokens, not a
grammar: it never refuses a query, and it can miss what only types would tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xctgraph.queries import patterns, rules
from xctgraph.queries.tokens import Clause, Token, closing, queries, split, tokens
from xctgraph.store.ddl import edge_tables, node_tables
from xctgraph.store.schema import DERIVED_EDGES, TABLES

_COMPARISONS = frozenset({"<", ">", "<=", ">=", "=", "<>"})
_NODE_COLUMNS = {table.node: {c.name for c in table.graph_columns} for table in node_tables()}
_EDGE_COLUMNS = {table.edge: {c.name for c in table.graph_columns} for table in edge_tables()} | {
    e.name: set() for e in DERIVED_EDGES
}
_INTEGERS = {c.name for t in TABLES.values() for c in t.columns if c.type.startswith("int")}
_LONGEST = 30
_QUANTIFIERS = frozenset({"all", "any", "none", "single"})


@dataclass(frozen=True)
class Finding:
    """One construct that is not portable."""

    construct: str
    reason: str
    portable: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.construct}: {self.reason}. Portable: {self.portable}."


def check(text: str) -> list[Finding]:
    """Constructs of `text` that do not mean the same on Ladybug and Neo4j, in the order of the text, each named once per line."""
    code = tokens(text)
    found = [*_functions(code), *_lists(code), *_names(code), *_subqueries(code)]
    for clauses in queries(code):
        for clause in clauses:
            found += _clause(clause)
        found += [*_ordered_collect(clauses), *_projections(clauses), *_edges_between_edges(clauses)]
    found += _properties(code)
    return sorted(dict.fromkeys(found), key=lambda f: f.line)


def _found(rule: str, at: Token, construct: str = "") -> Finding:
    name, reason, portable = rules.CONSTRUCTS[rule]
    return Finding(construct or name, reason, portable, at.line)


def _functions(code: Sequence[Token]) -> Iterator[Finding]:
    for i, token in enumerate(code[:-1]):
        before = code[i - 1].text if i else ""
        if token.kind != "name" or code[i + 1].text != "(" or before == ":":
            continue
        name = token.text.lower()
        arguments = list(split(code[i + 2 : closing(code, i + 1)]))
        if before == "." and i > 1:
            name = f"{code[i - 2].text.lower()}.{name}"
        if name == "round" and len(arguments) > 1:
            yield _found("round", token)
        elif name == "sum" and _is_integer(arguments[0]):
            yield _found("sum", token)
        elif name in _QUANTIFIERS and _over_path(arguments[0]) and _of_several_lengths(code):
            yield _found("path quantifier", token)
        elif name in rules.FUNCTIONS and not (name == "log" and _is_ratio(code, i)):
            reason, portable = rules.FUNCTIONS[name]
            yield Finding(f"{name}()", reason, portable, token.line)


def _over_path(argument: Sequence[Token]) -> bool:
    return any(token.text.lower() in ("relationships", "nodes") for token in argument)


def _of_several_lengths(code: Sequence[Token]) -> bool:
    return any(r.steps is not None and r.steps[0] != r.steps[1] for r in patterns.relationships(code))


def _is_ratio(code: Sequence[Token], i: int) -> bool:
    """Whether the logarithm at `i` is over, or under, another one: then the base does not matter."""
    end = closing(code, i + 1)
    over = [t.text.lower() for t in code[end + 1 : end + 4]] == ["/", "log", "("]
    start = next((k for k in range(i - 2, -1, -1) if code[k].text == "(" and code[k].depth == code[i].depth), 0)
    under = i > 3 and [code[i - 1].text, code[i - 2].text, code[start - 1].text.lower()] == ["/", ")", "log"]
    return over or under


def _is_integer(argument: Sequence[Token]) -> bool:
    """Whether a sum is of whole numbers, as far as literals and property names tell."""
    values = [t for i, t in enumerate(argument) if i and argument[i - 1].word in {"THEN", "ELSE"}] or list(argument)
    if any(t.kind == "number" and not t.text.isdecimal() for t in argument):
        return False
    numbers = [t for t in values if t.kind == "number"]
    properties = [t for i, t in enumerate(argument) if i and argument[i - 1].text == "." and t.kind == "name"]
    integral = [t.text in _INTEGERS for t in properties]
    return all(integral) and bool(numbers or integral)


def _lists(code: Sequence[Token]) -> Iterator[Finding]:
    for i, token in enumerate(code):
        if token.text != "[" or not i or code[i - 1].text in ("-", "<-"):
            continue
        inner = code[i + 1 : closing(code, i)]
        top = [t for t in inner if t.depth == token.depth + 1]
        before = code[i - 1]
        if (before.kind in ("name", "quoted", "parameter") and before.word not in rules.KEYWORDS) or before.text in (")", "]"):
            yield _found("slice" if any(t.text == ".." for t in top) else "index", token)
        elif len(inner) > 1 and inner[0].kind == "name" and inner[1].word == "IN":
            yield _found("list comprehension", token)
        elif any(t.text == "|" for t in top):
            yield _found("pattern comprehension", token)


def _names(code: Sequence[Token]) -> Iterator[Finding]:
    for i, token in enumerate(code):
        before = code[i - 1] if i else token
        after = code[i + 1] if i + 1 < len(code) else token
        bound = before.word == "AS" or (before.text in ("(", "[") and after.text in (":", ")", "]", "{"))
        if token.kind == "parameter" and token.text[1:].upper() in rules.RESERVED:
            yield _found("reserved name", token, f"parameter {token.text}")
        elif bound and token.word in rules.RESERVED and token.word not in rules.KEYWORDS_OF_PATTERNS:
            yield _found("reserved name", token, f"name {token.text}")
        if token.word in rules.STATEMENTS and before.text not in (".", ":") and before.word != "AS":
            yield _found(token.word.lower(), token)
        if token.text == "+=":
            yield _found("+=", token)
        if token.text == "{" and before.kind == "name" and after.text == "." and before.word not in rules.KEYWORDS:
            yield _found("map projection", token)
        if token.text == "|" and after.text == ":" and token.depth:
            yield _found("|:", token)


def _subqueries(code: Sequence[Token]) -> Iterator[Finding]:
    for i, token in enumerate(code[:-2]):
        if code[i + 1].text != "{":
            continue
        if token.word in {"EXISTS", "COUNT"} and code[i + 2].word not in {"MATCH", "OPTIONAL"}:
            yield _found("short subquery", token, f"{token.word} {{ (…) }}")
        elif token.word in {"COLLECT", "CALL"}:
            yield _found(f"{token.word.lower()} subquery", token)
    for i, token in enumerate(code):
        if token.word == "CALL" and i + 1 < len(code) and code[i + 1].text == "(":
            yield _found("call subquery", token)


def _clause(clause: Clause) -> Iterator[Finding]:
    if clause.keyword in {"MATCH", "OPTIONAL", "MERGE"}:
        yield from _match(patterns.pattern(clause))
    depth = clause.tokens[0].depth
    words = [t.word for t in clause.tokens if t.depth == depth]
    if clause.keyword == "WITH" and "ORDER" in words and "LIMIT" not in words:
        yield _found("WITH ORDER BY", clause.tokens[0])
    yield from _chained(clause)


def _match(code: Sequence[Token]) -> Iterator[Finding]:
    yield from _labels(code)
    depth = code[0].depth
    paths = list(split(code[1:]))
    if sum(1 for path in paths if any(t.depth == depth for t in path)) > 1:
        yield _found("comma", code[0])
    for i, token in enumerate(code):
        if token.word == "WHERE" and token.depth > depth and not any(t.text == "{" for t in code[:i]):
            yield _found("inline WHERE", token)
    edges = patterns.relationships(code)
    for edge in edges:
        yield from _relationship(edge)
    for i, edge in enumerate(edges):
        for other in edges[i + 1 :]:
            shared = not edge.types or not other.types or set(edge.types) & set(other.types)
            chain = edge.direction == other.direction != "none"
            if shared and not chain:
                yield _found("repeated relationship", other.at)


def _labels(code: Sequence[Token]) -> Iterator[Finding]:
    for node in patterns.nodes(code):
        if node.label and node.label not in _NODE_COLUMNS:
            yield _found("unknown label", node.at, f"label {node.label}")
    for i, token in enumerate(code[:-3]):
        names = [t.kind in ("name", "quoted") for t in code[i : i + 4]]
        if [t.text for t in code[i : i + 3 : 2]] == [":", ":"] and names[1] and names[3]:
            yield _found("several labels", token)
    for edge in patterns.relationships(code):
        for name in edge.types:
            if name not in _EDGE_COLUMNS:
                yield _found("unknown type", edge.at, f"relationship {name}")


def _relationship(edge: patterns.Relationship) -> Iterator[Finding]:
    for token in edge.inner:
        if token.word in {"SHORTEST", "TRAIL", "ACYCLIC", "WSHORTEST"}:
            yield _found("path mode", token, f"* {token.text}")
    if edge.steps is None:
        return
    _, most = edge.steps
    if most is None:
        yield _found("unbounded", edge.at)
    elif most > _LONGEST:
        yield _found("long", edge.at)
    if edge.direction == "none" and most != 1:
        yield _found("undirected walk", edge.at)
    if any(t.text == "|" and i + 1 < len(edge.inner) and edge.inner[i + 1].word == "WHERE" for i, t in enumerate(edge.inner)):
        yield _found("step filter", edge.at)


def _chained(clause: Clause) -> Iterator[Finding]:
    last: dict[int, str] = {}
    code = clause.tokens
    if clause.keyword in {"MATCH", "OPTIONAL", "MERGE"}:
        code = code[len(patterns.pattern(clause)) :]
    for token in code:
        if token.text in _COMPARISONS and token.kind == "symbol":
            if last.get(token.depth):
                yield _found("chained comparison", token)
            last[token.depth] = token.text
        elif token.text in (",", "(", "[", "{", "|") or (token.word in rules.KEYWORDS and token.word not in {"IN", "IS", "NULL"}):
            last[token.depth] = last[token.depth + 1] = ""


def _ordered_collect(clauses: Sequence[Clause]) -> Iterator[Finding]:
    ordered = False
    for clause in clauses:
        words = [t.word for t in clause.tokens]
        if ordered and "COLLECT" in words:
            yield _found("ordered collect", clause.tokens[words.index("COLLECT")])
        if clause.keyword == "WITH":
            ordered = "ORDER" in words


def _edges_between_edges(clauses: Sequence[Clause]) -> Iterator[Finding]:
    """Conditions on a relationship that is joined at both its ends to others in one step of the query."""
    for part in _joined_at_once(clauses):
        edges = [edge for clause in part for edge in patterns.joined(patterns.pattern(clause))]
        for i, (edge, *ends) in enumerate(edges):
            others = [node for k, (_, *nodes) in enumerate(edges) if k != i for node in nodes]
            if all(any(_same(end, other) for other in others) for end in ends) and _has_condition(edge, part):
                yield _found("edge between edges", edge.at)


def _joined_at_once(clauses: Sequence[Clause]) -> Iterator[list[Clause]]:
    """The MATCH clauses between two WITH; an OPTIONAL MATCH is joined after them, by itself."""
    part: list[Clause] = []
    for clause in clauses:
        if clause.keyword == "OPTIONAL":
            yield [clause]
        elif clause.keyword == "MATCH":
            part.append(clause)
        elif part:
            yield part
            part = []


def _same(one: patterns.Node, other: patterns.Node) -> bool:
    return one is other or one.at is other.at or (one.variable != "" and one.variable == other.variable)


def _has_condition(edge: patterns.Relationship, part: Sequence[Clause]) -> bool:
    if any(token.text == "{" for token in edge.inner):
        return True
    for clause in part:
        code = clause.tokens[len(patterns.pattern(clause)) :]
        for token, dot in pairwise(code):
            if edge.variable and token.text.strip("`") == edge.variable and dot.text == ".":
                return True
    return False


def _projections(clauses: Sequence[Clause]) -> Iterator[Finding]:
    variables: set[str] = set()
    optional = False
    for clause in clauses:
        if clause.keyword in {"MATCH", "OPTIONAL", "MERGE"}:
            code = patterns.pattern(clause)
            variables |= {n.variable for n in patterns.nodes(code)} | {e.variable for e in patterns.relationships(code)}
            optional = optional or clause.keyword == "OPTIONAL"
        if clause.keyword in {"WITH", "RETURN"}:
            depth = clause.tokens[0].depth
            ends = (i for i, t in enumerate(clause.tokens) if t.word in {"ORDER", "SKIP", "LIMIT", "WHERE"} and t.depth == depth)
            stop = next(ends, len(clause.tokens))
            items = [list(item) for item in split([t for t in clause.tokens[1:stop] if t.word != "DISTINCT"]) if item]
            ordered = any(t.word == "ORDER" for t in clause.tokens[stop:])
            yield from _sums(items, optional=optional)
            if clause.keyword == "RETURN":
                yield from _returned(items, variables, ordered=ordered)


def _sums(items: Sequence[Sequence[Token]], *, optional: bool) -> Iterator[Finding]:
    """Sums that may be of no values: after an OPTIONAL MATCH, or with nothing to group by."""
    ungrouped = all(any(t.word in rules.AGGREGATES for t in item) for item in items)
    for item in items:
        for i, token in enumerate(item):
            if token.word == "SUM" and (optional or ungrouped) and [t.word for t in item[max(0, i - 2) : i]] != ["COALESCE", ""]:
                yield _found("empty sum", token)


def _returned(items: Sequence[Sequence[Token]], variables: set[str], *, ordered: bool) -> Iterator[Finding]:
    for item in items:
        named = len(item) > 1 and item[-2].word == "AS"
        node = item[0].text.strip("`") in variables and item[0].kind != "string"
        if len(item) == (3 if named else 1) and (item[0].text == "*" or node):
            yield _found("whole node", item[0], f"RETURN {item[0].text}")
        elif ordered and named and item[-1].text.strip("`") in variables:
            yield _found("hidden variable", item[-1], f"AS {item[-1].text}")


def _properties(code: Sequence[Token]) -> Iterator[Finding]:
    columns: dict[str, set[str]] = {}
    for clauses in queries(code):
        for clause in clauses:
            if clause.keyword in {"MATCH", "OPTIONAL", "MERGE"}:
                part = patterns.pattern(clause)
                for node in patterns.nodes(part):
                    if node.variable and node.label in _NODE_COLUMNS:
                        columns.setdefault(node.variable, set()).update(_NODE_COLUMNS[node.label])
                for edge in patterns.relationships(part):
                    if edge.variable and edge.types and all(name in _EDGE_COLUMNS for name in edge.types):
                        columns.setdefault(edge.variable, set()).update(*(_EDGE_COLUMNS[name] for name in edge.types))
    renamed = {t.text for i, t in enumerate(code) if i and code[i - 1].word == "AS"}
    for i, token in enumerate(code[:-2]):
        owner = token.text.strip("`")
        if token.kind in ("name", "quoted") and code[i + 1].text == "." and owner in columns and owner not in renamed:
            name = code[i + 2].text.strip("`")
            if code[i + 2].kind in ("name", "quoted") and name not in columns[owner] and not (i and code[i - 1].text == "."):
                yield _found("unknown property", code[i + 2], f"property {owner}.{name}")
