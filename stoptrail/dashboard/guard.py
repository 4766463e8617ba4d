"""Who may ask the dashboard, and what a browser may do with its answers.

A page of somebody else in the same browser must neither read nor order anything: names of
other sites that lead here are refused (DNS rebinding), orders need a page of our own origin
and a token that only such a page can read, and no other site may frame or embed a page.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ORDER_HEADER = "x-stoptrail-order"
"""Carries the token that every order needs."""
LOGIN = "/api/login"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WRONG_TOKEN_SECONDS = 1.0
"""A wrong token is answered so late, one after the other: it cannot be guessed."""


class Access(NamedTuple):
    """Where the dashboard listens, and for whom."""

    host: str
    names: tuple[str, ...] = ()
    """Other names under which a browser may reach it."""
    token: str = ""
    """What a reader has to know; "" = nothing."""

    def knows(self, host: str) -> bool:
        """Whether `host`, a Host header, is a name of ours and not of a site that leads here."""
        name = _name_of(host)
        if name in (*_LOOPBACK, self.host.lower(), *(n.lower() for n in self.names)):
            return True
        return not is_loopback(self.host) and _is_address(name)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback


class Gatekeeper:
    """Stands before the application. `order_token` is what every order has to carry."""

    def __init__(self, app: ASGIApp, access: Access, order_token: str) -> None:
        self._app = app
        self._access = access
        self._order_token = order_token
        self._readers: set[str] = set()
        """Cookies of those who have shown the token."""
        self._guesses = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, answer)
        elif scope["path"] == LOGIN:
            await self._login(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._access.knows(host):
            return _said(
                421, "this name does not belong to the dashboard: add it to dashboard.names"
            )
        if scope["method"] not in ("GET", "HEAD"):
            if not _same_origin(headers, host):
                return _said(403, "orders are taken from the dashboard's own pages only")
            given = headers.get(ORDER_HEADER, "")
            if scope["path"] != LOGIN and not _equal(given, self._order_token):
                return _said(403, "the order token is missing or old: load the page again")
        if scope["path"].startswith("/api/") and scope["path"] != LOGIN and not self._known(scope):
            return _said(401, "a token is needed")
        return None

    def _known(self, scope: Scope) -> bool:
        if not self._access.token:
            return True
        headers = Headers(scope=scope)
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(given, self._access.token):
            return True
        return cookie_parser(headers.get("cookie", "")).get(_cookie_of(scope)) in self._readers

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give whoever shows the token a cookie that scripts cannot read."""
        given = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ")
        if scope["method"] != "POST":
            await _said(405, "post the token")(scope, receive, send)
            return
        async with self._guesses:
            if not _equal(given, self._access.token):
                await asyncio.sleep(_WRONG_TOKEN_SECONDS)
                await _said(401, "the token is wrong")(scope, receive, send)
                return
        reader = secrets.token_urlsafe(32)
        self._readers.add(reader)
        over_tls = Headers(scope=scope).get("origin", "").startswith("https:")
        response = JSONResponse({"known": True})
        response.set_cookie(
            _cookie_of(scope), reader, httponly=True, samesite="strict", secure=over_tls
        )
        await response(scope, receive, send)


def _same_origin(headers: Headers, host: str) -> bool:
    """Whether a page of our own asks, as the browser says in two ways; older ones in one."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    return urlsplit(headers.get("origin", "")).netloc.lower() == host.lower()


def _cookie_of(scope: Scope) -> str:
    """Cookies do not know ports: two dashboards on one machine have a cookie each."""
    server: Any = scope.get("server") or ("", 0)
    return f"stoptrail-{server[1]}"


def _name_of(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _said(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
