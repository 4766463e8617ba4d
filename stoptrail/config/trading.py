"""How trades are found, sized, protected and left."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stoptrail.config.market import Fraction
from stoptrail.config.own_code import imported, own_size_of
from stoptrail.config.section import SettingsSection, refuse_unknown
from stoptrail.config.signals import SHIPPED, names_things, signal_model
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import setting_text
from stoptrail.core.time import (
    MINUTE_MS,
    Minutes,
    Timeframe,
    timeframe_ms,
)
from stoptrail.rules.exits import MOST_SCALE_OUTS
from stoptrail.rules.types import EXITS

PARAMETERS = "parameters"


def _known_sizing(sizing: str) -> str:
    """`sizing`, a built-in way or a function that Numba can compile."""
    try:
        own_size_of(sizing)
    except ConfigError as error:
        raise PydanticCustomError(
            "sizing", "{why}", {"why": str(error), "received": sizing}
        ) from error
    return sizing


_OTHERS = "is a parameter of the signal {owner}, not of {signal}: leave it out"


class Strategy(SettingsSection):
    """The entry signal with its own parameters, and what leaves a trade.

    In strategy.toml the signal's parameters stand in [strategy] beside the other keys;
    here they are gathered in `parameters`, validated against the signal's signature and
    with its defaults filled in.
    """

    signal: Annotated[str, Field(min_length=1)] = "mtf_cycle"
    """A shipped signal, or "module:function"."""
    sides: Literal["both", "long", "short"] = "both"
    exits: Annotated[str, Field(min_length=1)] = "stop_trail"
    """"cycle" is the legacy baseline (C15); "module:rule" one of the user's own (C18)."""

    @field_validator("exits")
    @classmethod
    def _find_exits(cls, path: str) -> str:
        try:
            if path not in EXITS:
                imported(path, EXITS)
        except ConfigError as error:
            raise PydanticCustomError(
                "exits", "{why}", {"why": str(error), "received": path}
            ) from error
        return path

    entry_max_delay: Annotated[Minutes, Field(ge=0, le=10_080)] = 0
    """Minutes by which the next open may be late before the entry is cancelled (C2)."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the signal function, complete."""

    @property
    def entry_max_delay_ms(self) -> int:
        """`entry_max_delay` in milliseconds."""
        return self.entry_max_delay * MINUTE_MS

    @classmethod
    def known_keys(cls, table: dict[str, Any]) -> list[str]:
        """The section's own keys and the parameters of the signal that `table` names."""
        if not isinstance(table.get("signal", ""), str):
            return list(table)  # the wrong type is the error to tell, whatever else there is
        return [*cls._own_keys(), *cls._signal(table).model_fields]

    @model_validator(mode="wrap")
    @classmethod
    def _gather_parameters(cls, table: Any, handler: Any) -> Any:
        """Check the signal's parameters against its signature and fill in its defaults."""
        if not isinstance(table, dict):
            return handler(table)
        own = {key: value for key, value in table.items() if key in cls._own_keys()}
        strategy = handler(own)
        model = cls._signal(table)
        cls._refuse_own(table)
        cls._refuse_other_signals(table)
        refuse_unknown(table, cls.known_keys(table))
        given = {key: value for key, value in table.items() if key not in own}
        parameters = model.model_validate(given).model_dump()
        return strategy.model_copy(update={PARAMETERS: parameters})

    @classmethod
    def _refuse_own(cls, table: dict[str, Any]) -> None:
        for key in {"manager", "sizer"} & set(table) - set(cls.known_keys(table)):
            raise PydanticCustomError(
                "own",
                "is no setting: backtests, sweeps and sessions run the shipped one; give yours to "
                "a Cerebro of your own (docs/library.md)",
                {"key": key, "received": table[key]},
            )

    @classmethod
    def _refuse_other_signals(cls, table: dict[str, Any]) -> None:
        known = cls.known_keys(table)
        for key in table:
            if key not in known and (owner := cls.shipped_with(key)):
                named = table.get("signal", cls.model_fields["signal"].default)
                given = {"key": key, "owner": owner, "signal": named, "received": table[key]}
                raise PydanticCustomError("other_signal", _OTHERS, given)

    @classmethod
    def shipped_with(cls, key: str) -> str:
        """The shipped signal that has a parameter `key`; empty where none has."""
        models = ((name, cls._signal({"signal": name})) for name in SHIPPED)
        return next((name for name, model in models if key in model.model_fields), "")

    @model_serializer(mode="wrap")
    def _spread_parameters(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        table = handler(self)
        parameters = table.pop(PARAMETERS)
        known = {name: value for name, value in parameters.items() if value is not None}
        return {**table, **known}  # a file has no word for None, which only a default can be

    def names_things(self, key: str) -> bool:
        """Whether the values of the signal's parameter `key` are names and no quantities."""
        fields = signal_model(self.signal, reserved=frozenset(type(self).model_fields)).model_fields
        return key in fields and names_things(fields[key].annotation)

    @classmethod
    def _own_keys(cls) -> list[str]:
        return [key for key in cls.model_fields if key != PARAMETERS]

    @classmethod
    def _signal(cls, table: dict[str, Any]) -> type[SettingsSection]:
        path = table.get("signal", cls.model_fields["signal"].default)
        try:
            return signal_model(path, reserved=frozenset(cls.model_fields))
        except ConfigError as error:
            raise PydanticCustomError(
                "signal", "{why}", {"why": str(error), "key": "signal", "received": path}
            ) from error


class StopSettings(SettingsSection):
    """Initial stop, trail and breakeven ratchet (C5 to C10)."""

    trailing_atr_multiplier: Annotated[float, Field(gt=0, le=100)] = 3.0
    """N: distance of the stop in ATRs."""
    atr_period: Annotated[int, Field(ge=1, le=1000)] = 14
    """Candles of `atr_timeframe` in Wilder's ATR."""
    atr_timeframe: Timeframe = "4h"
    breakeven_atr_trigger: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Gain in ATRs of the signal candle that arms the ratchet; 0 = off."""
    breakeven_margin: Annotated[float, Field(ge=0, le=0.1)] = 0.0002
    """Fraction by which the breakeven level is better than netting zero."""
    cooldown_candles: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Base candles after an exit whose signals do not count."""
    trail: Literal["dynamic", "fixed", "none", "chandelier", "percent"] = "dynamic"
    """N ATRs from the extreme of the trade, by the current ATR or by that of the signal
    candle; nowhere; N ATRs from the best price of the last `trail_candles`; `trail_percent`
    from the extreme."""
    trail_candles: Annotated[int, Field(ge=1, le=10_000)] = 22
    """Closed base candles of the chandelier, those before the entry included."""
    trail_percent: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Fraction of the extreme at which "percent" follows it."""
    ratchet: Literal["candle", "tick"] = "candle"
    """When a backtest moves a stop: at closes, or at each price of finer candles (C21)."""

    @property
    def atr_interval(self) -> int:
        """Length of a candle of `atr_timeframe` in milliseconds."""
        return timeframe_ms(self.atr_timeframe)


class ScaleOutSettings(SettingsSection):
    """A target that closes a part of a trade."""

    at: Annotated[float, Field(gt=0, le=1000)]
    """Distance from the entry, in exits.target_unit."""
    fraction: Annotated[float, Field(gt=0, le=1)]
    """Of the units at the entry."""


class ExitSettings(SettingsSection):
    """What ends a trade beside its stop (C18); 0 or left out = off."""

    target: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Distance of the target from the entry, in `target_unit`."""
    target_unit: Literal["r", "atr"] = "r"
    """R, the distance of the initial stop, or ATRs of the signal candle."""
    scale_out: Annotated[list[ScaleOutSettings], Field(max_length=MOST_SCALE_OUTS)] = Field(
        default_factory=list
    )
    """Targets that close a fraction each, in any order."""
    time_hours: Annotated[float, Field(ge=0, le=876_000)] = 0.0
    """Hours after the entry at whose first close a trade may be left."""
    time_below: Annotated[float, Field(ge=-1000, le=1000)] | None = None
    """R below which a trade is left then; left out: wherever it is."""
    trail_from: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """R that the extreme has to reach before the trail moves."""

    @model_validator(mode="after")
    def _check_parts(self) -> ExitSettings:
        places = [part.at for part in self.scale_out]
        if len(set(places)) < len(places):
            twice = next(place for place in places if places.count(place) > 1)
            raise ValueError(f"scale_out names the target {twice:g} twice: add up the fractions")
        share = sum(part.fraction for part in self.scale_out)
        if share > 1.0 + 1e-9:
            parts = [part.model_dump() for part in self.scale_out]
            raise ValueError(
                f"scale_out has fractions that add up to {share:g}, more than 1: "
                f"{setting_text(parts)}"
            )
        return self


class Risk(SettingsSection):
    """Position size (C4)."""

    risk_per_trade: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Fraction of equity lost at the initial stop; but for "all_in" the most, whatever sizes."""
    max_leverage: Annotated[float, Field(gt=0, le=125)] = 1.0
    """Most notional, in multiples of equity."""
    risk_includes_costs: bool = True
    sizing: Annotated[str, AfterValidator(_known_sizing)] = "risk"
    """"risk", "volatility", "notional", "kelly", "all_in", which puts max_leverage times the
    equity in every trade, for comparison, or "module:function" of one's own."""
    notional: Annotated[float, Field(gt=0, le=125)] = 0.1
    """"notional": worth of a trade in multiples of equity."""
    volatility_target: Annotated[float, Field(gt=0, le=100)] = 0.1
    """"volatility": that of the equity while a trade is held, a year, as a fraction."""
    volatility_days: Annotated[int, Field(ge=1, le=1000)] = 30
    """Days over which the market's own is measured."""
    kelly_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    """"kelly": part of Kelly's fraction that is risked."""
    kelly_trades: Annotated[int, Field(ge=1, le=100_000)] = 30
    """Trades won or lost before it counts; until then the risk is risk_per_trade."""


class ProtectionSettings(SettingsSection):
    """Limits that stop new entries, never a stop (C16); 0 = off."""

    daily_loss: Fraction = 0.0
    """Fraction of the equity at 00:00 UTC."""
    drawdown: Fraction = 0.0
    """Fraction below the highest equity."""
    losses: Annotated[int, Field(ge=0, le=1000)] = 0
    """Losing trades in a row that start a cool-down."""
    candles: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Length of that cool-down in base candles."""
