"""The server of the page: an address, a token where other machines can reach it, and a clean end."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from xctgraph.explorer.access import Access, is_loopback, loopback, network
from xctgraph.explorer.app import create_app
from xctgraph.store.errors import InputError


def serve(store: Path, *, graph: str | None, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `announce` is given the address to open, once, when it answers.

    Raises
    ------
    StoreNotFound, StoreError, EngineError
        If the store or its graph cannot be read.
    InputError
        If the address is not one of this machine, or in use.
    """
    access = loopback() if is_loopback(host) else network(host, secrets.token_urlsafe(32))
    with _listen(host, port) as listening:
        app = create_app(store, graph=graph, access=access)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on")
        # uvicorn ends on these, then raises them again for the handlers that were there before.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        announce(_address(host, listening.getsockname()[1], access))
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Requests that come before the server is up wait.
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f"cannot listen on {host} port {port}: {error}; give another --port (0 takes a free one), or a --host of this machine"
        ) from error
    return listening


def _address(host: str, port: int, access: Access) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  # compared with
    return f"http://{name}:{port}/" + (f"?token={access.token}" if access.token is not None else "")
