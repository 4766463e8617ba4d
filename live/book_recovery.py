"""What the session of a book has when it begins, or goes on: candles of every market, settings,
where account and sleeves stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.backtest.inputs import plan_for
from stoptrail.backtest.plan import Plan
from stoptrail.config.excess import session_words
from stoptrail.config.market import Filters, Maintenance
from stoptrail.config.run_rules import market_rules
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import number_of
from stoptrail.core.time import iso_time
from stoptrail.exchange.rows import Row
from stoptrail.live.book_origin import BookBeginning, active_settings, beginning_of, kept_candles
from stoptrail.live.ledger.book_ledger import BookLedger, NewSleeve, book_name
from stoptrail.live.ledger.records import SessionRow, session_of, sleeves_of
from stoptrail.live.protocols import MarketStore
from stoptrail.live.recovery import check_interval, margin_of, warm_up_candles
from stoptrail.live.session_settings import (
    IN_BOOK,
    changed,
    filters_in,
    maintenance_in,
    margin_words,
    other_filters,
    plan_from,
    resolved,
    run_rules_from,
    settings_from,
    told_tick,
)
from stoptrail.live.warm_up import WarmUp, needed_days, tick_words, warm_up_of
from stoptrail.rules.market import units_down
from stoptrail.rules.sizing import affordable_units, tradable

_LAG = 2
"""Candles by which a market may be behind the newest one as a session begins, and be waited
for."""


class Sleeve(NamedTuple):
    """A sleeve as it is asked for."""

    symbol: str
    share: float
    settings: Settings


def begin_book(
    settings: Settings,
    sleeves: Sequence[Sleeve],
    stores: Mapping[str, MarketStore],
    ledger: BookLedger,
) -> BookBeginning:
    """Take the session of a book up from its ledger, or make it, with the warm-ups of all
    markets, where there is none. `stores` are by market.

    Raises the errors of exchange and ledger, ConfigError for settings that cannot go on.
    """
    name = book_name([sleeve.symbol for sleeve in sleeves])
    found = session_of(ledger.database, settings.exchange_id, name)
    content = book_content(settings, sleeves)
    if found is not None:
        check_interval(settings, found)
        _require_same_sleeves(ledger.database, found, content)
    theirs = {symbol: _filters(store, symbol, found) for symbol, store in stores.items()}
    candles = (
        _warm_ups(sleeves, stores, theirs)
        if found is None
        else kept_candles(ledger.database, sleeves_of(ledger.database, found.id))
    )
    margins = _margins(ledger.database, sleeves, stores, found)
    new = [
        _new_sleeve(ledger.database, sleeve, theirs, candles, found, margins) for sleeve in sleeves
    ]
    if found is None:
        for each in new:
            _require_affordable(settings, each)
    book, rows = ledger.open(content, new)
    for row, want in zip([book, *rows], [content, *(one.content for one in new)], strict=True):
        _require_same_settings(ledger.database, row, want)
    own = [settings_from(one.content) for one in new]
    begun = _told(
        beginning_of(ledger.database, book, candles),
        [plan_from(each) for each in own],
        settings.live.warm_up_days,
    )
    words = [
        (each.data.symbol, margin_words(each, IN_BOOK, margins[each.data.symbol])) for each in own
    ]
    words += [
        (each.symbol, tick_words(one.candles, told_tick(each.settings, theirs[each.symbol])))
        for each, one in zip(sleeves, new, strict=True)
    ]
    words += [
        (each.symbol, text)
        for each, one in zip(sleeves, own, strict=True)
        for text in session_words(one, each.share)
    ]
    words += _filter_words(ledger.database, sleeves, theirs, found)
    said = dict.fromkeys(f"{symbol}: {text}" for symbol, text in words if text)
    return begun._replace(said=(*begun.said, *(("settings", text) for text in said)))


def book_content(settings: Settings, sleeves: Sequence[Sleeve]) -> dict[str, Any]:
    """The tables that hold for the whole, as the ledger keeps them."""
    table = as_table(settings)
    book = {key: value for key, value in table["book"].items() if key in _OF_THE_WHOLE}
    book["sleeves"] = [{"symbol": each.symbol, "share": each.share} for each in sleeves]
    content = {name: table[name] for name in ("account", "risk", "protections")}
    content["data"] = {"timeframe": table["data"]["timeframe"]}
    return {**content, "book": book, "live": {"ratchet": settings.live.ratchet}}


_OF_THE_WHOLE = ("account", "max_open_risk", "max_notional")


def _filters(store: MarketStore, symbol: str, found: SessionRow | None) -> Any:
    return store.market(symbol) if found is None else store.held_market(symbol)


def _margins(
    database: Database,
    sleeves: Sequence[Sleeve],
    stores: Mapping[str, MarketStore],
    found: SessionRow | None,
) -> dict[str, Maintenance | None]:
    """The maintenance margin of each market, as its exchange tells it when the book begins, and as
    the ledger has it from then on."""
    if found is None:
        first = {each.symbol: each.settings for each in reversed(sleeves)}
        return {symbol: margin_of(own, stores[symbol]) for symbol, own in first.items()}
    kept = {
        row.symbol: maintenance_in(active_settings(database, row.id).content)
        for row in sleeves_of(database, found.id)
    }
    return {each.symbol: kept.get(each.symbol) for each in sleeves}


def _warm_ups(
    sleeves: Sequence[Sleeve], stores: Mapping[str, MarketStore], theirs: Mapping[str, Any]
) -> dict[str, list[Row]]:
    """Of each market the candles up to one that all of those have which are not far behind: what
    has closed since comes in steps. Where the sleeves need more days, more are read."""
    interval = sleeves[0].settings.data.interval
    found = {}
    for symbol, store in stores.items():
        own = [sleeve for sleeve in sleeves if sleeve.symbol == symbol]
        days = own[0].settings.live.warm_up_days
        rows = warm_up_candles(own[0].settings, store, symbol, days)
        needed = max(needed_days(_plan(each, theirs), rows, interval) for each in own)
        if needed > days:
            rows = warm_up_candles(own[0].settings, store, symbol, needed)
        found[symbol] = rows
    newest = max(rows[-1][0] for rows in found.values())
    last = [rows[-1][0] for rows in found.values()]
    common = min(at for at in last if at >= newest - _LAG * interval)
    return {symbol: [row for row in rows if row[0] <= common] for symbol, rows in found.items()}


def _plan(sleeve: Sleeve, theirs: Mapping[str, Any]) -> Plan:
    return plan_for(sleeve.settings, market_rules(theirs[sleeve.symbol], 0, 0))


def _told(found: BookBeginning, plans: Sequence[Plan], days: int) -> BookBeginning:
    """`found` with what is said of each market's warm-up: of the sleeve that is warm last."""
    ups: dict[str, WarmUp] = {}
    for row, plan in zip(found.sleeves, plans, strict=True):
        rows = found.candles[row.symbol]
        one = warm_up_of(plan, rows, found.book.interval, days, ())
        if row.symbol not in ups or one.warm_from > ups[row.symbol].warm_from:
            ups[row.symbol] = one
    said = tuple(("warm-up", f"{symbol}: {up.text}") for symbol, up in ups.items())
    return found._replace(said=said, warm_from=max(up.warm_from for up in ups.values()))


def _require_affordable(settings: Settings, new: NewSleeve) -> None:
    """Raise ConfigError where the share buys less than the least order at the last price."""
    rules, price = run_rules_from(settings_from(new.content)).trade_rules, new.candles[-1][4]
    cash = settings.account.cash * new.share
    most = affordable_units(cash, price, rules.sizing.max_leverage, rules.costs)
    if not tradable(units_down(most, rules.market), price, rules.market) > 0.0:
        raise ConfigError(
            f"book.sleeves: the share {new.share:g} of {new.symbol} is {cash:,.6g}, less than "
            f"its least order at {price:,.6g}: raise the share or account.cash"
        )


def _new_sleeve(
    database: Database,
    sleeve: Sleeve,
    theirs: Mapping[str, Any],
    candles: Mapping[str, list[Row]],
    found: SessionRow | None,
    margins: Mapping[str, Maintenance | None],
) -> NewSleeve:
    """What the sleeve would begin with; `theirs` are the filters of the markets, `margins` their
    maintenance margins."""
    filters, rows = theirs[sleeve.symbol], candles[sleeve.symbol]
    if found is not None:  # a book keeps its settings, whatever the exchange tells by now
        filters = _kept_filters(database, found, sleeve.symbol)
    content = resolved(sleeve.settings, filters, rows, margins[sleeve.symbol])
    return NewSleeve(sleeve.symbol, sleeve.share, content, rows)


def _kept_filters(database: Database, found: SessionRow, symbol: str) -> Filters:
    """Those that the ledger has of a market."""
    kept = next(row for row in sleeves_of(database, found.id) if row.symbol == symbol)
    return filters_in(active_settings(database, kept.id).content)


def _filter_words(
    database: Database,
    sleeves: Sequence[Sleeve],
    theirs: Mapping[str, Any],
    found: SessionRow | None,
) -> Iterator[tuple[str, str]]:
    """Of each market what to say where the exchange tells other filters than the book has."""
    if found is None:
        return
    for each in sleeves:
        kept = _kept_filters(database, found, each.symbol)
        if others := other_filters(each.settings, kept, theirs[each.symbol]):
            tells = f"{each.settings.exchange_id} tells others than before: {others}"
            yield each.symbol, f"{tells}; the book keeps those with which it began"


def _require_same_sleeves(database: Database, found: SessionRow, content: dict[str, Any]) -> None:
    before = active_settings(database, found.id).content["book"]["sleeves"]
    if [one["symbol"] for one in before] != [one["symbol"] for one in content["book"]["sleeves"]]:
        markets = ", ".join(one["symbol"] for one in before)
        raise ConfigError(
            f"book.sleeves: the book that began in this database on {iso_time(found.start)} has "
            f"{number_of(len(before), 'sleeve')} ({markets}); use another [database] url to "
            "begin a new one"
        )


def _require_same_settings(database: Database, row: SessionRow, content: dict[str, Any]) -> None:
    keys = changed(active_settings(database, row.id).content, content)
    if keys:
        where = f"sleeve {row.sleeve} ({row.symbol})" if row.sleeve else "the book"
        raise ConfigError(
            f"{', '.join(keys)}: the settings of {where} are others than those with which the "
            "session began, and a book keeps its settings: put them back, or use another "
            "[database] url to begin a new one"
        )
