"""Lock files that name their owner; the lock of a process that died is taken over."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from xctgraph.store import files
from xctgraph.store.errors import StoreLocked

WRITE_LOCK = "write.lock"

_POLL_SECONDS = 0.05
_NAMING_SECONDS = 1.0
_UNREADABLE_SECONDS = 10.0
# File systems without hard links say one of these.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True)
class Owner:
    """Who holds a lock; `process_start` tells a process from a later one with the same number."""

    host: str
    pid: int
    process_start: str
    command: str
    since: str
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}) since {self.since}"

    def dead(self) -> bool:
        """Whether the owner certainly runs no more; never certain of another host."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        state, started = _process(self.pid)
        return state in {"Z", "X"} or (bool(self.process_start) and started not in {"", self.process_start})


def me() -> Owner:
    """The present process as the owner of a new lock."""
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        process_start=_process(os.getpid())[1],
        command=" ".join(sys.argv)[:200] or sys.executable,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        token=secrets.token_hex(8),
    )


@contextmanager
def held(path: Path, purpose: str, wait_seconds: float = 0.0, *, on_full_disk: bool = False) -> Iterator[Owner]:
    """Hold the lock file `path` while the block runs.

    Parameters
    ----------
    path
        The lock file.
    purpose
        What the lock is for, in the words of the error: "another writer is at work on …".
    wait_seconds
        How long to wait for another owner.
    on_full_disk
        Where no space is left to write the owner's name, hold an empty file.

    Raises
    ------
    StoreLocked
        If another process holds it for longer than `wait_seconds`; the message names the owner.
    """
    mine = me()
    with ExitStack() as stack:
        try:
            stack.enter_context(_held(path, purpose, wait_seconds, mine))
        except OSError as error:
            if not on_full_disk or error.errno not in files.NO_SPACE:
                raise
            stack.enter_context(_held_nameless(path, purpose))
        yield mine


@contextmanager
def _held(path: Path, purpose: str, wait_seconds: float, mine: Owner) -> Iterator[None]:
    deadline = time.monotonic() + wait_seconds
    try:
        while not _take(path, mine):
            other = owner(path)
            if other is not None and other.dead():
                _break(path)
            elif time.monotonic() >= deadline + (_NAMING_SECONDS if other is None else 0.0):
                raise StoreLocked(_message(path, purpose, other))
            else:
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        now = owner(path)
        if now is not None and now.token == mine.token:
            path.unlink(missing_ok=True)


@contextmanager
def _held_nameless(path: Path, purpose: str) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o644)
    except FileExistsError as error:
        raise StoreLocked(_message(path, purpose, owner(path))) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # an empty lock file that nobody holds so counts as abandoned
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def owner(path: Path) -> Owner | None:
    """Who holds the lock file, or None where nobody does or it names nobody yet."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Whether a living process (or one on another host) holds the lock."""
    other = owner(path)
    return path.exists() if other is None else not other.dead()


def stale(path: Path) -> bool:
    """Whether the lock file is there although its owner certainly runs no more."""
    other = owner(path)
    return _abandoned_empty(path) if other is None else other.dead()


def clear(path: Path) -> None:
    """Remove a lock file if it is stale."""
    if stale(path):
        _break(path)


def _take(path: Path, mine: Owner) -> bool:
    if path.exists():
        if _abandoned_empty(path):
            _break(path)
        return False
    text = json.dumps(asdict(mine)).encode()
    # Written whole, then linked: a process killed in between leaves no lock that names nobody.
    temporary = files.temporary_beside(path)
    try:
        temporary.write_bytes(text)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _take_without_link(path, text)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _take_without_link(path: Path, text: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)
    return True


def _abandoned_empty(path: Path) -> bool:
    # A crash of the machine, or a kill where there are no hard links, can leave a lock that names nobody.
    with suppress(FileNotFoundError):
        old = owner(path) is None and time.time() - path.stat().st_mtime > _UNREADABLE_SECONDS
        return old and not _is_flocked(path)
    return False


def _is_flocked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _break(path: Path) -> None:
    # Only one process at a time may remove a dead owner's lock, and it looks again first: a second one that judged the
    # same dead owner would otherwise remove the lock of the first, who is alive.
    guard = os.open(path.with_name(path.name + ".takeover"), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        other = owner(path)
        if (other is not None and other.dead()) or _abandoned_empty(path):
            path.unlink(missing_ok=True)
    finally:
        os.close(guard)


def _process(pid: int) -> tuple[str, str]:
    """State (Z: dead, but its parent has not asked) and start of a process; empty where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _message(path: Path, purpose: str, other: Owner | None) -> str:
    who = str(other) if other is not None else "a process that has not written its name"
    here = other is None or other.host == socket.gethostname()
    remedy = "wait until it has ended" if here else f"wait until it has ended; if it died, remove {path}"
    return f"another process is {purpose}: {who}; {remedy}"
