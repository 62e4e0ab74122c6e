"""Who may ask: the Host and Origin of a request, the token, the size of its body; and the headers of every answer."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xctgraph.explorer.problems import problem

COOKIE = "xctgraph_token"
MAX_BODY = 1 << 20
# Plotly draws to a canvas and exports data: and blob: images; everything else comes from this server as a file.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Access:
    """Which names this server may be called by, and the token that a request must show; None on the loopback."""

    hosts: frozenset[str]
    any_address: bool = False
    token: str | None = None

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server.

        A page of another site that lets its own name point here (DNS rebinding) sends that name; it cannot send an address.
        """
        name = _name(host)
        return name in self.hosts or (self.any_address and _is_address(name))


def loopback() -> Access:
    """Access from this machine only."""
    return Access(frozenset(_LOOPBACK))


def network(host: str, token: str) -> Access:
    """Access by a token at the address `host`; at all addresses of the machine for 0.0.0.0 and ::."""
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104  # compared with, and only with a token
    names: Iterable[str] = (socket.gethostname(), socket.getfqdn()) if everywhere else (f"[{host}]" if ":" in host else host,)
    return Access(frozenset({*_LOOPBACK, *(name.lower() for name in names)}), any_address=everywhere, token=token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that lets through what `Access` allows, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        await (self._app if refused is None else refused)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._access.knows(host):
            return problem(
                HTTPStatus.MISDIRECTED_REQUEST, "WrongHost", f"this server is not called {host!r}: use the address it printed"
            )
        origin = headers.get("origin")
        if (origin is not None and origin != f"{scope['scheme']}://{host}") or headers.get("sec-fetch-site") == "cross-site":
            return problem(HTTPStatus.FORBIDDEN, "WrongOrigin", f"pages of {origin or 'another site'} may not ask this server")
        if self._access.token is not None and not self._shown(headers):
            return self._entry(scope)
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            return _body_refusal(headers)
        return None

    def _shown(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            try:
                morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            except CookieError:
                morsel = None
            given = morsel.value if morsel is not None else ""
        return self._equals(given)

    def _entry(self, scope: Scope) -> Response:
        """The way in: `/?token=…`, which becomes a cookie and leaves the address bar."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] != "/" or scope["method"] != "GET" or not self._equals(given):
            told = "open the address with ?token=… that `xctgraph explore` printed, or send Authorization: Bearer TOKEN"
            return problem(HTTPStatus.UNAUTHORIZED, "NoToken", told, {"www-authenticate": "Bearer"})
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(COOKIE, given, httponly=True, samesite="strict", path="/")
        return response

    def _equals(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._access.token or "").encode())


def _body_refusal(headers: Headers) -> Response | None:
    length = headers.get("content-length")
    if length is None and "transfer-encoding" in headers:
        return problem(HTTPStatus.LENGTH_REQUIRED, "LengthRequired", "send the length of the body")
    if length is not None and (not length.isdecimal() or int(length) > MAX_BODY):
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TooLarge", f"a request may have {MAX_BODY} bytes, not {length}")
    # Pages of other sites can send other types without asking first.
    if int(length or 0) and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "WrongType", "send application/json")
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending


def _name(host: str) -> str:
    """Name or address in a Host header, without the port."""
    try:
        parts = urlsplit(f"//{host}")
        found = parts.hostname or ""
    except ValueError:
        return ""
    return f"[{found}]" if ":" in found else found


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
