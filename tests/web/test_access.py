"""Who may ask: Host, Origin, token, bodies, and the headers of every answer."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest

from tests.web.conftest import Served, serving
from xctgraph.explorer.access import is_loopback, network

TOKEN = "correct-horse-battery-staple"


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == kind
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "", "[::ffff"]
)
def test_other_hosts_are_refused(served: Served, host: str) -> None:
    refused(served.client.get("/api/store", headers={"host": host.format(port=served.client.base_url.port)}), 421, "WrongHost")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}"])
def test_own_hosts_are_served(served: Served, host: str) -> None:
    assert served.client.get("/api/revision", headers={"host": host.format(port=served.client.base_url.port)}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1", "http://localhost.evil"]
)
def test_other_origins_are_refused(served: Served, origin: str) -> None:
    body = {"language": "sql", "text": "SELECT 1"}
    refused(served.client.post("/api/console", json=body, headers={"origin": origin}), 403, "WrongOrigin")
    refused(served.client.get("/api/store", headers={"origin": origin}), 403, "WrongOrigin")


def test_cross_site_requests_are_refused(served: Served) -> None:
    refused(served.client.get("/api/store", headers={"sec-fetch-site": "cross-site"}), 403, "WrongOrigin")
    own = str(served.client.base_url).rstrip("/")
    assert served.client.get("/api/store", headers={"origin": own, "sec-fetch-site": "same-origin"}).status_code == 200


def test_bodies(served: Served) -> None:
    text = json.dumps({"language": "sql", "text": "SELECT 1"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refused(served.client.post("/api/console", content=text, headers={"content-type": kind}), 415, "WrongType")
    large = json.dumps({"language": "sql", "text": "SELECT 1 --" + "x" * (1 << 20)})
    refused(served.client.post("/api/console", content=large, headers={"content-type": "application/json"}), 413, "TooLarge")
    chunks = served.client.post("/api/console", content=iter([text.encode()]), headers={"content-type": "application/json"})
    refused(chunks, 411, "LengthRequired")
    broken = served.client.post("/api/console", content="{", headers={"content-type": "application/json"})
    assert broken.status_code == 400
    assert broken.json()["error"]["type"] == "InputError"


def test_policy_allows_nothing_inline(served: Served) -> None:
    for path in ("/", "/static/main.js", "/api/store", "/nothing", "/api/feature?uid=x"):
        headers = served.client.get(path).headers
        rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers or "xctgraph" not in headers["server"]


class _Inline(HTMLParser):
    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if (
            tag == "style"
            or (tag == "script" and not names.get("src"))
            or "style" in names
            or any(n.startswith("on") for n in names)
        ):
            self.found.append(self.get_starttag_text() or tag)
        for name in ("src", "href"):
            if (names.get(name) or "").startswith(("http", "//")):
                self.found.append(str(names[name]))


def test_page_has_nothing_inline_and_nothing_from_elsewhere(served: Served) -> None:
    parser = _Inline()
    parser.found = []
    parser.feed(served.client.get("/").text)
    assert parser.found == []
    for path in (files("xctgraph.explorer") / "static").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), path.name
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text), path.name


def test_files_are_compressed_and_kept(served: Served) -> None:
    answer = served.client.get("/static/plotly.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 2_000_000
    again = served.client.get("/static/plotly.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = served.client.get("/static/plotly.js", headers={"accept-encoding": "identity"})
    assert plain.content == answer.content


@pytest.fixture(scope="module")
def guarded(served: Served) -> Iterator[Served]:
    """The explorer as it is on a network, but reached by 127.0.0.1."""
    with serving(served.store, access=network("0.0.0.0", TOKEN)) as found:
        yield found


def test_nothing_without_the_token(guarded: Served) -> None:
    guarded.client.cookies.clear()
    for path in (
        "/",
        "/api/store",
        "/static/main.js",
        "/api/openapi.json",
        "/?token=",
        "/?token=wrong",
        f"/api/store?token={TOKEN}",
    ):
        refused(guarded.client.get(path), 401, "NoToken")
    for headers in (
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"cookie": "xctgraph_token="},
        {"cookie": "xctgraph_token=é; ="},
    ):
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        refused(guarded.client.get("/api/store", headers=sent), 401, "NoToken")
    refused(guarded.client.post("/api/console", json={"language": "sql", "text": "SELECT 1"}), 401, "NoToken")


def test_token_opens_and_becomes_a_cookie(guarded: Served) -> None:
    assert guarded.client.get("/api/store", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    answer = guarded.client.get(f"/?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.client.get("/").status_code == 200
    assert guarded.client.get("/api/store").status_code == 200
    refused(guarded.client.get("/api/store", headers={"host": "evil.example"}), 421, "WrongHost")
    assert guarded.client.get("/api/store", headers={"host": "192.0.2.7:8765"}).status_code == 200
    guarded.client.cookies.clear()


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("beamline.example", False),
    ],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_one_address_is_called_by_its_name_only() -> None:
    access = network("Beamline.example", TOKEN)
    assert access.knows("beamline.example:8765")
    assert access.knows("localhost")
    assert not access.knows("192.0.2.7")
    assert not network("192.0.2.7", TOKEN).knows("192.0.2.8")


def test_raw_request_without_host(served: Served) -> None:
    connection = http.client.HTTPConnection(served.client.base_url.host, served.client.base_url.port)
    connection.putrequest("GET", "/api/store", skip_host=True)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in (400, 421)
    assert b"samples" not in answer.read()
    connection.close()
