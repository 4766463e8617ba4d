"""Downloads of funding through the real ccxt client, from exchanges of whose history ccxt 4.5.90
asks for a part only: the fields are those of the comments of its `fetch_funding_rate_history`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ccxt
import pytest

from stoptrail.feeds.funding.download import download_funding
from tests.exchange.test_answers import DIGIFINEX, HTX
from tests.live.funding_exchanges import HOUR, NOW, Exchange, hosted

DAY = 24 * HOUR


class Htx(Exchange):
    """The newest 100 of a window; `end_time` is its end, what else is asked is not heard."""

    id, symbol = "htx", "DOGE/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/swap_contract_info"):
            return {"status": "ok", "data": [HTX]}
        if not path.endswith("/funding_rate_history"):
            return {"status": "ok", "data": str(self.now)}
        found = self.between(query.get("start_time"), query.get("end_time"))
        rows = [
            {
                "id": str(t),
                "contract_code": "DOGE-USDT",
                "funding_rate": str(self.rate),
                "funding_time": str(t),
            }
            for t in reversed(found[-min(100, int(query.get("limit", 20))) :])
        ]
        return {"code": 200, "message": "Success", "data": rows, "ts": self.now}


class Digifinex(Exchange):
    """The same, by other names; 20 unless as many as 100 are asked for (its documents on
    FundingRateHistory)."""

    id, symbol = "digifinex", "XRP/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/public/instruments"):
            return {"code": 0, "data": [DIGIFINEX]}
        if not path.endswith("/funding_rate_history"):
            return {"code": 0, "symbol_list": [], "server_time": self.now // 1000}
        found = self.between(query.get("start_timestamp"), query.get("end_timestamp"))
        rows = [
            {"rate": str(self.rate), "time": t}
            for t in reversed(found[-min(100, int(query.get("limit", 20))) :])
        ]
        return {"code": 0, "data": {"instrument_id": "XRPUSDTPERP", "funding_rates": rows}}


class Btse(Exchange):
    """The last 7, 14 or 30 days, most rows a second late."""

    id, symbol = "btse", "BTC/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/recentFundingHistory"):
            days = {"7D": 7, "2W": 14, "1M": 30}[query["period"]]
            found = self.between(self.now - days * DAY, self.now)
            rows = [{"timestamp": t + 911, "rate": str(self.rate)} for t in reversed(found)]
            return {"data": rows, "code": 1, "msg": "Success", "success": True, "time": self.now}
        market = {
            "symbol": "BTC-PERP-USDT",
            "type": "FuturesPerpetual",
            "baseCurrency": "BTC",
            "quoteCurrency": "USDT",
            "active": True,
            "minOrderPrice": "0.1",
            "minPriceIncrement": "0.1",
            "minOrderSize": "1",
            "maxOrderSize": "7500000",
            "minSizeIncrement": "1",
            "contractSize": "0.00001",
        }
        data: Any = self.now if path.endswith("/time") else {"symbols": [market]}
        return {"data": data, "code": 1, "success": True, "time": self.now}


@pytest.fixture(autouse=True)
def at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, unit in (("milliseconds", 1), ("seconds", 1000)):
        monkeypatch.setattr(ccxt.Exchange, name, staticmethod(lambda unit=unit: NOW // unit))


def download(exchange: Exchange, days: int, folder: Path) -> tuple[list[int], list[str]]:
    told: list[str] = []
    with hosted(exchange) as options:
        _, rows = download_funding(
            exchange.id,
            options,
            exchange.symbol,
            HOUR,
            NOW - days * DAY,
            NOW,
            folder,
            told.append,
        )
    return [time - time % HOUR for time in rows.time.tolist()], told


@pytest.mark.parametrize("kind", [Htx, Digifinex])
@pytest.mark.parametrize("step", [1, 8])
def test_the_end_of_a_window_has_the_exchange_s_own_name(
    kind: type[Exchange], step: int, tmp_path: Path
) -> None:
    """Without an end these give the newest hundred of all since the start."""
    end = NOW - NOW % (step * HOUR)
    times = list(range(end - 200 * DAY, end + 1, step * HOUR))
    rows, told = download(kind(times), 150, tmp_path)
    assert rows == [time for time in times if time >= NOW - 150 * DAY]
    assert told == []


def test_what_btse_still_has_comes_with_one_question_and_the_rest_is_named(tmp_path: Path) -> None:
    end = NOW - NOW % (8 * HOUR)
    exchange = Btse(list(range(end - 400 * DAY, end + 1, 8 * HOUR)))
    rows, told = download(exchange, 365, tmp_path)
    assert rows == [time for time in exchange.times if time >= NOW - 30 * DAY]
    assert exchange.asked == 1
    assert len(told) == 1
    assert told[0].startswith("btse gave no funding of BTC/USDT:USDT from 2024-01-02T10:00:00Z")
