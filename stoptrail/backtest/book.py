"""Several sleeves on one account in full Backtrader: one Cerebro, a feed for each market, one
broker (C22)."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.book_cerebro import BookCerebro
from stoptrail.backtest.engine import let_go, run_backtrader, strategy_options
from stoptrail.backtest.inputs import Inputs, plan_of
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.plan import Plan, Record
from stoptrail.brokers.book import NO_LIMITS, BookBroker
from stoptrail.brokers.sleeve import SleeveBroker
from stoptrail.config.own_code import own_errors
from stoptrail.config.run_rules import protections_of
from stoptrail.config.settings import Settings
from stoptrail.core.program import Progress, is_plain
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.book import BOOK_IGNORED, NO_CAP, Caps
from stoptrail.rules.protections import Protections
from stoptrail.rules.types import CYCLE_EXIT
from stoptrail.strategies.sleeve import BookDecisions, on_own_market

_OBJECTS = 200_000
"""New objects after which circles are looked for, in a run of many sleeves."""


class SleevePlan(NamedTuple):
    """One sleeve, resolved."""

    plan: Plan
    inputs: Inputs
    """Sleeves of one market have the same candles, the very object."""
    share: float
    lends: bool
    """Whether its market does: on spot a fill is cut to free cash."""


class BookTerms(NamedTuple):
    """What holds for the whole."""

    cash: float
    caps: Caps
    protections: Protections
    shared: bool
    """One account; otherwise each sleeve is a run of its own with its share of the cash."""


def terms_of(settings: Settings) -> BookTerms:
    """What the settings of a book say of the whole."""
    book = settings.book
    notional = settings.risk.max_leverage if book.max_notional is None else book.max_notional
    risk = NO_CAP if book.max_open_risk is None else book.max_open_risk
    return BookTerms(
        settings.account.cash,
        Caps(risk, notional),
        protections_of(settings.protections),
        book.account == "shared",
    )


def sleeve_plan(settings: Settings, share: float, inputs: Inputs) -> SleevePlan:
    """A sleeve by its settings."""
    return SleevePlan(plan_of(settings, inputs), inputs, share, settings.market_type != "spot")


def run_book(
    sleeves: Sequence[SleevePlan], terms: BookTerms, on_progress: Progress | None = None
) -> list[Record]:
    """What each sleeve did; on_progress: told how much of the whole is done."""
    told = on_progress or (lambda _done, _total: None)
    if not terms.shared:
        records = []
        for sleeve in sleeves:
            records.append(_alone(sleeve, terms))
            told(len(records), len(sleeves))
        return records
    cerebro = BookCerebro(stdstats=False)
    cerebro.on_progress = told
    feeds: dict[int, Any] = {}
    for sleeve in sleeves:
        candles = sleeve.inputs.candles
        if id(candles) not in feeds:
            feeds[id(candles)] = feed = ColumnarFeed(candles=candles)
            feed.only_read = not is_plain()
            cerebro.adddata(feed)
    places = {key: place for place, key in enumerate(feeds)}
    brokers = [_broker_of(sleeve, terms) for sleeve in sleeves]
    for sleeve, broker in zip(sleeves, brokers, strict=True):
        inputs, plan = sleeve.inputs, sleeve.plan
        options = strategy_options(plan, int(inputs.candles.time[inputs.start]))
        place = places[id(inputs.candles)]
        cerebro.addstrategy(on_own_market, place=place, own_broker=broker, **options)
    cerebro.addstrategy(BookDecisions)
    whole = {"caps": terms.caps, "cash": terms.cash, "protections": terms.protections}
    cerebro.setbroker(BookBroker(sleeves=brokers, **whole))
    own = [function for sleeve in sleeves for function in sleeve.plan.own_code]
    with own_errors(*own), seldom_collected():
        strategies = cerebro.run()
    let_go(*feeds.values(), *strategies)
    each = (sleeve.inputs.candles for sleeve in sleeves)
    end = max(int(candles.time[-1]) + candles.interval for candles in each)
    return [_record(*pair, end) for pair in zip(sleeves, brokers, strict=True)]


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Nothing is freed by looking for circles while so many objects live: orders and positions
    go by themselves."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _broker_of(sleeve: SleevePlan, terms: BookTerms) -> SleeveBroker:
    plan, inputs = sleeve.plan, sleeve.inputs
    with_stops = plan.run_rules.exits != CYCLE_EXIT
    return SleeveBroker(
        **broker_options(plan, terms.cash, sleeve.share, lends=sleeve.lends),
        journal=RecordingJournal(with_stops=with_stops, reasons=len(BOOK_IGNORED)),
        detail=inputs.detail,
        funding=inputs.funding,
    )


def broker_options(plan: Plan, cash: float, share: float, *, lends: bool) -> dict[str, Any]:
    """The parameters of a sleeve's broker that follow from its plan; `cash` of the whole."""
    return {
        "run_rules": plan.run_rules._replace(cash=cash, protections=NO_LIMITS),
        "own_size": plan.size_call,
        "share": share,
        "lends": lends,
    }


def _record(sleeve: SleevePlan, broker: SleeveBroker, end: int) -> Record:
    """What a sleeve did; a trade that is open at the book's `end` (ms) is marked then."""
    candles, journal = sleeve.inputs.candles, broker.journal
    assert isinstance(journal, RecordingJournal)
    rules, balance = sleeve.plan.run_rules.trade_rules, broker.book.balance
    paid = broker.paid_by(end)
    return Record(
        journal.trades(candles, rules, balance, paid, broker.backing, end),
        journal.stops(candles),
        journal.counts,
        journal.fills(candles),
        np.array(broker.backings),
    )


def _alone(sleeve: SleevePlan, terms: BookTerms) -> Record:
    """The sleeve as a run of its own."""
    inputs = sleeve.inputs
    rules = sleeve.plan.run_rules._replace(
        cash=terms.cash * sleeve.share, protections=terms.protections
    )
    plan = sleeve.plan._replace(run_rules=rules)
    given = inputs.candles, inputs.start, plan, inputs.funding
    return run_backtrader(*given, detail=inputs.detail)
