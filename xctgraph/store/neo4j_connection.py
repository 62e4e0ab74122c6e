"""A connection to a Neo4j server: who asks, sessions, writes that are tried again, and what an error means."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import neo4j
from neo4j.exceptions import AuthError, ClientError, ConfigurationError, DriverError, IncompleteCommit, Neo4jError

from xctgraph.store.errors import EngineError, InputError, QueryError

FETCH = 20_000
# CALL (n) { … }, which our messages name, came with it.
OLDEST = (5, 23)

_T = TypeVar("_T")
_CONNECT_SECONDS = 10.0
# A server that was killed is up again within half a minute, recovery of its log included.
_RETRY_SECONDS = 120.0
_USER_ERRORS = ("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.", "Neo.ClientError.Schema.")
_READ_ONLY = (
    "Neo.ClientError.Security.Forbidden",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase",
)
# What a server says whose disk is full, and from then on.
_BROKEN = ("Neo.DatabaseError.Transaction.TransactionLogError", "Neo.DatabaseError.Transaction.TransactionStartFailed")
_TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
_DISK = re.compile(r"no space left|disk (?:is )?full|file too large|not enough (?:disk )?space", re.IGNORECASE)


class BatchTooLarge(EngineError):
    """The server has not the memory for one transaction of this size."""


class Connection:
    """One database of a Neo4j server; opened with the first session, safe to use from several threads."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, "", parts.query, ""))
        self.database = parts.path.strip("/") or None
        user = unquote(parts.username) if parts.username else os.environ.get("NEO4J_USERNAME")
        password = unquote(parts.password) if parts.password else os.environ.get("NEO4J_PASSWORD", "")
        self.auth = (user, password) if user else None
        self._lock = threading.Lock()
        self._opened: neo4j.Driver | None = None

    @contextmanager
    def session(self, *, write: bool) -> Iterator[neo4j.Session]:
        """A session; errors of the server and of the driver become ours.

        Raises
        ------
        EngineError
            If the server cannot be reached, refuses the user, is too old, or could not do it.
        QueryError
            If the fault is in a query that reads.
        """
        mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
        try:
            with self._driver().session(database=self.database, default_access_mode=mode, fetch_size=FETCH) as session:
                yield session
        except (Neo4jError, DriverError) as error:
            raise self.translated(error, write=write) from error

    def write(self, work: Callable[[neo4j.Transaction], _T]) -> _T:
        """Run one write transaction, again after transient errors and while the server is away for up to two minutes.

        `work` must change nothing where it runs a second time: a connection may be lost after the commit.

        Raises
        ------
        BatchTooLarge
            If the server has not the memory for it.
        EngineError
            As `session`.
        """
        started = time.monotonic()
        for wait in _waits():
            try:
                with self.session(write=True) as session, session.begin_transaction() as transaction:
                    found = work(transaction)
                    transaction.commit()
                    return found
            except EngineError as error:
                cause = error.__cause__
                if isinstance(cause, Neo4jError) and str(cause.code).endswith("OutOfMemoryError"):
                    raise BatchTooLarge(
                        f"the server at {self.address} has not the memory for it: give it more ({cause.message})"
                    ) from cause
                if not _passes(cause) or time.monotonic() - started > _RETRY_SECONDS:
                    raise
            time.sleep(wait)
        raise AssertionError

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def translated(self, error: Neo4jError | DriverError, *, write: bool) -> EngineError | QueryError:
        """What an error of the server or the driver means to the user."""
        who = f"user {self.auth[0]!r}" if self.auth else "a client without user and password"
        if isinstance(error, AuthError):
            return EngineError(
                f"Neo4j at {self.address} refuses {who}: give neo4j://USER:PASSWORD@HOST, or NEO4J_USERNAME and NEO4J_PASSWORD"
            )
        if isinstance(error, DriverError):
            reason = " ".join(str(error).split())
            return EngineError(f"Neo4j at {self.address} cannot be reached: {reason}; {self._hint(error)}")
        code, text = str(error.code), str(error.message)
        if code == "Neo.ClientError.Statement.AccessMode":
            return QueryError(f"queries are read-only: {text}")
        if code == "Neo.ClientError.Database.DatabaseNotFound":
            return EngineError(f"Neo4j at {self.address} has no database {self.database!r}: create it, or leave its name out")
        if write and code in _READ_ONLY:
            return EngineError(
                f"Neo4j at {self.address} lets {who} read, but not load: give a user who may write, "
                f"or make the database writable ({text})"
            )
        if code.startswith(_TIMED_OUT):
            return QueryError(f"Neo4j stopped the query at its time limit: {text}")
        if _DISK.search(text):
            return EngineError(
                f"Neo4j at {self.address} has no space left: free some on the server's disk, restart it, and run the same "
                f"command again, which goes on where it stopped ({text})"
            )
        if code in _BROKEN:
            return EngineError(
                f"Neo4j at {self.address} cannot write any more, most often since its disk is full: look into the server's log, "
                "make room, restart it, and run the same command again. If its database does not start then, its log is torn: "
                f"empty the server's data folder first, the load makes the graph anew ({text})"
            )
        if isinstance(error, ClientError) and code.startswith(_USER_ERRORS) and not write:
            return QueryError(f"Cypher: {text}")
        return EngineError(f"Neo4j at {self.address} could not do it: {text} ({code})")

    def _hint(self, error: BaseException) -> str:
        secure = urlsplit(self.address).scheme.endswith(("+s", "+ssc"))
        if "certificate" in _chain(error).lower():
            return "its certificate is not trusted: use a +ssc:// address if you trust the network, or install its authority"
        if secure:
            return "is the server running, with TLS on this port? Without TLS the address begins with neo4j:// or bolt://"
        return "is the server running, and the address right? A server that demands TLS needs neo4j+s:// or bolt+s://"

    def _driver(self) -> neo4j.Driver:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> neo4j.Driver:
        try:
            driver = neo4j.GraphDatabase.driver(
                self.address,
                auth=self.auth,
                connection_timeout=_CONNECT_SECONDS,
                notifications_min_severity="OFF",
            )
        except (ConfigurationError, ValueError) as error:
            raise InputError(f"{self.address!r} is no address of a Neo4j server: {error}") from error
        try:
            agent = driver.get_server_info().agent
        except BaseException:
            driver.close()
            raise
        found = re.match(r"Neo4j/v?(\d+)\.(\d+)", agent)
        if found and (int(found[1]), int(found[2])) < OLDEST:
            driver.close()
            oldest = ".".join(map(str, OLDEST))
            raise EngineError(f"the server at {self.address} is {agent}, too old: xctgraph needs Neo4j {oldest} or newer")
        return driver


def _passes(cause: BaseException | None) -> bool:
    """Whether the same may succeed later."""
    return isinstance(cause, IncompleteCommit) or (isinstance(cause, (Neo4jError, DriverError)) and cause.is_retryable())


def _waits() -> Iterator[float]:
    wait = 0.5
    while True:
        yield wait
        wait = min(8.0, 2 * wait)


def _chain(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return " ".join(texts)
