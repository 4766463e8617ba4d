"""The ledger's tables. Times are milliseconds since the epoch, UTC; prices doubles.

Every table's key is what happened, not when it was written: writing the same step twice
leaves the same rows.
"""

from __future__ import annotations

from typing import Any, ClassVar

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)

from stoptrail.live.ledger.spoken import Commands, Events, Presence


class Sessions(Model):
    """A paper session, and what it carries from one candle to the next."""

    id = AutoField()
    exchange = CharField()
    symbol = CharField()
    interval = BigIntegerField()
    """Length of a base candle, ms."""
    began = BigIntegerField()
    """When the session was made, by this machine's clock."""
    warm_up_from = BigIntegerField()
    """Open time of the first candle of all (C17)."""
    start = BigIntegerField()
    """Open time of the first candle that may decide (C17)."""
    candle = BigIntegerField()
    """Open time of the last candle that was processed."""
    ticks = BigIntegerField(default=0)
    """How many ticks changed something; of a book and its sleeves the steps as well."""
    balance = DoubleField()
    """Cash as it was before the open position; of a sleeve its share with its profits."""
    day_start = DoubleField()
    peak = DoubleField()
    peak_before = DoubleField(null=True)
    """The peak before the last mark at 00:00 UTC, which funding of that moment may change."""
    losses = IntegerField()
    guarded_until = BigIntegerField()
    """The protections' state (rules.protections.Guard)."""
    quiet_until = BigIntegerField()
    """Number of the first candle whose signal counts after the last exit (C10)."""
    paused = BooleanField(default=False)
    sleeves = IntegerField(default=0)
    """How many sleeves a book has, each a row of its own; 0: it is no book."""
    book = IntegerField(default=0)
    """Of a sleeve the session of its book; 0: it is none."""
    sleeve = IntegerField(default=0)
    """Its number there, from 1."""
    market = IntegerField(default=0)
    """Of a sleeve the session that has its candles: the first of its market's."""
    most = DoubleField(null=True)
    """Units that the caps have left of the order of a sleeve; empty where they cut nothing."""
    margin = DoubleField(default=0.0)
    """What its position or order may lose (C20)."""
    steps = BigIntegerField(default=0)
    """How many steps a book took."""
    free = DoubleField(null=True)
    """Cash of a book for entries until its next step; empty: all that no position ties up."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "sessions"
        indexes: ClassVar[Any] = ((("exchange", "symbol", "book", "sleeve"), True),)


class SettingsHistory(Model):
    """Every set of settings that the session has had; no secret is among them."""

    session = IntegerField()
    number = IntegerField()
    """1 for the first."""
    seen = BigIntegerField()
    """Open time of the last candle before the settings were given."""
    applied = BigIntegerField(null=True)
    """Open time of the last candle before they applied; empty while a position that was
    opened under earlier ones is held."""
    content = TextField()
    """JSON of the tables of strategy.toml that decide trades."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "settings_history"
        primary_key = CompositeKey("session", "number")


class StoredCandles(Model):
    """Every closed candle as the session saw it, warm-up included."""

    session = IntegerField()
    time = BigIntegerField()
    """Open time."""
    open = DoubleField()
    high = DoubleField()
    low = DoubleField()
    close = DoubleField()
    volume = DoubleField()
    caught_up = BooleanField()
    """Whether the session was down when it closed, or not yet begun."""
    mark_open = DoubleField(null=True)
    """Of the mark price, as its closed candle came (C20); empty where it did not come."""
    mark_high = DoubleField(null=True)
    mark_low = DoubleField(null=True)
    mark_close = DoubleField(null=True)
    step = BigIntegerField(null=True)
    """Of a book the number of the step that took it, among its moments; a late candle has a
    later one."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "candles"
        primary_key = CompositeKey("session", "time")


MARK = ("mark_open", "mark_high", "mark_low", "mark_close")
"""Columns of a candle's mark prices, in the order of a Mark."""


class Ticks(Model):
    """The ticks that changed something, in order."""

    session = IntegerField()
    number = BigIntegerField()
    after = BigIntegerField()
    """Open time of the last candle before the tick."""
    time = BigIntegerField()
    price = DoubleField()
    bid = DoubleField(null=True)
    ask = DoubleField(null=True)
    ahead = BooleanField()
    quote_age = DoubleField(null=True)
    """Milliseconds by which the quote is older than the newest trade."""
    quote_rule = CharField(null=True)
    """"event" or "arrival": how the quote was found to be of the moment."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "ticks"
        primary_key = CompositeKey("session", "number")


class Decisions(Model):
    """Every signal, and what became of it."""

    session = IntegerField()
    time = BigIntegerField()
    """Open time of the signal's candle."""
    side = IntegerField()
    outcome = CharField()
    """"ordered", "filled", or why there is no trade (live.gate.REASONS)."""
    units = DoubleField(null=True)
    """Wanted units."""
    equity = DoubleField(null=True)
    atr = DoubleField(null=True)
    settings = IntegerField()
    caught_up = BooleanField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "decisions"
        primary_key = CompositeKey("session", "time")


class PaperOrders(Model):
    """Entry, stop and exit of each signal that led to an order."""

    session = IntegerField()
    kind = CharField()
    """"entry", "stop", "exit" by hand, or "leave" of the session's own accord (C18)."""
    signal = BigIntegerField()
    """Open time of the signal's candle."""
    side = IntegerField()
    """1 buys, -1 sells."""
    units = DoubleField()
    price = DoubleField(null=True)
    """Level of a stop order, or what a person named for an exit."""
    status = CharField()
    """"working", "filled" or "cancelled"."""
    reason = CharField(null=True)
    """Why it was cancelled, or what it left for."""
    latest = BigIntegerField(null=True)
    """Of an entry: open time after which it is cancelled."""
    sent_after = BigIntegerField()
    """Open time of the last candle before it was sent."""
    sent_tick = BigIntegerField()
    """How many ticks had changed something by then."""
    done = BigIntegerField(null=True)
    fill = DoubleField(null=True)
    fee = DoubleField(null=True)
    caught_up = BooleanField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "paper_orders"
        primary_key = CompositeKey("session", "kind", "signal")


class PaperTrades(Model):
    """Trades; the open one has no exit."""

    session = IntegerField()
    number = IntegerField()
    """1 for the first."""
    signal = BigIntegerField()
    side = IntegerField()
    units = DoubleField()
    """At the entry."""
    entry_time = BigIntegerField()
    entry = DoubleField()
    atr = DoubleField()
    """ATR at the signal."""
    initial_stop = DoubleField()
    sl = DoubleField()
    """The stop level now, or when it ended."""
    sl_reason = CharField()
    extreme = DoubleField()
    breakeven = BooleanField()
    """Whether the breakeven ratchet is armed (C8)."""
    opening_sl = DoubleField(null=True)
    opening_sl_reason = CharField(null=True)
    """The stop with which the candle under way began, where a tick has moved it."""
    entry_fee = DoubleField()
    exit_time = BigIntegerField(null=True)
    exit = DoubleField(null=True)
    reason = CharField(null=True)
    fees = DoubleField(null=True)
    borrow = DoubleField(null=True)
    funding = DoubleField(default=0.0)
    """Booked so far, negative where it was paid (C19); of a closed trade in `pnl`."""
    shortfall = DoubleField(default=0.0)
    """Of a closed trade, what was lost beyond the account and credited (C20), in `pnl`."""
    pnl = DoubleField(null=True)
    settings = IntegerField()
    entry_caught_up = BooleanField()
    exit_caught_up = BooleanField(null=True)

    class Meta:  # noqa: D106  # peewee's
        table_name = "paper_trades"
        primary_key = CompositeKey("session", "number")


class PaperFills(Model):
    """Every fill of a trade: its entry, parts that targets closed, and what closed the rest."""

    session = IntegerField()
    trade = IntegerField()
    number = IntegerField()
    """0 for the entry."""
    time = BigIntegerField()
    side = IntegerField()
    """1 buys, -1 sells."""
    units = DoubleField()
    price = DoubleField()
    fee = DoubleField()
    borrow = DoubleField()
    funding = DoubleField()
    """Both of these units, from the entry on."""
    paid_until = BigIntegerField(null=True)  # rows of funding before it are theirs (C19)
    left = DoubleField()
    """Units that are held after it."""
    reason = CharField()
    """"entry", or a name of rules.stops.REASONS."""
    caught_up = BooleanField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "paper_fills"
        primary_key = CompositeKey("session", "trade", "number")


class StopMoves(Model):
    """Every level that was in force: the initial stop, then each ratchet."""

    session = IntegerField()
    trade = IntegerField()
    number = IntegerField()
    """0 for the initial stop."""
    time = BigIntegerField()
    """From when it is in force: the open of a candle, or the tick."""
    old = DoubleField(null=True)
    new = DoubleField()
    reason = CharField()
    passed = BooleanField(default=False)
    """Whether it lay beyond the close or tick that set it (C7)."""
    caught_up = BooleanField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "stop_moves"
        primary_key = CompositeKey("session", "trade", "number")


class StoredFunding(Model):
    """Every row of a swap's funding as it was published (C19), once it is booked."""

    session = IntegerField()
    time = BigIntegerField()
    """When it is paid, on the minute."""
    rate = DoubleField()
    """Fraction of the notional; positive: longs pay."""
    price = DoubleField(null=True)
    """The row's own; the close of the last candle where it has none."""
    hours = DoubleField()
    """Over which it accrues; 0: paid at once."""
    after = BigIntegerField()
    """Open time of the last candle before it came."""
    tick = BigIntegerField()
    """How many ticks had changed something by then."""
    seen = BigIntegerField()
    """When it came, by this machine's clock."""

    class Meta:  # noqa: D106  # peewee's
        table_name = "funding"
        primary_key = CompositeKey("session", "time")


class StoredEquity(Model):
    """Equity at every candle's close."""

    session = IntegerField()
    time = BigIntegerField()
    """The close: open time plus interval."""
    equity = DoubleField()
    cash = DoubleField()

    class Meta:  # noqa: D106  # peewee's
        table_name = "equity"
        primary_key = CompositeKey("session", "time")


TABLES = (
    Sessions,
    SettingsHistory,
    StoredCandles,
    Ticks,
    Decisions,
    PaperOrders,
    PaperTrades,
    PaperFills,
    StopMoves,
    StoredFunding,
    StoredEquity,
    Commands,
    Events,
    Presence,
)
