"""Settings as the numbers that the rules take."""

from __future__ import annotations

import math
from decimal import Decimal

from stoptrail.config.market import Filters
from stoptrail.config.settings import Settings
from stoptrail.config.trading import ProtectionSettings
from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import AS_TAKER, DAY, Costs
from stoptrail.rules.exits import MOST_SCALE_OUTS, NO_EXITS, NO_PART, ExitRules, ScaleOut
from stoptrail.rules.margin import AS_MAINTENANCE, NO_TIERS, Margin, margin_tiers
from stoptrail.rules.market import Market
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import ALL_IN, OWN, SIZINGS, Sizing
from stoptrail.rules.stops import ATR_TRAIL, CHANDELIER, NO_TRAIL, PERCENT, StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import EXITS, STOP_TRAIL, RunRules


def market_rules(filters: Filters, price_digits: int, volume_digits: int) -> Market:
    """Steps and minimums; what `filters` leaves open is inferred from the data's decimals."""
    tick = Decimal(str(filters.tick)) if filters.tick else Decimal(1).scaleb(-price_digits)
    lot = Decimal(str(filters.lot)) if filters.lot else Decimal(1).scaleb(-volume_digits)
    price_scale, price_step = _scale_and_step(tick)
    lot_scale, lot_step = _scale_and_step(lot)
    return Market(
        price_scale=price_scale,
        price_step=price_step,
        lot_scale=lot_scale,
        lot_step=lot_step,
        min_quantity=float(lot) if filters.min_quantity is None else filters.min_quantity,
        min_notional=0.0 if filters.min_notional is None else filters.min_notional,
    )


def fitting(
    settings: Settings, symbol: str, price_digits: int, theirs: Filters | None = None
) -> Filters:
    """The filters of `symbol`: the user's own, else `theirs` (the exchange's), else what is
    built in. A built-in tick coarser than the data's own prices is left out, because then
    the data is of another market than the symbol says."""
    if theirs is not None:
        pairs = zip(settings.market.filters(""), theirs, strict=True)
        return Filters(*(other if mine is None else mine for mine, other in pairs))
    filters = settings.market.filters(symbol)
    if settings.market.tick is not None or filters.tick is None:
        return filters
    own = max(0, -int(Decimal(str(filters.tick)).normalize().as_tuple().exponent))
    return settings.market.filters("") if price_digits > own else filters


def inferred(filters: Filters) -> list[str]:
    """Names of the steps that only the data can tell."""
    return [name for name in ("tick", "lot") if getattr(filters, name) is None]


def _scale_and_step(step: Decimal) -> tuple[float, float]:
    """A decimal step as (power of ten, whole number): 0.05 is 5 / 10^2."""
    exponent = int(step.normalize().as_tuple().exponent)
    scale = 10 ** max(0, -exponent)
    return float(scale), float(int(step * scale))


def run_rules_of(settings: Settings, market: Market) -> RunRules:
    """Everything that decides a run besides candles and signals."""
    stop, risk, costs = settings.stop, settings.risk, settings.costs
    swap = settings.market_type == "swap"
    return RunRules(
        trade_rules=TradeRules(
            stop=StopRules(
                multiplier=stop.trailing_atr_multiplier,
                breakeven_trigger=stop.breakeven_atr_trigger,
                breakeven_margin=stop.breakeven_margin,
                frozen=stop.trail == "fixed",
                trail=_TRAILS.get(stop.trail, ATR_TRAIL),
                trail_candles=stop.trail_candles,
                trail_percent=stop.trail_percent,
                trail_from=settings.exits.trail_from,
                ruled=settings.strategy.exits not in EXITS,
            ),
            sizing=Sizing(
                risk_per_trade=risk.risk_per_trade,
                max_leverage=risk.max_leverage,
                includes_costs=risk.risk_includes_costs,
                kind=SIZINGS.index(risk.sizing) if risk.sizing in SIZINGS else OWN,
                notional=risk.notional,
                volatility=risk.volatility_target,
                window=max(1, risk.volatility_days * DAY // settings.data.interval),
                kelly_fraction=risk.kelly_fraction,
                kelly_trades=risk.kelly_trades,
            ),
            costs=Costs(
                taker_fee=costs.taker_fee,
                slippage=costs.slippage,
                borrow_daily=0.0 if swap else costs.borrow_daily,
                maker_fee=AS_TAKER if costs.maker_fee is None else costs.maker_fee,
                funding=_funding_scale(settings) if swap else 0.0,
            ),
            market=market,
            margin=margin_of(settings),
            exits=exit_rules_of(settings),
        ),
        exits=EXITS.index(settings.strategy.exits)
        if settings.strategy.exits in EXITS
        else STOP_TRAIL,
        path=TICKS if settings.stop.ratchet == "tick" else CANDLE,
        cooldown=stop.cooldown_candles,
        delay=settings.strategy.entry_max_delay_ms,
        cash=settings.account.cash,
        protections=protections_of(settings.protections),
    )


def protections_of(limits: ProtectionSettings) -> Protections:
    """The limits of [protections] (C16)."""
    return Protections(
        daily_loss=limits.daily_loss,
        drawdown=limits.drawdown,
        losses=limits.losses,
        cooldown=limits.candles,
    )


def margin_of(settings: Settings) -> Margin:
    """What a position has to keep, wherever an account can fall below zero (C20)."""
    market, swap = settings.market, settings.market_type == "swap"
    shorts, levered = settings.strategy.sides != "long", settings.risk.max_leverage > 1.0
    return Margin(
        rate=market.maintenance_steps[0][1] if swap else 0.0,
        checked=settings.strategy.exits != "cycle",
        liquidates=swap or shorts or levered,
        fee=AS_MAINTENANCE if market.liquidation_fee is None else market.liquidation_fee,
    )


def tiers_of(settings: Settings) -> Floats:
    """The tiers of a swap's maintenance margin beyond the first."""
    swap = settings.market_type == "swap"
    market = settings.market
    if not swap:
        return NO_TIERS
    return margin_tiers(market.maintenance_steps, market.maintenance_by == "units")


def _funding_scale(settings: Settings) -> float:
    """What multiplies funding rows: a constant rate those of 1."""
    rate = settings.costs.funding_rate
    return 1.0 if rate is None else rate


def constant_funding(settings: Settings) -> bool:
    """Whether funding is a constant rate, which a grid may vary."""
    return settings.costs.funding_rate is not None or "costs.funding_rate" in settings.sweep.grid


_TRAILS = {"none": NO_TRAIL, "chandelier": CHANDELIER, "percent": PERCENT}


def exit_rules_of(settings: Settings) -> ExitRules:
    """What ends a trade beside its stop (C18)."""
    exits = settings.exits
    parts = sorted(ScaleOut(part.at, part.fraction) for part in exits.scale_out)
    first, second, third, fourth = (*parts, *[NO_PART] * (MOST_SCALE_OUTS - len(parts)))
    return ExitRules(
        target=exits.target,
        in_atrs=exits.target_unit == "atr",
        first=first,
        second=second,
        third=third,
        fourth=fourth,
        time_hours=exits.time_hours,
        time_below=math.inf if exits.time_below is None else exits.time_below,
    )


def legacy(run_rules: RunRules) -> RunRules:
    """The baseline on the same signals: all capital, cycle exits, no stop (C15)."""
    trade_rules = run_rules.trade_rules
    sizing, stop = trade_rules.sizing._replace(kind=ALL_IN), trade_rules.stop._replace(ruled=False)
    margin = trade_rules.margin._replace(checked=False)
    return run_rules._replace(
        trade_rules=trade_rules._replace(sizing=sizing, stop=stop, margin=margin, exits=NO_EXITS),
        exits=EXITS.index("cycle"),
        path=CANDLE,
    )
