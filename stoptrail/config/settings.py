"""Settings: everything that strategy.toml can say, typed and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from stoptrail.config.book import BookSettings
from stoptrail.config.market import (
    AccountSettings,
    CostSettings,
    Data,
    MarketSettings,
)
from stoptrail.config.own_code import exit_rule_of
from stoptrail.config.search import Sweep, WalkForward
from stoptrail.config.section import SettingsSection
from stoptrail.config.session import (
    DashboardSettings,
    Database,
    Exchange,
    Live,
    Notify,
    TelegramSettings,
)
from stoptrail.config.trading import (
    ExitSettings,
    ProtectionSettings,
    Risk,
    StopSettings,
    Strategy,
)
from stoptrail.core.time import time_ms, timeframe_ms


class Settings(SettingsSection):
    """One complete, checked configuration; a table of strategy.toml to each field."""

    data: Data = Field(default_factory=Data)
    strategy: Strategy = Field(default_factory=lambda: Strategy.model_validate({}))
    stop: StopSettings = Field(default_factory=StopSettings)
    exits: ExitSettings = Field(default_factory=ExitSettings)
    risk: Risk = Field(default_factory=Risk)
    costs: CostSettings = Field(default_factory=CostSettings)
    account: AccountSettings = Field(default_factory=AccountSettings)
    market: MarketSettings = Field(default_factory=MarketSettings)
    protections: ProtectionSettings = Field(default_factory=ProtectionSettings)
    book: BookSettings = Field(default_factory=BookSettings)
    sweep: Sweep = Field(default_factory=Sweep)
    walk_forward: WalkForward = Field(default_factory=WalkForward)
    live: Live = Field(default_factory=Live)
    exchange: Exchange = Field(default_factory=Exchange)
    database: Database = Field(default_factory=Database)
    notify: Notify = Field(default_factory=Notify)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    telegram: TelegramSettings = Field(default_factory=TelegramSettings)

    @model_validator(mode="after")
    def _check_across_sections(self) -> Settings:
        if timeframe_ms(self.stop.atr_timeframe) % self.data.interval:
            raise ValueError(
                f"stop.atr_timeframe {self.stop.atr_timeframe} must be a multiple of "
                f"data.timeframe {self.data.timeframe}"
            )
        self._check_detail()
        start, end = self.data.start, self.data.end
        if start and end and time_ms(start) >= time_ms(end):
            raise ValueError(f"data.start {start} must be before data.end {end}")
        self._check_funding()
        self._check_marks()
        self._check_margin()
        return self

    def _check_detail(self) -> None:
        data = self.data
        if self.stop.ratchet == "tick" and not data.has_detail:
            raise ValueError(
                'stop.ratchet "tick" needs finer candles: set data.detail, such as "1m", or '
                "data.detail_path"
            )
        if not data.detail:
            return
        if data.detail_interval > data.interval or data.interval % data.detail_interval:
            raise ValueError(
                f"data.detail {data.detail} must be finer than data.timeframe {data.timeframe} and "
                "divide it"
            )
        if data.source == "file" and not data.detail_path:
            raise ValueError(
                f'data.detail {data.detail} needs data.detail_path where data.source is "file"'
            )

    def _check_funding(self) -> None:
        """Raise ValueError for funding of a market that has none, or of two kinds."""
        path, rate = self.data.funding, self.costs.funding_rate
        if path and rate is not None:
            raise ValueError(
                f"data.funding {path} and costs.funding_rate {rate:g}: leave one of them out"
            )
        if (path or rate is not None) and self.market_type != "swap":
            key = "data.funding" if path else "costs.funding_rate"
            raise ValueError(
                f"{key} needs a swap: set data.symbol to one, such as BTC/USDT:USDT, or "
                f'market.type = "swap" (it is "{self.market_type}")'
            )

    def _check_marks(self) -> None:
        if self.data.mark_path and self.market_type != "swap":
            raise ValueError(
                "data.mark_path needs a swap: set data.symbol to one, such as BTC/USDT:USDT, or "
                f'market.type = "swap" (it is "{self.market_type}")'
            )

    def _check_margin(self) -> None:
        """Raise ValueError for a grid over tiers: they belong to the market."""
        values = self.sweep.grid.get("market.maintenance_margin", [])
        if values and (
            len(self.market.maintenance_steps) > 1 or any(isinstance(v, list) for v in values)
        ):
            raise ValueError(
                "sweep.grid.market.maintenance_margin can vary as one fraction only, and not where "
                "market.maintenance_margin has tiers"
            )

    @property
    def market_type(self) -> str:
        """ "spot", "margin" or "swap": as set, else as the symbol says."""
        if self.market.type != "auto":
            return self.market.type
        return "swap" if ":" in self.data.symbol else "spot"

    @property
    def strategy_options(self) -> dict[str, Any]:
        """What MtfStrategy takes of the settings; a broker takes the rest.

        Raises ConfigError where the rule that `strategy.exits` names cannot be had.
        """
        return {
            "signal": self.strategy.signal,
            "parameters": dict(self.strategy.parameters),
            "sides": self.strategy.sides,
            "atr_period": self.stop.atr_period,
            "atr_interval": self.stop.atr_interval,
            "exit_rule": exit_rule_of(self.strategy.exits),
        }

    @property
    def exchange_id(self) -> str:
        """ccxt's id of the exchange that a session talks to."""
        return self.exchange.id or self.data.exchange


def as_table(settings: Settings) -> dict[str, Any]:
    """The settings as nested plain tables, as TOML or JSON hold them, without None.

    Secrets are in it; see config.write for what may be shown.
    """
    return settings.model_dump(mode="json", exclude_none=True)


def trading_only(settings: Settings) -> Settings:
    """What decides trades and what is searched, everything else as by default: all that a
    worker needs, and nothing secret."""
    kept = ("strategy", "stop", "exits", "risk", "costs", "account", "market", "protections")
    names = [name for name in Settings.model_fields if name not in (*kept, "sweep", "data")]
    plain = Settings()
    return settings.model_copy(update={name: getattr(plain, name) for name in names})


def value_at(settings: Settings, key: str) -> Any:
    """The value of a dotted key such as "stop.atr_period"; None where it is not set.

    Raises KeyError where there is no such key.
    """
    section, _, name = key.partition(".")
    table = getattr(settings, section) if section in Settings.model_fields else None
    if isinstance(table, Strategy) and name in table.parameters:
        return table.parameters[name]
    if table is None or name not in type(table).model_fields or name == "parameters":
        raise KeyError(key)
    return getattr(table, name)


def with_values(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """A copy with the values of dotted keys ("section.name") replaced, checked anew.

    Raises pydantic.ValidationError where a key or value is wrong.
    """
    table = as_table(settings)
    for key, value in changes.items():
        section, _, name = key.partition(".")
        table.setdefault(section, {})[name] = value
    return Settings.model_validate(table)


def known_keys(settings: Settings) -> list[str]:
    """Every dotted key that `settings` has, the signal's parameters included."""
    keys = []
    for section in Settings.model_fields:
        table = getattr(settings, section)
        own = [name for name in type(table).model_fields if name != "parameters"]
        extra = list(table.parameters) if isinstance(table, Strategy) else []
        keys += [f"{section}.{name}" for name in own + extra]
    return keys


def idle_exits(settings: Settings) -> list[str]:
    """A line for each; what depends on a key that the grid varies is left out."""
    return [line for keys, line in _idle(settings) if not keys & set(settings.sweep.grid)]


def _idle(settings: Settings) -> Iterator[tuple[set[str], str]]:
    """The keys that each depends on, and what is said of it."""
    exits, kind = settings.exits, settings.strategy.exits
    if kind == "cycle":
        if used := sorted(
            f"exits.{name}" for name in exits.model_fields_set if _is_on(exits, name)
        ):
            yield {"strategy.exits"}, f'strategy.exits "cycle" knows no {", ".join(used)}'
        return
    if exits.time_below is not None and not exits.time_hours:
        line = f"exits.time_below {exits.time_below:g} does nothing without exits.time_hours"
        yield {"exits.time_hours"}, line
    beyond = [part.at for part in exits.scale_out if part.at >= exits.target > 0.0]
    for at in beyond:
        line = (
            f"exits.scale_out at {at:g} is never reached: exits.target {exits.target:g} closes all"
        )
        yield {"exits.target", "exits.scale_out"}, line
    if exits.trail_from and settings.stop.trail == "none" and kind == "stop_trail":
        line = f'exits.trail_from {exits.trail_from:g} does nothing where stop.trail is "none"'
        yield {"strategy.exits", "stop.trail", "exits.trail_from"}, line


def _is_on(exits: ExitSettings, name: str) -> bool:
    return bool(getattr(exits, name) != getattr(ExitSettings(), name))
