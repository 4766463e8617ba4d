"""Files of funding: what is read, what is refused in one line, what a span has to have (C19)."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import DataError, OutputError
from stoptrail.core.time import iso
from stoptrail.feeds.check import check_file
from stoptrail.feeds.funding.rates import (
    Gaps,
    constant_rows,
    covering,
    funding_path,
    read_funding,
    write_funding,
)
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import funding_rows, payments_of

MIDNIGHT = 20_000 * DAY
HOUR = 3_600_000
EIGHT = 8 * HOUR


def written(folder: Path, text: str, name: str = "funding.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def archive(first: int, count: int) -> str:
    """Rows as Binance's monthly archive has them: in ms, some up to 18 ms late."""
    rows = [f"{MIDNIGHT + (first + i) * EIGHT + i % 19},8,0.0001" for i in range(count)]
    return "\n".join(("calc_time,funding_interval_hours,last_funding_rate", *rows)) + "\n"


def market(days: int = 3) -> Candles:
    time = MIDNIGHT + HOUR * np.arange(24 * days, dtype=np.int64)
    price = np.full(len(time), 100.0)
    return Candles(time, price, price, price, price, price, HOUR)


def test_a_file_of_the_cache_is_told_where_candles_are_expected(tmp_path: Path) -> None:
    path = tmp_path / "BTC-USDT-USDT_funding.parquet"
    rows = funding_rows(np.arange(9) * 28_800_000 + 1_711_584_000_000, np.full(9, 1e-4))
    write_funding(path, rows, {})
    with pytest.raises(DataError, match=r"holds funding rates.*name it with data\.funding"):
        check_file(path)


def test_months_in_archives_are_read_as_one_and_late_rows_are_of_their_minute(
    tmp_path: Path,
) -> None:
    for month, first in (("01", 0), ("02", 30)):
        name = f"BTCUSDT-fundingRate-2024-{month}"
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as zipped:
            zipped.writestr(f"{name}.csv", archive(first, 30))
    rows = read_funding(tmp_path)
    assert rows.time.tolist() == [MIDNIGHT + i * EIGHT for i in range(60)]
    assert set(rows.rate) == {0.0001}
    assert np.isnan(rows.price).all()
    assert not rows.hours.any()  # the interval of the archive is no accrual


def test_the_projects_own_file_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = funding_rows([MIDNIGHT, MIDNIGHT + HOUR], [0.0001, -0.0002], [99.5, np.nan], [0.0, 1.0])
    write_funding(tmp_path / "own.parquet", rows, {})
    back = read_funding(tmp_path / "own.parquet")
    for one, other in zip(rows, back, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["own.parquet"]


def test_a_place_that_takes_no_file_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    rows = funding_rows([MIDNIGHT], [0.0001])
    with pytest.raises(OutputError, match=r"BTC\.parquet cannot be written \(.*set data\.cache"):
        write_funding(tmp_path / "cache" / "BTC.parquet", rows, {})


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("time,rate\n1700006400000,0.0001\n1700035200000,-0.00025\n", "utf-16"),
        ("time;rate\n1700006400000;0,0001\n1700035200000;-0,00025\n", "utf-8"),
        ('time,rate\n1700006400000,"0,0001"\n1700035200000,"-0,00025"\n', "utf-8-sig"),
        ("time;rate\n1700006400000;0,01%\n1700035200000;-0,025%\n", "utf-16-le"),
        ("time\trate\n1700006400000\t1e-04\n1700035200000\t-0,00025\n", "utf-8"),
    ],
)
def test_spreadsheets_of_other_countries_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    file = tmp_path / "funding.csv"
    file.write_text(text, encoding=encoding)
    rows = read_funding(file)
    assert rows.time.tolist() == [1_700_006_400_000, 1_700_035_200_000]
    np.testing.assert_allclose(rows.rate, [0.0001, -0.00025], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,rate\n1700000000000,0.01\n1700028800000,0.02\n", "percentages"),
        ("time,rate\n1700000000000,0.0001\n1700000000011,0.0002\n", "two rows in the minute"),
        ("time,rate\n1700000000000,0.0001\n1700000000000,0.0001\n", "two rows in the minute"),
        (
            "time,rate\n1699920000000,0.0001\n1699920000011,0.0001\n",
            "14T00:00:00Z, with the rates 0.0001",
        ),
        ("time,price\n1700000000000,100\n", "no column rate"),
        ("when,rate\n1700000000000,0.0001\n", "no column time"),
        ("time,rate\n1700000000000,none at all\n", "row 1"),
        ("time,rate\n1700000000000,\n", "row 1"),
        ("time,rate\n", "no row of funding"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        read_funding(written(tmp_path, text))
    assert "\n" not in str(refused.value)


TIMES = [MIDNIGHT + i * EIGHT for i in range(6)]
RATES = [0.0001, -0.0002, 0.0003, 0.0001, 0.00005, 0.0004]


def lines(header: str, *columns: Sequence[object], separator: str = ",") -> str:
    rows = zip(*columns, strict=True)
    written = [separator.join(map(str, row)) for row in rows]
    return "\n".join([header.replace(",", separator), *written]) + "\n"


ISO = [iso(time) for time in TIMES]
DOUBLED = [2 * rate for rate in RATES]


@pytest.mark.parametrize(
    "text",
    [
        lines(",symbol,fundingRate,timestamp,datetime", range(6), ["BTC/USDT:USDT"] * 6, RATES,
              TIMES, ISO),
        lines("symbol,fundingRate,fundingRateTimestamp", ["BTCUSDT"] * 6, RATES, TIMES),
        lines("instId,fundingRate,realizedRate,fundingTime", ["BTC-USDT-SWAP"] * 6, DOUBLED,
              RATES, TIMES),
        lines("timestamp,fundingRate,relativeFundingRate", ISO, [x / 2 for x in RATES], RATES),
        lines("Date,Funding Rate", ISO, RATES, separator=";"),
        lines(",fundingRate", ISO, RATES),
        lines("time,rate", TIMES, [f"{100 * rate:.6f}%" for rate in RATES]),
        lines("timestamp,fundingRate,fundingTimestamp", [t - EIGHT for t in TIMES], RATES, TIMES),
        json.dumps({"result": {"list": [{"fundingRate": str(rate), "fundingTime": time}
                                        for time, rate in zip(TIMES, RATES, strict=True)]}}),
        lines("timestamp,symbol,funding_rate,real_funding_rate", TIMES, ["BTCUSDT"] * 6, DOUBLED,
              RATES),
        lines("Time(UTC),Contracts,Funding Rate (%)", [iso[:-1] for iso in ISO],
              ["BTCUSDT Perpetual"] * 6, [f"{100 * rate:.6f}" for rate in RATES]),
        lines("settleTime,fundingRate", TIMES, RATES),
        lines("market,rate,effectiveAt", ["BTC-USD"] * 6, RATES, ISO),
        "\n".join(f"{time // 1000},{rate}" for time, rate in zip(TIMES, RATES, strict=True)),
        lines("time,symbol,rate", [t + d for t in TIMES for d in (0, HOUR)], ["BTC", "ETH"] * 6,
              [x for rate in RATES for x in (rate, 7 * rate)]),
    ],
)  # fmt: skip
def test_rates_as_exchanges_and_tables_write_them(tmp_path: Path, text: str) -> None:
    """What was paid is taken, not what was foretold; the fraction, not an amount a contract; the
    rows of the market that is run, not of those beside it."""
    rows = read_funding(written(tmp_path, text), "BTC/USDT:USDT")
    assert rows.time.tolist() == TIMES
    np.testing.assert_allclose(rows.rate, RATES, rtol=1e-12)


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("symbol", "ETHUSDT"),
        ("coin", "ETH"),
        ("symbol", "ETH-PERP"),
        ("Contracts", "ETHUSDT Perpetual"),
    ],
)
def test_rates_of_another_market_are_refused(tmp_path: Path, column: str, word: str) -> None:
    text = lines(f"time,{column},rate", TIMES, [word] * 6, RATES)
    with pytest.raises(DataError, match=rf"of {word}.*give data\.funding a file of the market"):
        read_funding(written(tmp_path, text), "BTC/USDT:USDT")


@pytest.mark.parametrize("word", ["perpetual", "BTC-PERPETUAL", "XBTUSDTM", ".BTCFR8H", "BTC"])
def test_rates_of_the_market_by_another_name_are_read(tmp_path: Path, word: str) -> None:
    text = lines("time,contract,rate", TIMES, [word] * 6, RATES)
    assert read_funding(written(tmp_path, text), "BTC/USDT:USDT").time.tolist() == TIMES


@pytest.mark.parametrize(
    ("header", "ahead"),
    [("time (UTC+8)", 8), ("Time (Asia/Kolkata)", 5.5), ("time_utc", 0), ("Time(GMT)", 0)],
)
def test_the_zone_in_the_name_of_a_time_is_used(tmp_path: Path, header: str, ahead: float) -> None:
    local = [iso(int(t + ahead * HOUR))[:-1] for t in TIMES]
    said: list[str] = []
    path = written(tmp_path, lines(f"{header},rate", local, RATES))
    assert read_funding(path, "BTC/USDT:USDT", said.append).time.tolist() == TIMES
    assert said == []
    with pytest.raises(DataError, match="zone that is not told: give UTC"):
        read_funding(written(tmp_path, lines("Date (EST),rate", local, RATES)))


def test_rows_that_accrue_do_so_as_a_download_has_them(tmp_path: Path) -> None:
    kraken = read_funding(written(tmp_path, lines("timestamp,relativeFundingRate", ISO, RATES)))
    assert kraken.hours.tolist() == [1.0] * 6
    early = [t - 800 * 24 * HOUR for t in TIMES]
    text = lines("timestamp,relativeFundingRate", early, RATES)
    assert read_funding(written(tmp_path, text)).hours.tolist() == [4.0] * 6
    deribit = lines("timestamp,interest_8h,interest_1h", TIMES, [8 * r for r in RATES], RATES)
    read = read_funding(written(tmp_path, deribit))
    assert (read.hours.tolist(), read.rate.tolist()) == ([1.0] * 6, RATES)
    ours = ["{'interest_8h': 0.0008; 'interest_1h': 0.0001}"] * 6
    with pytest.raises(DataError, match="every hour and hold the rate of eight hours"):
        read_funding(written(tmp_path, lines("timestamp,fundingRate,info", TIMES, RATES, ours)))


def test_of_a_folder_of_several_markets_the_files_of_one_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "months"
    folder.mkdir()
    for name, first in (("BTCUSDT", 0), ("ETHUSDT", 0), ("BTCUSDC", 0), ("BTCUSDT", 6)):
        written(folder, archive(first, 6), f"{name}-fundingRate-2024-{first + 1:02}.csv")
    said: list[str] = []
    rows = read_funding(folder, "BTC/USDT:USDT", said.append)
    assert len(rows.time) == 12
    assert said == ["funding: of 4 files 2 are left out, whose names tell no BTC/USDT:USDT"]


@pytest.mark.parametrize(("step", "rate", "odd"), [(1, 0.00125, True), (8, 0.0005, False)])
def test_rates_that_come_to_more_than_all_in_a_year_are_said(
    tmp_path: Path, step: int, rate: float, odd: bool
) -> None:
    text = lines("time,rate", [TIMES[0] + k * step * HOUR for k in range(20)], [rate] * 20)
    said: list[str] = []
    read_funding(written(tmp_path, text), "BTC/USDT:USDT", said.append)
    assert ["come to more than 1095% a year" in line for line in said] == [True] * odd


def test_the_market_in_the_name_of_a_file_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    path = written(tmp_path, archive(0, 6), "ETHUSDT-fundingRate-2024-01.csv")
    read_funding(path, "BTC/USDT:USDT", said.append)
    assert said == [f"funding: the name of {path} says ETHUSDT; it is run as BTC/USDT:USDT"]


@pytest.mark.parametrize(
    ("name", "word", "symbol", "inverse"),
    [
        ("BTCUSD_PERP-fundingRate-2024-01.csv", "", "BTC/USDT:USDT", "BTCUSD"),
        ("a.csv", "BTC-USD-SWAP", "BTC/USDT:USDT", "BTCUSD"),
        ("BTCUSDT-fundingRate-2024-01.csv", "BTC-USDT-SWAP", "BTC/USDT:USDT", ""),
        ("PF_XBTUSD.csv", "", "BTC/USD:USD", ""),
    ],
)
def test_rates_of_another_quote_currency_are_said(
    tmp_path: Path, name: str, word: str, symbol: str, inverse: str
) -> None:
    header, more = ("time,symbol,rate", [[word] * 6]) if word else ("time,rate", [])
    said: list[str] = []
    read_funding(written(tmp_path, lines(header, TIMES, *more, RATES), name), symbol, said.append)
    assert [inverse in line for line in said] == [True] * bool(inverse)


def test_times_of_funding_without_a_zone_are_said_to_be_taken_as_utc(tmp_path: Path) -> None:
    said: list[str] = []
    text = lines("time,rate", [moment.removesuffix("Z") for moment in ISO], RATES)
    assert read_funding(written(tmp_path, text), "", said.append).time.tolist() == TIMES
    assert said == ["funding: its times have no zone and are taken as UTC"]


@pytest.mark.parametrize(
    ("zone", "hours", "ahead", "taken"),
    [
        ("+01:00", 8, 1, "+01:00, as data.zone says"),
        ("+01:00", 8, 0, "UTC, not as +01:00, which puts them on other hours than funding's"),
        ("+08:00", 8, 8, "+08:00, as data.zone says"),
        ("+01:00", 1, 1, "+01:00, as data.zone says"),
        ("Europe/Berlin", 1, 0, "UTC, not as Europe/Berlin, which puts them"),
        ("UTC", 8, 0, "UTC, as data.zone says"),
    ],
)
def test_data_zone_holds_for_rows_that_it_puts_on_hours_of_funding(
    tmp_path: Path, zone: str, hours: int, ahead: int, taken: str
) -> None:
    """Hourly rows of UTC have an hour that Berlin left out on 27 March 2022."""
    first = 1_648_080_000_000  # 2022-03-24 00:00
    times = [first + k * hours * HOUR for k in range(6 * 24 // hours)]
    local = [iso(time + ahead * HOUR)[:-1] for time in times]
    path = written(tmp_path, lines("time,rate", local, [0.0001] * len(times)))
    said: list[str] = []
    assert read_funding(path, "", said.append, zone).time.tolist() == times
    assert len(said) == 1
    assert said[0].startswith(f"funding: its times have no zone and are taken as {taken}")


def test_data_zone_tells_what_local_times_are(tmp_path: Path) -> None:
    local = [iso(time + HOUR)[:-1] for time in TIMES]
    path = written(tmp_path, lines("Local time,rate", local, RATES))
    assert read_funding(path, "", zone="+01:00").time.tolist() == TIMES
    own = written(tmp_path, lines("time (UTC+1),rate", local, RATES))
    assert read_funding(own, "", zone="+09:00").time.tolist() == TIMES


def test_a_run_reads_funding_by_data_zone(tmp_path: Path) -> None:
    first = TIMES[0]
    rows = [first + k * EIGHT for k in range(10)]
    path = written(tmp_path, lines("time,rate", [iso(t + HOUR)[:-1] for t in rows], [0.0001] * 10))
    wanted = Wanted(
        symbol="BTC/USDT:USDT",
        interval=HOUR,
        start=first,
        end=rows[-1],
        source="synthetic",
        swap=True,
        funding=path,
        reading=Reading(zone="+01:00"),
    )
    assert load_market(wanted).funding.rows.time.tolist() == rows


def test_a_file_that_is_not_there_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.funding"):
        read_funding(tmp_path / "none.csv")


def test_rows_after_the_last_candle_are_left_out() -> None:
    candles = market()
    rows = funding_rows([MIDNIGHT + i * EIGHT for i in range(90)], [0.0001] * 90)
    found = covering(rows, candles, 0, "refuse", "file")
    assert found.rows.time[-1] == candles.time[-1] + HOUR
    assert (found.holes, found.hours) == (0, 0.0)


@pytest.mark.parametrize(
    ("kept", "hours"),
    [
        ([i for i in range(10) if i != 4], 16.0),  # a hole in the middle
        (list(range(2, 10)), 16.0),  # begins late
        (list(range(7)), 24.0),  # ends early
        ([], 72.0),
    ],
)
def test_a_hole_is_refused_or_counted_as_zero(kept: list[int], hours: float) -> None:
    rows = funding_rows([MIDNIGHT + i * EIGHT for i in kept], [0.0001] * len(kept))
    with pytest.raises(DataError, match=r"no row of funding from .* data\.funding_gaps"):
        covering(rows, market(), 0, "refuse", "file")
    found = covering(rows, market(), 0, "zero", "file")
    assert (found.holes, found.hours) == (1, hours)


def test_only_what_is_traded_needs_rows() -> None:
    rows = funding_rows([MIDNIGHT + i * EIGHT for i in range(3, 10)], [0.0001] * 7)
    assert covering(rows, market(), 24, "refuse", "file").holes == 0


def test_a_constant_is_a_row_of_one_every_eight_hours() -> None:
    rows = constant_rows(market())
    assert (rows.time % EIGHT == 0).all()
    assert len(rows.time) == 10
    assert set(rows.rate) == {1.0}


def test_a_constant_is_priced_by_the_last_close_whatever_the_mark_price() -> None:
    """As a session does, which does not know yet at what the next mark candle opens."""
    prices = np.arange(100.0, 100.0 + len(market().time))
    candles = market()._replace(close=prices)
    rows = constant_rows(candles)
    marks = candles._replace(open=candles.open + 7.0)
    assert payments_of(rows, candles, marks).amount.tolist() == (
        payments_of(rows, candles).amount.tolist()
    )
    closes = dict(zip(candles.time + candles.interval, candles.close, strict=True))
    known = [at in closes for at in rows.time]
    assert sum(known) > 5
    assert rows.price[known].tolist() == [closes[at] for at in rows.time[known]]


def candle_file(folder: Path) -> Path:
    lines = [f"{time},100,101,99,100,1" for time in market().time.tolist()]
    text = "\n".join(("timestamp,open,high,low,close,volume", *lines))
    return written(folder, text, "candles.csv")


@pytest.mark.parametrize("gaps", ["refuse", "zero"])
@pytest.mark.parametrize("days", [-30, 30])
def test_a_file_of_another_span_is_refused_whatever_gaps_pay(
    tmp_path: Path, days: int, gaps: Gaps
) -> None:
    path = written(tmp_path, archive(3 * days, 5))
    wanted = Wanted(
        symbol="BTC/USDT:USDT",
        interval=HOUR,
        path=candle_file(tmp_path),
        swap=True,
        funding=path,
        funding_gaps=gaps,
    )
    first = MIDNIGHT + days * DAY
    with pytest.raises(DataError) as refused:
        load_market(wanted)
    said = str(refused.value)
    assert f"rows of funding reach from {iso(first)} to {iso(first + 4 * EIGHT)}" in said
    assert f"none is of the span from {iso(MIDNIGHT)} to {iso(MIDNIGHT + 3 * DAY)}" in said
    assert "\n" not in said


def test_what_was_downloaded_of_another_span_pays_nothing_where_gaps_may(tmp_path: Path) -> None:
    rows = funding_rows([MIDNIGHT - 30 * DAY], [0.0001])
    write_funding(funding_path(tmp_path, "binance", "BTC/USDT:USDT"), rows, {})
    wanted = Wanted(
        symbol="BTC/USDT:USDT",
        interval=HOUR,
        path=candle_file(tmp_path),
        swap=True,
        cache=tmp_path,
        funding_gaps="zero",
    )
    found = load_market(wanted)
    assert "no funding in 72 hours of the span: they pay nothing here" in " ".join(found.notes)


def test_a_swap_without_funding_says_so_and_a_gap_that_is_zero_is_counted(tmp_path: Path) -> None:
    wanted = Wanted(
        symbol="BTC/USDT:USDT", interval=HOUR, path=candle_file(tmp_path), swap=True, cache=tmp_path
    )
    found = load_market(wanted)
    assert "its funding is not known" in " ".join(found.notes)
    assert "funding" not in found.summary()
    path = written(tmp_path, archive(0, 5))
    with pytest.raises(DataError, match="no row of funding"):
        load_market(Wanted(**{**wanted.__dict__, "funding": path}))
    found = load_market(Wanted(**{**wanted.__dict__, "funding": path, "funding_gaps": "zero"}))
    assert found.summary()["funding"]["zero_hours"] == 40.0
    assert "pay nothing here" in " ".join(found.notes)


def notes(tmp_path: Path, times: list[int], rates: list[float]) -> list[str]:
    """What is said of these rows."""
    said: list[str] = []
    text = lines("time,rate", times, rates)
    read_funding(written(tmp_path, text), "BTC/USDT:USDT", said.append)
    return said


@pytest.mark.parametrize(("hours", "odd"), [(0, 0), (4, 0), (1, 1), (7, 1)])
@pytest.mark.parametrize("step", [4, 8])
def test_rows_at_hours_at_which_no_exchange_pays_are_said(
    tmp_path: Path, step: int, hours: int, odd: int
) -> None:
    """BitMEX and KuCoin pay at 04:00, 12:00 and 20:00."""
    midnight = TIMES[0] // (24 * HOUR) * 24 * HOUR
    times = [midnight + (hours + k * step) * HOUR for k in range(40)]
    said = notes(tmp_path, times, [1e-4 + k % 7 * 1e-6 for k in range(40)])
    assert len(said) == odd
    assert all("the times may be of another zone; give them in UTC" in line for line in said)


@pytest.mark.parametrize(("rate", "odd"), [(1e-4, 0), (2e-5, 0), (1e-6, 1), (0.0, 1)])
def test_rates_that_come_to_nothing_in_a_year_are_said(
    tmp_path: Path, rate: float, odd: int
) -> None:
    """Percentages that were taken for such twice; BNB's are 0 more often than not."""
    times = [TIMES[0] + k * 8 * HOUR for k in range(60)]
    said = notes(tmp_path, times, [rate if k % 3 else 0.0 for k in range(60)])
    assert ["come to no more than" in line for line in said] == [True] * odd
    assert notes(tmp_path, times, [0.0 if k % 3 else 1e-4 for k in range(60)]) == []


def test_rows_that_are_missing_among_others_are_said_with_their_count(tmp_path: Path) -> None:
    """None of them is a hole of more than eight hours. Intervals that change are no such."""
    times = [TIMES[0] + k * HOUR for k in range(200) if k not in (50, 120, 121)]
    (line,) = notes(tmp_path, times, [1e-5 + k % 5 * 1e-6 for k in range(len(times))])
    assert line.startswith("funding: 3 rows are missing among others that come every 1h, the first")
    changed = [TIMES[0] + k * 8 * HOUR for k in range(30)]
    changed += [changed[-1] + k * 4 * HOUR for k in range(1, 30)]
    changed += [changed[-1] + k * HOUR for k in range(1, 60)]
    assert notes(tmp_path, changed, [1e-5 + k % 5 * 1e-6 for k in range(len(changed))]) == []


@pytest.mark.parametrize("name", ["missing.csv", "*.csv", "*", "empty"])
def test_a_path_without_a_file_is_refused_with_its_own_setting(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"; check data\.funding$"):
        read_funding(tmp_path / name)


@pytest.mark.parametrize("step", [1, 2, 4])
def test_rates_of_eight_hours_that_are_written_for_each_are_refused(
    tmp_path: Path, step: int
) -> None:
    """They would be paid eight times."""
    midnight = TIMES[0] // (24 * HOUR) * 24 * HOUR
    each = [1e-4 + k % 9 * 1e-6 for k in range(60)]
    times = [midnight + k * step * HOUR for k in range(60 * 8 // step)]
    rates = [each[k * step // 8] for k in range(len(times))]
    with pytest.raises(DataError, match="give one row for each payment"):
        notes(tmp_path, times, rates)
    own = [1e-4 + k % 9 * 1e-6 for k in range(len(times))]
    assert notes(tmp_path, times, own) == []


@pytest.mark.parametrize(("name", "is_btc"), [("XBTUSDT", True), ("AIXBTUSDT", False)])
def test_another_coin_that_holds_the_letters_of_bitcoin_is_another(
    tmp_path: Path, name: str, is_btc: bool
) -> None:
    text = lines("time,rate", [TIMES[0] + k * 8 * HOUR for k in range(9)], [1e-4] * 9)
    path = written(tmp_path, text, f"{name}.csv")
    for symbol in ("BTC/USDT:USDT", "AIXBT/USDT:USDT"):
        said: list[str] = []
        read_funding(path, symbol, said.append)
        assert bool(said) == (symbol.startswith("BTC") != is_btc)


def test_binance_s_archive_without_its_header_is_read(tmp_path: Path) -> None:
    headed = written(tmp_path, archive(0, 60))
    bare = written(tmp_path, archive(0, 60).partition("\n")[2], "bare.csv")
    for one, other in zip(read_funding(bare), read_funding(headed), strict=True):
        np.testing.assert_array_equal(one, other)


TICKERS = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price"
)


def test_tickers_of_a_swap_are_no_funding_and_no_candles(tmp_path: Path) -> None:
    """Of two rows in a minute one was to be kept: of rates that were foretold."""
    at = [(MIDNIGHT + i * 60_000) * 1000 for i in range(300)]
    rows = [f"binance-futures,BTCUSDT,{t},{t + 9},{t},0.0001,,5,60.1,60,60" for t in at]
    path = written(tmp_path, "\n".join([TICKERS, *rows]))
    with pytest.raises(DataError, match="holds tickers, whose rates are foretold"):
        read_funding(path)
    with pytest.raises(DataError, match=r"holds tickers, no candles.*; give candles$"):
        check_file(path)


def test_percentages_among_fractions_are_said(tmp_path: Path) -> None:
    def told(rate: float, rows: range) -> list[str]:
        times = [MIDNIGHT + i * EIGHT for i in range(400)]
        rates = [rate if i in rows else 1e-4 * (1 + i % 3) for i in range(400)]
        text = "\n".join(["time,rate", *(f"{t},{r}" for t, r in zip(times, rates, strict=True))])
        notes: list[str] = []
        read_funding(written(tmp_path, text), on_notice=notes.append)
        return notes

    (note,) = told(0.01, range(105, 195))
    assert f"about {iso(MIDNIGHT + 105 * EIGHT)} rates come to 1.00% each" in note
    assert not told(0.01, range(105, 112))  # two days of a squeeze
    assert not told(0.002, range(105, 195))
