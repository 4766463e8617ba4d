"""The application: addresses, and what answers them."""

from __future__ import annotations

import html
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from stoptrail.core.errors import StopTrailError
from stoptrail.core.json import json_bytes
from stoptrail.core.program import program_name
from stoptrail.core.text import plain
from stoptrail.dashboard import detail
from stoptrail.dashboard.guard import Access, Gatekeeper
from stoptrail.dashboard.ledgers import Ledgers, Place
from stoptrail.dashboard.runs import RunShelf
from stoptrail.dashboard.stream import LOOK_SECONDS, LookStream

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SHARED = ("lightweight-charts.js", "stop_steps.js")
"""What the dashboard has from the report."""


class Dashboard(NamedTuple):
    """An application, and what ends its open streams."""

    app: Starlette
    stream: LookStream


def make_dashboard(
    ledgers: Ledgers, runs: RunShelf, access: Access, seconds: float = LOOK_SECONDS
) -> Dashboard:
    """The dashboard of these ledgers, which are looked at every so many `seconds`, and runs,
    for those whom `access` lets in."""
    order_token = secrets.token_urlsafe(32)
    stream = LookStream(ledgers.look, seconds)

    async def hello(_: Request) -> Response:
        return _json({"order_token": order_token, "now": int(time.time() * 1000)})

    async def events(_: Request) -> Response:
        return StreamingResponse(stream.events(), media_type="text/event-stream")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stream.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/assets/{name}", _asset),
            Route("/api/hello", hello),
            Route("/api/stream", events),
            *_session_routes(ledgers),
            *_run_routes(runs),
        ],
        middleware=[Middleware(Gatekeeper, access=access, order_token=order_token)],
        lifespan=lifespan,
    )
    return Dashboard(app, stream)


def _session_routes(ledgers: Ledgers) -> list[Route]:
    async def look(_: Request) -> Response:
        return await _answered(ledgers.look)

    async def marks(_: Request) -> Response:
        return await _answered(ledgers.marks)

    async def part(request: Request) -> Response:
        place, name = _place(request), request.path_params["part"]
        before = request.query_params.get("before", "")

        def read() -> Any:
            with ledgers.opened(place) as (database, row):
                if name == "candles":
                    until = int(before) if before.isdigit() else None
                    return detail.candles(database, row, until)
                return (detail.curve if name == "curve" else detail.story)(database, row)

        return await _answered(read)

    async def order(request: Request) -> Response:
        place, verb = _place(request), request.path_params["verb"]
        price = request.query_params.get("price")
        return await _answered(lambda: {"answer": ledgers.order(place, verb, price)})

    session = "/api/session/{ledger:int}/{session:int}"
    return [
        Route("/api/sessions", look),
        Route("/api/marks", marks),
        Route(session + "/{part}", part),
        Route(session + "/order/{verb}", order, methods=["POST"]),
    ]


def _run_routes(runs: RunShelf) -> list[Route]:
    async def listed(_: Request) -> Response:
        return await _answered(runs.listed)

    async def two(request: Request) -> Response:
        first, second = (request.query_params.get(name, "") for name in "ab")
        return await _answered(lambda: runs.two(first, second))

    return [Route("/api/runs", listed), Route("/api/runs/compare", two)]


def _place(request: Request) -> Place:
    return Place(request.path_params["ledger"], request.path_params["session"])


async def _answered(work: Callable[[], Any]) -> Response:
    """What `work` finds, done in a thread; its complaint where it fails."""
    try:
        return _json(await run_in_threadpool(work))
    except StopTrailError as error:
        return _json({"error": plain(error)}, 409)


def _json(value: Any, status: int = 200) -> Response:
    return Response(json_bytes(value), status, media_type="application/json")


async def _page(_: Request) -> Response:
    """The page, which knows how the program was called: it says what to type."""
    page = (files("stoptrail.dashboard") / "assets" / "index.html").read_text("utf-8")
    told = f'data-program="{html.escape(program_name())}"'
    return _content(page.replace('data-program=""', told).encode(), ".html")


async def _asset(request: Request) -> Response:
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    """A file that comes with the package; only names of such files lead anywhere."""
    package = "stoptrail.reports.html" if name in _SHARED else "stoptrail.dashboard"
    folder = files(package) / "assets"
    known = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}
    ending = "." + name.rpartition(".")[2]
    if name not in known or ending not in _KINDS:
        return Response("not found", 404, media_type="text/plain")
    return _content(known[name].read_bytes(), ending)


def _content(content: bytes, ending: str) -> Response:
    return Response(content, media_type=_KINDS[ending], headers={"cache-control": "no-cache"})
