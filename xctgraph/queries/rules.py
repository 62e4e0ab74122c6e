"""The constructs that are not portable: why, and what to write. Measured on Neo4j 5.26.14 and Ladybug 0.22.0."""

from __future__ import annotations

_LADYBUG = "Ladybug does not have it"
_NEO4J = "Neo4j does not have it"
_PYTHON = "return the values and compute it in Python"
_LISTS = "do lists in Python"
_DATES = "dates as ISO text or integers"

FUNCTIONS: dict[str, tuple[str, str]] = {
    "log": ("natural logarithm on Neo4j, base 10 on Ladybug", "log10(x), or log(x) / log(2.718281828459045)"),
    "ln": (_NEO4J, "log(x) / log(2.718281828459045)"),
    "substring": ("counts from 0 on Neo4j, from 1 on Ladybug", "strings in Python"),
    "round": ("one argument is an error on Ladybug", "round in Python"),
    "id": ("an integer on Neo4j, an internal address on Ladybug", "the key of the schema, e.g. f.feature_id"),
    "elementid": (_LADYBUG, "the key of the schema, e.g. f.feature_id"),
    "labels": ("a list on Neo4j, a string on Ladybug", "one label per pattern, and f.kind"),
    "label": (_NEO4J, "one label per pattern, and f.kind"),
    "type": (_LADYBUG, "one relationship type per pattern"),
    "timestamp": ("other kinds of value", _DATES),
    "date": ("other kinds of value", _DATES),
    "datetime": (_LADYBUG, _DATES),
    "point": (_LADYBUG, "the columns z, y, x"),
    "point.distance": (_LADYBUG, "sqrt of the summed squares of z, y, x, or the NEAR edges"),
    "distance": (_LADYBUG, "sqrt of the summed squares of z, y, x, or the NEAR edges"),
    "reduce": (_LADYBUG, _LISTS),
    "head": (_LADYBUG, _LISTS),
    "last": (_LADYBUG, _LISTS),
    "split": (_LADYBUG, "strings in Python"),
    "exp": (_LADYBUG, "2.718281828459045 ^ x"),
    "e": (_LADYBUG, "2.718281828459045"),
    "stdev": (_LADYBUG, "sqrt(avg(x * x) - avg(x) * avg(x)), or SQL"),
    "tointeger": (_LADYBUG, _PYTHON),
    "tofloat": (_LADYBUG, "1.0 * x"),
    "cast": (_NEO4J, "1.0 * x, or Python"),
    "startnode": (_LADYBUG, "a directed pattern"),
    "endnode": (_LADYBUG, "a directed pattern"),
    "shortestpath": (_LADYBUG, "export the edges and use scipy.sparse.csgraph"),
    "allshortestpaths": (_LADYBUG, "export the edges and use scipy.sparse.csgraph"),
}

CONSTRUCTS: dict[str, tuple[str, str, str]] = {
    "round": ("round(x, n)", "halves round up on Neo4j and away from zero on Ladybug", "round in Python"),
    "sum": ("sum of whole numbers", "an integer on Neo4j, a decimal on Ladybug, which divides otherwise", "sum(1.0 * x)"),
    "empty sum": ("sum of no values", "0 on Neo4j, null on Ladybug", "coalesce(sum(x), 0.0)"),
    "index": ("list index", "counts from 0 on Neo4j, from 1 on Ladybug", _LISTS),
    "slice": ("list slice", "counts from 0 without the end on Neo4j, from 1 with it on Ladybug", _LISTS),
    "list comprehension": ("list comprehension", _LADYBUG, "UNWIND, or Python"),
    "pattern comprehension": ("pattern comprehension", _LADYBUG, "OPTIONAL MATCH and collect"),
    "reserved name": ("reserved name", "a reserved word on Ladybug", "another name"),
    "remove": ("REMOVE", _LADYBUG, "change the record with `xctgraph ingest`"),
    "foreach": ("FOREACH", _LADYBUG, "change the record with `xctgraph ingest`"),
    "+=": ("SET +=", _LADYBUG, "change the record with `xctgraph ingest`"),
    "map projection": ("map projection f {.name}", _LADYBUG, "single properties with AS"),
    "|:": ("[:A|:B]", _NEO4J, "[:A|B]"),
    "short subquery": ("EXISTS { (…) }", "Ladybug needs MATCH inside", "EXISTS { MATCH (…) }"),
    "collect subquery": ("COLLECT { … }", _LADYBUG, "OPTIONAL MATCH and collect"),
    "call subquery": ("CALL { … }", _LADYBUG, "OPTIONAL MATCH and WITH"),
    "WITH ORDER BY": ("WITH … ORDER BY without LIMIT", "an error on Ladybug", "ORDER BY at the end, or a LIMIT"),
    "comma": (
        "MATCH with a comma",
        "Ladybug uses no index and may never end",
        "two MATCH clauses, or one connected pattern",
    ),
    "inline WHERE": ("WHERE inside a pattern", _LADYBUG, "WHERE after the pattern"),
    "repeated relationship": (
        "two relationships of one type in a MATCH",
        "they may be the same relationship on Ladybug, never on Neo4j",
        "another MATCH or OPTIONAL MATCH, and c.feature_id <> a.feature_id",
    ),
    "edge between edges": (
        "condition on a relationship between two others",
        "rows are lost and made up on Ladybug 0.22",
        "WITH the nodes after that condition, and the others in a MATCH or OPTIONAL MATCH that follows",
    ),
    "unknown label": ("unknown label", "an error on Ladybug, no rows on Neo4j", "a node of docs/schema.md"),
    "unknown type": ("unknown relationship", "an error on Ladybug, no rows on Neo4j", "a relationship of docs/schema.md"),
    "unknown property": ("unknown property", "an error on Ladybug, null on Neo4j", "a column of docs/schema.md"),
    "several labels": ("(:A:B)", "both labels on Neo4j, either on Ladybug", "one label, and f.kind"),
    "path quantifier": (
        "all(… IN relationships(p)) over paths of several lengths",
        "rows are lost and made up on Ladybug 0.22, in some graphs",
        "one fixed length, *2..2, per MATCH",
    ),
    "path mode": ("* SHORTEST", _NEO4J, "export the edges and use scipy.sparse.csgraph"),
    "unbounded": (
        "* without a largest length",
        "unbounded on Neo4j, bounded by a setting on Ladybug",
        "an explicit bound, *1..30",
    ),
    "long": (
        "* beyond 30 steps",
        "an error on Ladybug unless a setting allows it",
        "at most *1..30, or track_id in place of NEXT",
    ),
    "undirected walk": (
        "* without direction",
        "relationships are used once on Neo4j, again and again on Ladybug",
        "WHERE b.feature_id <> a.feature_id and count(DISTINCT …) or RETURN DISTINCT",
    ),
    "step filter": ("(e, n | WHERE …)", _NEO4J, "all(… IN relationships(p) WHERE …)"),
    "chained comparison": ("a < b < c", "an error on Ladybug", "a < b AND b < c"),
    "ordered collect": ("WITH … ORDER BY … and collect", "the order is lost on Ladybug", "sort in Python"),
    "hidden variable": (
        "alias with the name of a variable",
        "ORDER BY means the alias on Neo4j, the node (an error) on Ladybug",
        "another alias",
    ),
    "whole node": ("RETURN node", "other kinds of value", "single properties with AS"),
}

RESERVED = frozenset({
    "ACYCLIC", "ALL", "AND", "ANY", "ASC", "ASCENDING", "CASE", "COLUMN", "CREATE", "DEFAULT", "DESC", "DESCENDING",
    "DISTINCT", "ELSE", "END", "ENDS", "EXISTS", "FOR", "GLOB", "GROUP", "HEADERS", "HINT", "IN", "INDEX", "INSTALL",
    "MACRO", "NONE", "NOT", "NULL", "ON", "OPTIONAL", "OR", "ORDER", "PRIMARY", "PROFILE", "SHORTEST", "SINGLE", "STARTS",
    "TABLE", "THEN", "TRAIL", "UNION", "UNWIND", "WHEN", "WHERE", "WITH", "WSHORTEST", "XOR",
})  # fmt: skip

KEYWORDS = frozenset({
    "AND", "AS", "ASC", "BY", "CALL", "CASE", "COLLECT", "CONTAINS", "COUNT", "DESC", "DISTINCT", "ELSE", "END", "ENDS",
    "EXISTS", "IN", "IS", "LIMIT", "MATCH", "NOT", "NULL", "OPTIONAL", "OR", "ORDER", "RETURN", "SKIP", "STARTS", "THEN",
    "UNION", "UNWIND", "WHEN", "WHERE", "WITH", "XOR",
})  # fmt: skip

KEYWORDS_OF_PATTERNS = frozenset({"NOT", "CASE", "EXISTS", "NULL"})
"""Reserved words that may follow a bracket in an expression, where they are no names."""

AGGREGATES = frozenset({"AVG", "COLLECT", "COUNT", "MAX", "MIN", "PERCENTILECONT", "PERCENTILEDISC", "STDEV", "SUM"})

STATEMENTS = frozenset({"REMOVE", "FOREACH"})
