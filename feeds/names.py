"""What columns of candle files are called, by everyone who writes them."""

from __future__ import annotations

import re

from stoptrail.feeds.columns import PRICES

_LETTERS = re.compile(r"[^a-z0-9]+")
_NUMBERED = re.compile(r"^\d[ab]?(?=open|high|low|close|volume)")
"""What Alpha Vantage puts before its names: "1. open"."""
_PADDING = re.compile(r"^(price|px|candle|kline|bar|mid|trade|ohlc|tick)|(price|px|rate|mid|last)$")

OPEN_TIMES = (
    "timeperiodstart",
    "windowstart",
    "opentime",
    "timeopen",
    "starttime",
    "timestart",
    "opentimems",
    "opentimestamp",
    "candlebegintime",
    "begintime",
    "startat",
    "start",
    "begin",
    "bucketstart",
    "periodstart",
    "opendatetime",
    "opendate",
)
"""Names that say that the time is an open, the surest first; see `plain_name`."""

TIMES = (
    "timestamp",
    "time",
    "datetime",
    "unix",
    "unixtimestamp",
    "unixtime",
    "timestampms",
    "timestamputc",
    "datetimeutc",
    "dateutc",
    "timeutc",
    "utctime",
    "utc",
    "gmttime",
    "localtime",
    "date",
    "ts",
    "t",
    "mts",
    "epoch",
    "tsevent",
    "snappedat",
    "eventtime",
    "createdat",
    "tradedate",
    "datetimestamp",
    "bucket",
    "minute",
    "dt",
    "ds",
    "id",
    "ticks",
    "indexlevel0",
    "index",
    "",
    "unnamed0",
    "level0",
)
"""Names of a time that may be either, in order of preference."""

CLOSE_TIMES = (
    "closetime",
    "timeclose",
    "endtime",
    "timeperiodend",
    "closetimestamp",
    "candleendtime",
    "end",
    "periodend",
    "closedatetime",
)

FIELDS = {
    "open": {"open", "o", "op", "first", "opening"},
    "high": {"high", "h", "hi", "max", "maximum", "highest"},
    "low": {"low", "l", "lo", "min", "minimum", "lowest"},
    "close": {"close", "c", "cl", "last", "closelast", "closing"},
}

BASE_VOLUMES = (
    "homenotional",
    "volumebtc",
    "volumefrom",
    "basevolume",
    "volumebase",
    "basevol",
    "baseassetvolume",
    "volumecrypto",
    "volume",
    "vol",
    "v",
    "volumetraded",
    "sxsum",
    "tradedvolume",
    "amount",
    "baseamount",
    "volumeusd",
    "size",
    "qty",
    "quantity",
)
"""Names of a volume, those of the base currency first."""

QUOTE_VOLUMES = (
    "quotevolume",
    "quoteassetvolume",
    "volumequote",
    "turnover",
    "foreignnotional",
    "volumeto",
    "volumecurrency",
    "volccyquote",
    "volquote",
    "usdtvolume",
    "volumeusdt",
    "volumenotional",
    "quoteamount",
    "value",
    "money",
    "sum",
    "q",
    "volccy",
)

TICK_VOLUMES = ("tickvol", "tickvolume", "ticks", "tickqty")

FLAGS = (
    "confirm",
    "isclosed",
    "closed",
    "isfinal",
    "final",
    "complete",
    "completed",
    "iscomplete",
    "isclose",
    "finished",
    "isfinished",
    "confirmed",
    "closedcandle",
    "x",
)
"""Names of a column that says whether a candle is finished."""

YES = {"1", "1.0", "true", "t", "yes", "y", "closed", "complete", "final", "confirmed"}
NO = {"0", "0.0", "false", "f", "no", "n", "open", "incomplete", "unconfirmed"}

SYMBOLS = (
    "symbol",
    "ticker",
    "pair",
    "market",
    "instrument",
    "instid",
    "instrumentname",
    "instrumentid",
    "currencypair",
    "productid",
    "contract",
    "coin",
    "tic",
    "sym",
    "tradingpair",
    "symbolid",
)
TIMEFRAMES = ("interval", "timeframe", "period", "resolution", "granularity", "per", "tf", "bar")
EXCHANGES = ("exchange", "venue", "exchangeid")


def plain_name(name: str) -> str:
    """Lower-case letters and digits of a name: "Volume_(BTC)" is "volumebtc"."""
    return _NUMBERED.sub("", _LETTERS.sub("", name.strip().lower()))


def field_of(name: str) -> str | None:
    """open, high, low or close where `name` says so in any of the usual ways."""
    bare = re.sub(r"[(\[].*?[)\]]", "", name.strip().lower())
    plain = plain_name(bare)
    for text in (plain, _PADDING.sub("", plain)):
        for field in PRICES:
            if text in FIELDS[field]:
                return field
    return None


def is_volume(name: str) -> bool:
    """Whether a column may hold traded amounts."""
    plain = plain_name(name)
    if any(word in plain for word in ("taker", "trades", "count", "change", "avg", "buy", "sell")):
        return False
    known = plain in BASE_VOLUMES or plain in QUOTE_VOLUMES or plain in TICK_VOLUMES
    return known or plain.startswith(("vol", "basevol", "quotevol"))
