"""Cypher statements before they reach an engine: read-only, one at a time, every parameter named and given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

import pyarrow as pa

from xctgraph.store.errors import QueryError

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
      | (?P<quoted>`(?:``|[^`])*`)""",
    re.DOTALL | re.VERBOSE,
)
_PARAMETER = re.compile(r"\$(\w+)")
_FIRST_WORDS = ("MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL")
# Ladybug writes and reads files even where the database is opened read-only; Neo4j reads files and addresses in LOAD CSV.
_FORBIDDEN = (
    (re.compile(r"(?<![.$:\w])LOAD\s+(?:CSV|FROM|WITH|EXTENSION|[A-Z`])", re.IGNORECASE), "LOAD reads files and addresses"),
    (re.compile(r"(?<![$:\w])apoc\s*\.", re.IGNORECASE), "APOC procedures and functions reach files and networks"),
    (re.compile(r"\bIN\s+(?:\d+\s+CONCURRENT\s+)?TRANSACTIONS\b", re.IGNORECASE), "IN TRANSACTIONS is for writes"),
)
_CALL = re.compile(r"(?<![.$:\w])CALL\b\s*(?P<what>[\w.`]+)?", re.IGNORECASE)
_PROCEDURES = {
    "db.labels", "db.relationshiptypes", "db.propertykeys", "db.schema.visualization", "db.schema.nodetypeproperties",
    "db.schema.reltypeproperties", "db.info", "show_tables", "table_info", "show_connection", "db_version",
}  # fmt: skip
_SHOWN = 40
_ADVICE = "queries are read-only: begin with MATCH, OPTIONAL MATCH, UNWIND, WITH or RETURN"


def check(statement: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Refuse what a query may not do, and convert the parameters to what the engines take.

    Parameters
    ----------
    statement
        One Cypher query.
    parameters
        Values by name, without the `$`. Scalars, strings, None, lists and mappings of those; numpy and Arrow values are
        converted.

    Returns
    -------
    dict
        Parameters as plain Python values.

    Raises
    ------
    QueryError
        If the statement is not one read-only query, touches files or networks, or names and values of parameters do not match.
    """
    code = without_literals(statement)
    _refuse(code, statement)
    names = set(_PARAMETER.findall(code))
    for name in sorted(names - parameters.keys()):
        given = f"given: {', '.join(sorted(parameters))}" if parameters else "none were given"
        raise QueryError(f"the query uses ${name}, but there is no value for it ({given})")
    for name in sorted(parameters.keys() - names):
        used = ", ".join(f"${n}" for n in sorted(names)) or "no parameters"
        raise QueryError(f"there is a value for {name!r}, but the query does not use ${name}; it uses {used}")
    return {name: plain(value, name) for name, value in parameters.items()}


def without_literals(statement: str) -> str:
    """The statement with comments blank, strings empty, and quoted names reduced to a backtick."""
    return _TOKEN.sub(_blank, statement)


def plain(value: object, name: str) -> object:
    """One parameter as plain Python: None, bool, int, float, str, or lists and string-keyed dicts of those.

    Raises
    ------
    QueryError
        If the value is of another kind, or an integer beyond 64 bits.
    """
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    elif isinstance(value, (pa.Array, pa.ChunkedArray)) or hasattr(value, "tolist"):
        # numpy and pandas scalars have tolist() too.
        value = value.to_pylist() if isinstance(value, (pa.Array, pa.ChunkedArray)) else value.tolist()
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise QueryError(f"parameter ${name} = {value} does not fit in 64 bits")
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(item, name) for key, item in value.items()}
    if isinstance(value, (list, tuple, range, set, frozenset)):
        return [plain(item, name) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    raise QueryError(
        f"parameter ${name} is a {type(value).__name__}; valid are numbers, strings, booleans, None, and lists of those "
        "(dates as ISO text or integers)"
    )


def _refuse(code: str, statement: str) -> None:
    words = code.split()
    if not words:
        raise QueryError(f"the query is empty; {_ADVICE}")
    if ";" in code.strip().rstrip(";"):
        raise QueryError("one query at a time: the text holds several statements separated by ';'")
    if "\\" in code or re.search(r"\\u", statement, re.IGNORECASE):
        # Neo4j decodes \uXXXX before it looks for strings and keywords, Ladybug does not.
        raise QueryError("write characters themselves: \\u escapes, and backslashes outside strings, are not portable")
    if "$`" in code:
        raise QueryError("write a parameter as $name, without backticks")
    first = re.match(r"\w*", words[0])
    if first is None or first[0].upper() not in _FIRST_WORDS:
        raise QueryError(f"a query cannot begin with {words[0][:_SHOWN]!r}; {_ADVICE}")
    for pattern, reason in _FORBIDDEN:
        found = pattern.search(code)
        if found:
            raise QueryError(f"{found[0].strip()!r} is not allowed in a query: {reason}; load data with `xctgraph ingest`")
    for call in _CALL.finditer(code):
        if call["what"] is not None and call["what"].lower() not in _PROCEDURES:
            raise QueryError(
                f"CALL {call['what']} is not allowed in a query: valid are subqueries and {', '.join(sorted(_PROCEDURES))}"
            )


def _blank(match: re.Match[str]) -> str:
    if match["comment"] is not None:
        return " "
    if match["string"] is not None:
        return "''"
    # A name keeps its text where it could hide a namespace of procedures.
    return "apoc" if match["quoted"].strip("`").lower() == "apoc" else "`"
