"""Who may ask, and what a page of somebody else cannot do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from stoptrail.dashboard.guard import Access, is_loopback
from tests.dashboard.served import Client, served

TOKEN = "a token of more than sixteen characters"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as (found, _):
        yield found


@pytest.fixture(scope="module")
def guarded() -> Iterator[Client]:
    with served(access=Access("127.0.0.1", ("desk.example",), TOKEN)) as (found, _):
        yield found


def token_of(client: Client) -> str:
    token: str = client.ask("/api/hello").value["order_token"]
    return token


def test_a_name_that_leads_here_from_elsewhere_is_refused(client: Client) -> None:
    for host in ("attacker.example", f"attacker.example:{client.port}", "10.1.2.3", "[fe80::1]"):
        for path in ("/", "/api/sessions", "/assets/main.js"):
            assert client.ask(path, Host=host).status == 421
    for host in ("localhost", f"127.0.0.1:{client.port}", "[::1]:9000", "LOCALHOST:1"):
        assert client.ask("/api/sessions", Host=host).status == 200


def test_other_names_and_addresses_are_known_where_they_are_given() -> None:
    here, everywhere = Access("127.0.0.1", ("desk.example",)), Access("0.0.0.0")
    assert here.knows("desk.example:8765")
    assert not here.knows("192.168.1.5:8765")
    assert everywhere.knows("192.168.1.5:8765")
    assert everywhere.knows("[fe80::1]:8765")
    assert not everywhere.knows("desk.example")


def test_only_this_machine_reaches_a_loopback_address() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.5", "desk.example")))


@pytest.mark.parametrize("path", ["/", "/api/sessions", "/assets/main.js", "/nothing"])
@pytest.mark.parametrize("host", ["localhost", "attacker.example"])
def test_every_answer_forbids_what_is_not_its_own(client: Client, path: str, host: str) -> None:
    headers = client.ask(path, Host=host).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for kind in ("script-src", "style-src", "connect-src", "font-src"):
        assert policy[kind] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_an_order_comes_from_a_page_of_our_own_with_its_token(client: Client) -> None:
    mine = {"X_StopTrail_Order": token_of(client)}
    place = "/api/session/0/1/order/pause"
    for headers in (
        {},
        {"X_StopTrail_Order": "guessed"},
        {**mine, "Origin": "http://attacker.example"},
        {**mine, "Origin": f"http://127.0.0.1:{client.port + 1}"},
        {**mine, "Origin": "null"},
        {**mine, "Origin": None},
        {**mine, "Sec_Fetch_Site": "cross-site"},
        {**mine, "Sec_Fetch_Site": "same-site"},
    ):
        assert client.ask(place, "POST", {}, **headers).status == 403
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.ask(place, method, **mine).status == 403
    assert client.ask(place, "POST", {}, **mine).status not in (401, 403, 421)


def test_without_the_token_nothing_is_told(guarded: Client) -> None:
    for path in ("/api/sessions", "/api/stream", "/api/hello", "/api/marks"):
        assert guarded.ask(path).status == 401
        assert guarded.ask(path, Authorization="Bearer guessed").status == 401
        assert guarded.ask(path, Cookie=f"stoptrail-{guarded.port}=guessed").status == 401
    assert guarded.ask("/").status == 200  # the page that asks for it
    assert TOKEN.encode() not in guarded.ask("/").body


def test_the_token_opens_by_a_cookie_that_scripts_cannot_read(guarded: Client) -> None:
    answer = guarded.ask("/api/login", "POST", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    cookie, *marks = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(marks)
    assert TOKEN not in cookie
    assert guarded.ask("/api/sessions", Cookie=cookie).status == 200
    assert guarded.ask("/api/sessions", Authorization=f"Bearer {TOKEN}").status == 200


def test_a_wrong_token_is_answered_late_and_gets_nothing(guarded: Client) -> None:
    began = time.monotonic()
    answer = guarded.ask("/api/login", "POST", Authorization="Bearer guessed")
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)
    assert time.monotonic() - began >= 1.0


def test_a_login_from_another_site_is_refused(guarded: Client) -> None:
    told = guarded.ask(
        "/api/login", "POST", Authorization=f"Bearer {TOKEN}", Origin="http://attacker.example"
    )
    assert told.status == 403


def test_only_files_of_the_package_are_served(client: Client) -> None:
    for name in ("..%2fapp.py", "%2e%2e/app.py", "../../app.py", "app.py", "lightweight-charts"):
        assert client.ask(f"/assets/{name}").status == 404
    assert client.ask("/assets/main.js").status == 200
    assert client.ask("/assets/lightweight-charts.js").status == 200
