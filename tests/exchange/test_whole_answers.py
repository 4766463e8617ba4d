"""An answer is whole within a time, or there is none."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from stoptrail.exchange.client import open_exchange
from stoptrail.exchange.whole_answers import WholeAnswers


class Server(BaseAdapter):
    """Answers when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.let = Event()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.let.wait()
        answer = requests.Response()
        answer.status_code, answer._content, answer.request = 200, b"whole", request
        answer.url = str(request.url)
        return answer

    def close(self) -> None:
        self.let.set()


@pytest.fixture
def server() -> Server:
    return Server()


def opened(server: Server) -> WholeAnswers:
    session = WholeAnswers()
    session.mount("http://", server)
    return session


def test_one_that_is_not_whole_in_six_times_the_timeout_is_given_up(server: Server) -> None:
    with opened(server) as session:
        with pytest.raises(requests.Timeout, match=r"no whole answer within 0\.06 s"):
            session.get("http://exchange/candles", timeout=0.01)
        server.let.set()
        assert session.get("http://exchange/candles", timeout=10).content == b"whole"


def test_what_goes_wrong_on_the_way_is_told_as_ever(server: Server) -> None:
    with opened(server) as session, pytest.raises(requests.exceptions.InvalidSchema):
        session.get("ftp://exchange/candles", timeout=10)


@pytest.mark.parametrize("trusted", [False, True])
def test_the_environment_counts_as_ccxt_is_told(trusted: bool) -> None:
    exchange = open_exchange("binance", {"requests_trust_env": trusted})
    assert isinstance(exchange.session, WholeAnswers)
    assert exchange.session.trust_env is trusted
