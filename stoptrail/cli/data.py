"""`data download`, `data check` and `data convert`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from stoptrail.cli.console import Voice
from stoptrail.config.market import MAINTENANCE, tiers_words
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso, timeframe_ms, timeframe_name
from stoptrail.exchange.markets import MarketFacts, tells_tiers, unit_note
from stoptrail.feeds.check import FileCheck, check_file
from stoptrail.feeds.downloads.cache import Cached, read_facts, write_candles
from stoptrail.feeds.downloads.download import download_candles
from stoptrail.feeds.downloads.public_archive import download_archive
from stoptrail.feeds.files import PLAIN, load_file
from stoptrail.feeds.funding.download import download_funding
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.source import WARMUP_DAYS, Wanted, span_to_fetch
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.terminal import Terminal, safe

SHOWN = 20
"""Findings of one kind that are listed one by one."""


def download(
    exchange_id: str,
    ccxt_options: Mapping[str, Any],
    symbol: str,
    timeframe: str,
    start: int | None,
    end: int | None,
    cache: Path,
    console: Console | None = None,
    archive: str = "",
    market_type: str = "auto",
    funding: bool = False,
    warm_up: bool = True,
    mark: bool = False,
) -> int:
    """Bring a market's closed candles into the cache and say what is there; exit code 0.

    `start` and `end` are in milliseconds, None as in the settings: the last five years.
    With `warm_up` the candles before the span come along. `archive` is the host of the public
    archive from which whole months and days are taken first; `market_type` is what market.type
    says. With `funding` a swap's rates over the span come too, with `mark` the candles of its mark
    price. Raises the errors of `download_candles` and `download_funding`; ConfigError before
    anything is asked where one of these is wanted of a market that is no swap.
    """
    _require_swap(symbol, market_type, funding, mark)
    voice, console = Voice(console=console), console or Terminal()
    interval = _interval(timeframe)
    wanted = Wanted(symbol=symbol, interval=interval, start=start, end=end)
    first, last = span_to_fetch(wanted, int(time.time() * 1000))
    first += 0 if warm_up else WARMUP_DAYS * DAY_MS
    label, span = f"{exchange_id} {symbol} {timeframe}", (symbol, interval, first, last, cache)
    if archive:
        with voice.progress(f"{label}, archive") as on_progress:
            download_archive(archive, exchange_id, *span, on_progress, voice.notice)
    with voice.progress(label) as on_progress:
        cached = download_candles(
            exchange_id, dict(ccxt_options), *span, on_progress, voice.notice, market_type
        )
    facts = read_facts(cache, exchange_id, symbol)
    if facts and (note := unit_note(exchange_id, symbol, facts)):
        voice.notice(note)
    if facts and facts.type == "swap":
        console.print(_margin(exchange_id, facts), soft_wrap=True, highlight=False)
    console.print(_said("candles", cached, interval), soft_wrap=True)
    if funding:
        begin = first + (WARMUP_DAYS * DAY_MS if warm_up else 0)
        of = (exchange_id, dict(ccxt_options), symbol, interval)
        path, rows = download_funding(*of, begin, last, cache, voice.notice)
        reach = f"{iso(int(rows.time[0]))} to {iso(int(rows.time[-1]))}"
        said = f"{number_of(len(rows.time), 'row')} of funding, {reach}: {safe(str(path))}"
        console.print(said, soft_wrap=True)
    if mark:
        begin = first + (WARMUP_DAYS * DAY_MS if warm_up else 0)
        span = (symbol, interval, begin, last, cache)
        with voice.progress(f"{label}, mark") as on_progress:
            given = (exchange_id, dict(ccxt_options), *span, on_progress, voice.notice)
            marks = download_candles(*given, market_type, mark=True)
        console.print(_said("mark candles", marks, interval), soft_wrap=True)
    return 0


def _require_swap(symbol: str, market_type: str, funding: bool, mark: bool) -> None:
    """ConfigError where a market that is no swap is asked for what only a swap has."""
    flags = " and ".join(["--funding"] * funding + ["--mark"] * mark)
    if flags and (market_type in ("spot", "margin") or ":" not in symbol):
        what = " and ".join(["pays no funding"] * funding + ["has no mark price"] * mark)
        raise ConfigError(
            f"data.symbol {symbol} is no swap: it {what}; name one, such as "
            f"{symbol.partition(':')[0]}:{symbol.partition('/')[2].partition(':')[0]}, or leave "
            f"{flags} out"
        )


def _said(what: str, cached: Cached, interval: int) -> str:
    """How many there are, from when to when, and where."""
    times = cached.columns.time
    reach = f"{iso(int(times[0]))} to {iso(int(times[-1]) + interval)}" if len(times) else "no span"
    return f"{len(times):,} {what}, {reach}: {safe(str(cached.path))}"


def _margin(exchange_id: str, facts: MarketFacts) -> str:
    """What is known of a swap's maintenance margin (C20)."""
    if kept := facts.maintenance:
        return f"maintenance margin: {tiers_words(kept.tiers)}, {safe(kept.place)}"
    why = "" if tells_tiers(exchange_id) else f", as it is not read from {exchange_id}"
    return (
        f"maintenance margin: not known{why}; set market.maintenance_margin, else {MAINTENANCE:g}"
    )


def check(
    path: Path,
    timeframe: str | None = None,
    console: Console | None = None,
    reading: Reading = PLAIN,
) -> int:
    """Say what a candle file is and list what is odd about it; exit code 0 where it can be
    used, else 1.

    Gaps and candles without volume are listed, yet normal. Raises DataError where there
    is nothing to check.
    """
    console = console or Terminal()
    result = check_file(path, _interval(timeframe) if timeframe else None, reading)
    _print_overview(console, result)
    kinds = dict.fromkeys(finding.kind for finding in result.findings)
    for kind in kinds:
        _print_kind(console, result, kind)
    verdict = "can be used" if result.usable else "cannot be used as it is"
    console.print(f"The file {verdict}.", style="green" if result.usable else "bold red")
    if result.refusal:
        console.print(f"A run says: {safe(result.refusal)}", soft_wrap=True, highlight=False)
    return 0 if result.usable else 1


def convert(
    path: Path,
    out: Path,
    timeframe: str | None = None,
    console: Console | None = None,
    reading: Reading = PLAIN,
) -> int:
    """Write what a run would load from `path` as Parquet with `timestamp` in UTC; exit code 0.

    Raises DataError as `load_file` does, OutputError where `out` cannot be written.
    """
    console = console or Terminal()
    loaded = load_file(path, _interval(timeframe) if timeframe else None, reading)
    for note in loaded.notes:
        console.print(safe(note), style="yellow", soft_wrap=True, highlight=False)
    if out.exists() and path.exists() and out.resolve() == path.resolve():
        raise ConfigError(f"{out}: is the file that is read; name another to write")
    write_candles(out, columns_of(loaded.candles))
    times, step = loaded.candles.time, loaded.candles.interval
    console.print(
        f"{number_of(len(times), 'candle')} of {timeframe_name(step)}, {iso(int(times[0]))} to "
        f"{iso(int(times[-1]) + step)}: {safe(str(out))}",
        soft_wrap=True,
        highlight=False,
    )
    return 0


def _interval(timeframe: str) -> int:
    try:
        return timeframe_ms(timeframe)
    except ValueError as error:
        raise ConfigError(f"timeframe = {timeframe!r}: {error}") from None


def _print_overview(console: Console, result: FileCheck) -> None:
    console.print(safe(str(result.path)), style="bold", soft_wrap=True)
    console.print(f"{safe(result.layout)}: {safe(result.mapping)}", soft_wrap=True)
    console.print(_extent(result), soft_wrap=True)
    for name, candle in zip(("first", "last"), result.ends, strict=False):
        console.print(f"{name}: {candle}", soft_wrap=True, highlight=False)
    for note in result.notes:
        console.print(f"note: {safe(note)}", soft_wrap=True, highlight=False, style="yellow")


def _extent(result: FileCheck) -> str:
    """How many candles there are, and from when to when, as far as that can be told."""
    rows = f"{result.rows:,} row{'' if result.rows == 1 else 's'}"
    if not result.ends:
        return f"{rows}, no candle"
    if not result.interval:
        return f"{rows} at {iso(result.first)}" if result.rows == 1 else rows
    missing = f"{result.missing:,} candle{'' if result.missing == 1 else 's'} missing"
    end = iso(result.last + result.interval)
    return f"{rows} of {timeframe_name(result.interval)}, {iso(result.first)} to {end}, {missing}"


def _print_kind(console: Console, result: FileCheck, kind: str) -> None:
    findings = [finding for finding in result.findings if finding.kind == kind]
    candles = sum(finding.candles for finding in findings)
    style = "red" if findings[0].fault else "cyan"
    noun = "row" if findings[0].fault else "candle"
    places = f" in {number_of(len(findings), 'place')}" * (len(findings) > 1)
    console.print(f"{kind}: {number_of(candles, noun)}{places}", style=style)
    for finding in findings[:SHOWN]:
        console.print(f"  {safe(finding.text)}", soft_wrap=True, highlight=False)
    if len(findings) > SHOWN:
        console.print(f"  ... and {len(findings) - SHOWN:,} more")
