"""Which settings decide a session's trades, and how the ledger keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stoptrail.config.grid import SECTIONS
from stoptrail.config.market import MAINTENANCE, Filters, Maintenance, lately, tiers_words
from stoptrail.config.run_rules import inferred, market_rules, run_rules_of
from stoptrail.config.settings import Settings, as_table
from stoptrail.core.errors import ConfigError
from stoptrail.exchange.rows import Row
from stoptrail.rules.market import Market, decimals
from stoptrail.rules.types import RunRules

if TYPE_CHECKING:
    from stoptrail.backtest.plan import Plan

Funding = Literal["", "constant", "published"]
"""Whether a swap pays costs.funding_rate, or what is published; empty where none."""

_DATA = ("symbol", "timeframe")
_MARGIN = ("maintenance_margin", "maintenance_by", "maintenance_source")


def resolved(
    settings: Settings, theirs: Filters, candles: list[Row], margin: Maintenance | None = None
) -> dict[str, Any]:
    """The tables that decide trades, with the market's filters filled in: the user's own,
    else the exchange's, else what the candles' decimals say; and with the tiers of its
    maintenance margin: the user's own, else `margin`. Nothing secret is among them.

    Raises ConfigError for settings that a session cannot run on.
    """
    if settings.strategy.exits == "cycle":
        raise ConfigError(
            'strategy.exits "cycle" is for backtests that compare: a session needs "stop_trail" '
            "or a rule of your own"
        )
    table = as_table(settings)
    content = {section: table[section] for section in SECTIONS}
    content["data"] = {key: table["data"][key] for key in _DATA}
    if settings.data.volume == "unknown":
        content["data"]["volume"] = "unknown"
    content["live"] = {"ratchet": settings.live.ratchet}
    content["market"] = {**_filters(settings, theirs, candles), "type": settings.market_type}
    own = settings.market
    if own.maintenance_margin is None and margin is not None:
        tiers = [list(step) for step in margin.tiers]
        content["market"] |= {"maintenance_margin": tiers, "maintenance_by": margin.by}
        content["market"]["maintenance_source"] = margin.source
    elif own.maintenance_margin is not None:
        content["market"] |= {key: table["market"][key] for key in _MARGIN}
    if own.liquidation_fee is not None:
        content["market"]["liquidation_fee"] = own.liquidation_fee
    return content


def told_tick(settings: Settings, theirs: Filters | None) -> float | None:
    """The tick that a session takes because its exchange tells it; None where it is another's."""
    return theirs.tick if theirs is not None and settings.market.tick is None else None


def other_filters(settings: Settings, kept: Filters, told: Filters | None) -> str:
    """Which filters an exchange tells now that are others than those `kept` before, in words, but
    for the user's own; "" without any."""
    if told is None:
        return ""
    own = (getattr(settings.market, name) is not None for name in Filters._fields)
    theirs = (None if mine else now for mine, now in zip(own, told, strict=True))
    return kept.changes(Filters(*theirs))


def maintenance_in(content: dict[str, Any]) -> Maintenance | None:
    """The exchange's tiers as the ledger kept them; None where the user's own were, or none."""
    market = settings_from(content).market
    if market.maintenance_from in ("settings", "default"):
        return None
    return Maintenance(market.maintenance_steps, market.maintenance_by, market.maintenance_from)


BY_MARK = (
    "liquidations go by the exchange's mark candles, and where one is late by the market's own"
)
BY_OWN = "liquidations go by the market's own prices, which is stricter than by mark prices: "
BY_TICK = f'{BY_OWN}they count on candles alone (live.ratchet = "candle")'
IN_BOOK = f"{BY_OWN}a book's session reads none"
"""By which prices a swap is liquidated in a session (C20)."""


def goes_by_marks(settings: Settings) -> bool:
    """Whether a session of one market liquidates by mark prices where its exchange has them: a
    swap on candles. A mark price that is known candle by candle says nothing of a tick."""
    return settings.market_type == "swap" and settings.live.ratchet == "candle"


def prices_words(settings: Settings, told: bool, exchange_id: str) -> str:
    """By which prices a session of one market liquidates; `told`: whether `exchange_id` serves
    mark candles. Settings that the ledger has kept do not know whose they are."""
    if settings.live.ratchet == "tick":
        return BY_TICK
    return BY_MARK if told else f"{BY_OWN}{exchange_id} serves no mark candles"


def margin_words(settings: Settings, by: str, theirs: Maintenance | None) -> str:
    """What has to stay in the account of a swap, who says so, that the exchange says otherwise
    (`theirs`), and `by` which prices it is liquidated; "" for other markets."""
    if settings.market_type != "swap":
        return ""
    return f"{_margin_from(settings, theirs)}; {by}"


def _margin_from(settings: Settings, theirs: Maintenance | None) -> str:
    own = settings.market
    words = f"maintenance margin {tiers_words(own.maintenance_steps)}, {own.maintenance_from}"
    if own.maintenance_from == "default":
        return f"{words}, as the exchange's is not known (market.maintenance_margin)"
    if own.maintenance_from == "settings" and theirs and theirs.tiers != own.maintenance_steps:
        return f"{words}; {theirs.place} has {tiers_words(theirs.tiers)}"
    return words


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Dotted keys whose values differ; the starting cash does not matter any more. A key that
    there was not when the ledger kept them has had its default."""
    plain = as_table(Settings())
    plain["market"]["maintenance_margin"] = MAINTENANCE

    def held(table: dict[str, Any], section: str, key: str) -> Any:
        return table.get(section, {}).get(key, plain.get(section, {}).get(key))

    keys = [
        f"{section}.{key}"
        for section in now
        for key in sorted({*now[section], *before.get(section, {})})
        if held(now, section, key) != held(before, section, key)
    ]
    return [key for key in keys if key != "account.cash"]


def settings_from(content: dict[str, Any]) -> Settings:
    """The settings that the ledger kept."""
    return Settings.model_validate(content)


def filters_in(content: dict[str, Any]) -> Filters:
    """The market's filters as the ledger kept them."""
    return Filters(*(content["market"].get(name) for name in Filters._fields))


def plan_from(settings: Settings) -> Plan:
    """The plan of settings whose market is filled in."""
    from stoptrail.backtest.inputs import plan_for

    return plan_for(_at_closes(settings), _market_of(settings))


def run_rules_from(settings: Settings) -> RunRules:
    """The numbers of settings whose market is filled in, without looking for the signal."""
    return run_rules_of(_at_closes(settings), _market_of(settings))


def funding_of(settings: Settings) -> Funding:
    """What a session's position pays: a constant rate, what is published, or nothing (C19)."""
    if settings.market_type != "swap":
        return ""
    return "published" if settings.costs.funding_rate is None else "constant"


def _at_closes(settings: Settings) -> Settings:
    """A session's stop moves as live.ratchet says: stop.ratchet is about backtests."""
    stop = settings.stop.model_copy(update={"ratchet": "candle"})
    return settings.model_copy(update={"stop": stop})


def _market_of(settings: Settings) -> Market:
    market = settings.market
    filters = Filters(market.tick, market.lot, market.min_quantity, market.min_notional)
    return market_rules(filters, 0, 0)


def _filters(settings: Settings, theirs: Filters, candles: list[Row]) -> dict[str, float]:
    market, known = settings.market, settings.market.filters(settings.data.symbol)
    own = (market.tick, market.lot, market.min_quantity, market.min_notional)
    chosen = Filters(
        *(
            next((value for value in values if value is not None), None)
            for values in zip(own, theirs, known, strict=True)
        )
    )
    digits = (0, 0)
    if inferred(chosen):
        late = lately(np.array([row[0] for row in candles], np.int64))
        columns = np.array([row[1:] for row in candles[late]], np.float64)
        digits = (decimals(columns[:, :4].ravel()), decimals(columns[:, 4]))
    rules = market_rules(chosen, *digits)
    return {
        "tick": rules.price_step / rules.price_scale,
        "lot": rules.lot_step / rules.lot_scale,
        "min_quantity": rules.min_quantity,
        "min_notional": rules.min_notional,
    }
