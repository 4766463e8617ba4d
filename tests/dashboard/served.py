"""A dashboard on a real socket, and what a browser would ask it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stoptrail.cli.runs import finished_runs
from stoptrail.dashboard.app import make_dashboard
from stoptrail.dashboard.guard import Access
from stoptrail.dashboard.ledgers import Ledgers
from stoptrail.dashboard.runs import RunShelf
from stoptrail.dashboard.server import DashboardServer

HERE = "127.0.0.1"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks the server on `port`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.origin = f"http://{HERE}:{port}"

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str | None
    ) -> Answer:
        """The answer; names of headers have _ for -, None leaves a usual one out."""
        usual: dict[str, str | None] = {}
        if method == "POST":
            usual = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(HERE, self.port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            sent = {name: value for name, value in given.items() if value is not None}
            connection.request(method, path, text, sent)
            found = connection.getresponse()
            told = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, told, found.read())
        finally:
            connection.close()

    @contextmanager
    def stream(self, **headers: str) -> Iterator[Iterator[Any]]:
        """The looks that come, as values."""
        connection = http.client.HTTPConnection(HERE, self.port, timeout=30)
        connection.request("GET", "/api/stream", headers=headers)
        answer = connection.getresponse()

        def looks() -> Iterator[Any]:
            for line in answer:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

        try:
            yield looks()
        finally:
            answer.close()
            connection.close()


@contextmanager
def served(
    *urls: str, access: Access | None = None, runs: Path | None = None
) -> Iterator[tuple[Client, DashboardServer]]:
    """The dashboard of these ledgers, until the end."""
    access = access or Access(HERE)
    shelf = RunShelf([] if runs is None else [runs], finished_runs)
    made = make_dashboard(Ledgers(urls), shelf, access, seconds=0.1)
    server = DashboardServer(made, HERE, 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Client(server.port), server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()
