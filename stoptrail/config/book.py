"""Several sleeves on one account (C22): what [book] may say, and the settings of each sleeve."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stoptrail.config.market import Filters, MarketName
from stoptrail.config.section import SettingsSection
from stoptrail.config.trading import Strategy

SECTIONS = ("strategy", "stop", "exits", "risk", "costs", "market")
"""Sections in which sleeves may differ; the account and its protections are the book's."""
OWN_DATA = (
    "exchange",
    "path",
    "columns",
    "zone",
    "epochs",
    "stamp",
    "volume",
    "detail_path",
    "funding",
    "funding_gaps",
    "mark_path",
)
"""Keys of [data] that belong to a market; timeframe and span are the book's."""
_OF_THE_BOOK = ("book", "sweep", "walk_forward")
OF_A_FILE = ("path", "detail_path", "funding", "mark_path")
"""Keys of [data] that name the files of one market."""
_ROUNDING = 1e-9

Table = dict[str, Any]


def _best(value: str) -> str:
    """Raise ValueError where it is not "best:" or "spread:" with a number from 1 to 999."""
    if not re.fullmatch(r"(best|spread):[1-9][0-9]{0,2}", value):
        raise ValueError('must be "best:1" to "best:999", or "spread:1" to "spread:999"')
    return value


BestSets = Annotated[str, AfterValidator(_best)]


class SleeveSettings(SettingsSection):
    """One sleeve: a market, its share of the account, and where its settings differ."""

    symbol: MarketName | None = None
    """Left out: data.symbol."""
    share: Annotated[float, Field(gt=0, le=1)]
    """Fraction of the book's equity that its trades are sized by."""
    source: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="from")
    """Folder of a finished run whose set it trades."""
    sets: BestSets | None = None
    """"best:25": the best sets of the sweep in `from`, each with an equal part of the share;
    "spread:25": as many at equal steps of rank through its best tenth."""
    data: Table = Field(default_factory=dict)
    strategy: Table = Field(default_factory=dict)
    stop: Table = Field(default_factory=dict)
    exits: Table = Field(default_factory=dict)
    risk: Table = Field(default_factory=dict)
    costs: Table = Field(default_factory=dict)
    market: Table = Field(default_factory=dict)

    @classmethod
    def known_keys(cls, table: Table) -> list[str]:
        """The keys as strategy.toml writes them."""
        return ["from" if key == "source" else key for key in super().known_keys(table)]

    @model_validator(mode="after")
    def _check(self) -> SleeveSettings:
        if self.sets and not self.source:
            raise ValueError(f"sets {self.sets} needs `from`, the folder of a sweep")
        for key in self.data:
            if key not in OWN_DATA:
                raise ValueError(
                    f"data.{key} is the book's: of [data] a sleeve has only {', '.join(OWN_DATA)}"
                )
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Table:
        table = handler(self)
        table["from"] = table.pop("source", None)
        return {key: value for key, value in table.items() if value not in (None, {})}

    @property
    def count(self) -> int:
        """How many sleeves it stands for."""
        return int(self.sets.partition(":")[2]) if self.sets else 1


class BookSettings(SettingsSection):
    """Several sleeves on one account; used by `--book` alone."""

    account: Literal["shared", "separate"] = "shared"
    """"separate": each sleeve is a run of its own with its share of the cash."""
    max_open_risk: Annotated[float, Field(gt=0, le=100)] | None = None
    """Most of the equity that all stops together may lose; left out: no limit."""
    max_notional: Annotated[float, Field(gt=0, le=125)] | None = None
    """Most that all positions together may be worth, as a multiple of the equity; left out:
    risk.max_leverage."""
    choose: Literal["together", "each"] = "each"
    """What the sets of a sweep are judged by: the mean objective of all markets, or each market's
    own."""
    sets: BestSets = "best:25"
    """How many sets a sweep gives each market."""
    tranches: Annotated[int, Field(ge=1, le=12)] = 6
    """Equal parts of the account that a sweep chooses sets for on days of their own."""
    sleeves: list[SleeveSettings] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_caps(self) -> BookSettings:
        for key in ("max_open_risk", "max_notional"):
            cap = getattr(self, key)
            if self.account == "separate" and cap is not None:
                raise PydanticCustomError(
                    "caps",
                    'is of one account, and with account = "separate" every sleeve has its own: '
                    'leave it out, or set account = "shared"',
                    {"key": key, "received": cap},
                )
        return self

    @model_validator(mode="after")
    def _check_shares(self) -> BookSettings:
        total = sum(sleeve.share for sleeve in self.sleeves)
        if total > 1.0 + _ROUNDING:
            raise PydanticCustomError(
                "shares",
                "have shares that add up to more than 1",
                {"key": "sleeves", "received": round(total, 6)},
            )
        return self


class ResolvedSleeve(NamedTuple):
    """A sleeve, resolved: everything but its candles."""

    symbol: str
    share: float
    table: Table
    """Sections of settings in which it differs."""
    taken: Table
    """Sections of a finished run that stand in place of the book's; the others differ from
    these."""
    origin: str = ""
    """Where those are from, such as "runs/x, combination 17"."""


def sleeve_table(base: Table, sleeve: ResolvedSleeve) -> Table:
    """The tables of `base`, a book's settings, with what `sleeve` changes in them."""
    other = sleeve.symbol != base["data"].get("symbol")
    table = {name: dict(section) for name, section in base.items() if name not in _OF_THE_BOOK}
    table["data"]["symbol"] = sleeve.symbol
    if other:
        for section, keys in (("market", Filters._fields), ("data", OF_A_FILE)):
            for key in keys:
                table[section].pop(key, None)
    table |= {name: dict(section) for name, section in sleeve.taken.items()}
    for name, changes in sleeve.table.items():
        own = table.setdefault(name, {})
        if name == "strategy" and changes.get("signal", own.get("signal")) != own.get("signal"):
            own = {key: own[key] for key in Strategy.model_fields if key in own}
        table[name] = {**own, **changes}
    return table


def sleeve_changes(base: Table, symbol: str, own: Table) -> Table:
    """What a sleeve of `symbol` has to change in the tables of `base`, a book's settings, to have
    those of `own`: the other way of `sleeve_table`, but for what `base` alone has (see
    `only_others`)."""
    given = _given(base, symbol, own)
    changes = {}
    for name in (*SECTIONS, "data"):
        keys = OWN_DATA if name == "data" else own[name]
        table = {
            key: own[name][key]
            for key in keys
            if key in own[name] and own[name][key] != given[name].get(key, _left_out(key))
        }
        if table:
            changes[name] = table
    return changes


def _left_out(key: str) -> str | None:
    """What a key says that is left out; a sleeve of another market has no file of the book's."""
    return "" if key in OF_A_FILE else None


def only_others(base: Table, symbol: str, own: Table) -> set[tuple[str, str]]:
    """Sections and keys that a sleeve of `symbol` would have from `base`, and has not in `own`: it
    cannot say that it leaves them out."""
    given = _given(base, symbol, own)
    return {(name, key) for name in SECTIONS for key in given[name] if key not in own[name]}


def _given(base: Table, symbol: str, own: Table) -> Table:
    """What `base` gives a sleeve of `symbol` with the signal of `own`."""
    signal = {"strategy": {"signal": own["strategy"]["signal"]}}
    return sleeve_table(base, ResolvedSleeve(symbol, 1.0, signal, {}))
