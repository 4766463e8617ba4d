"""What columns of candle files are called, by everyone who writes them."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

from stoptrail.feeds.columns import PRICES

_LETTERS = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"^\d[ab]?(?=open|high|low|close|volume)")
"""What Alpha Vantage puts before its names: "1. open"."""
_BEFORE = re.compile(r"^(price|px|candle|kline|bar|mid|trade|ohlc|tick)")
_BEHIND = re.compile(r"(price|px|rate|mid|last)?(usd[tc]?)?$")

OPEN_TIMES = (
    *("timeperiodstart", "windowstart", "opentime", "timeopen", "starttime", "timestart"),
    *("opentimems", "opentimestamp", "candlebegintime", "begintime", "startat", "start"),
    *("begin", "bucketstart", "periodstart", "opendatetime", "opendate"),
)
"""Names that say that the time is an open, the surest first; see `plain_name`."""

TIMES = (
    *("timestamp", "time", "datetime", "unix", "unixtimestamp", "unixtime", "timestampms"),
    *("timestamputc", "datetimeutc", "dateutc", "timeutc", "utctime", "utc", "gmttime"),
    *("localtime", "date", "ts", "t", "mts", "epoch", "tsevent", "snappedat", "eventtime"),
    *("createdat", "tradedate", "tradetime", "datetimestamp", "bucket", "minute", "dt", "ds"),
    *(
        "id",
        "ticks",
        "datum",
        "fecha",
        "data",
        "дата",
        "时间",
        "日期",
        "日時",
        "날짜",
        "day",
        "日付",
    ),
    *(
        "日付け",
        "交易时间",
        "交易日期",
        "tarih",
        "tanggal",
        "unixtimems",
        "indexlevel0",
        "x",
        "index",
        "",
    ),
    *("unnamed0", "level0"),
)
"""Names of a time that may be either, in order of preference."""

DATES = (
    *("date", "day", "dtyyyymmdd", "localdate", "tradedate", "tradingday", "utcdate", "gmtdate"),
    *("dateutc", "dategmt", "datum", "fecha", "data", "дата", "日期", "交易日期"),
)
CLOCKS = (
    *("time", "hour", "zeit", "uhrzeit", "hora", "heure", "ora", "время", "时间", "localtime"),
    *("tradetime", "utctime", "gmttime", "timeutc", "timegmt", "godzina", "clock"),
)
"""Names of a day and of a time of day beside it."""

CLOSE_TIMES = (
    *("closetime", "timeclose", "endtime", "timeperiodend", "closetimestamp"),
    *("candleendtime", "end", "periodend", "closedatetime", "tsinit"),
)

FIELDS = {
    "open": {
        *("open", "o", "op", "first", "opening", "eroffnung", "eroffn", "erster", "ouverture"),
        *("ouv", "apertura", "abertura", "otwarcie", "acilis", "openingprice"),
        *("открытие", "откр", "开盘", "开盘价", "开", "開盤", "始値", "시가"),
    },
    "high": {
        *("high", "h", "hi", "max", "maximum", "highest", "hoch", "haut", "plushaut", "maximo"),
        *("massimo", "maxima", "najwyzszy", "yuksek", "hoog", "hoogste", "tertinggi"),
        *("максимум", "макс", "最高", "最高价", "高", "高値", "고가"),
    },
    "low": {
        *("low", "l", "lo", "min", "minimum", "lowest", "tief", "bas", "plusbas", "minimo"),
        *("minima", "najnizszy", "dusuk", "laag", "laagste", "terendah"),
        *("минимум", "мин", "最低", "最低价", "低", "安値", "저가"),
    },
    "close": {
        *("close", "c", "cl", "last", "closelast", "closing", "tradeprice", "schluss", "zuletzt"),
        *("schlusskurs", "letzter", "cloture", "clot", "dernier", "cierre", "ultimo", "fechamento"),
        *("chiusura", "zamkniecie", "ostatnio", "kapanis", "simdi", "laatste", "slot"),
        *(
            "penutupan",
            "terakhir",
            "закрытие",
            "закр",
            "收盘",
            "收盘价",
            "收",
            "收盤",
            "終値",
            "종가",
        ),
    },
}
"""Names of the prices, in English and in what spreadsheets and brokers of others write."""

LASTS = (
    "price",
    "цена",
    "preis",
    "cena",
    "prix",
    "prezzo",
    "precio",
    "preco",
    "harga",
    "가격",
    "价格",
)
"""Names that say "price": the close, where no other column is it."""

BASE_VOLUMES = (
    *("homenotional", "volumebtc", "volumefrom", "basevolume", "volumebase", "basevol"),
    *("baseassetvolume", "volumecrypto", "volume", "vol", "v", "volumetraded", "sxsum"),
    *("tradedvolume", "amount", "baseamount", "size", "qty", "quantity", "volumen", "объем"),
    *("成交量", "出来高", "거래량", "stuck", "stucke", "stuecke", "totalvolume", "wolumen", "wol"),
    *("hacim", "hac", "交易量", "成交", "basetokenvolume", "candleacctradevolume"),
)
"""Names of a volume, those of the base currency first."""

QUOTE_VOLUMES = (
    *("quotevolume", "quoteassetvolume", "volumequote", "turnover", "foreignnotional"),
    *("volumeto", "volumecurrency", "volccyquote", "volquote", "usdtvolume", "volumeusdt"),
    *("volumenotional", "quoteamount", "value", "money", "sum", "q", "volccy"),
    *("tradeturnover", "usdvolume", "candleusdvolume", "candleacctradeprice", "成交额"),
)

TICK_VOLUMES = ("tickvol", "tickvolume", "ticks", "tickqty")

FLAGS = (
    *("confirm", "isclosed", "closed", "isfinal", "final", "complete", "completed"),
    *("iscomplete", "isclose", "finished", "isfinished", "confirmed", "closedcandle", "x"),
    *("status", "candlestatus", "barstatus", "partial", "ispartial", "inprogress", "isopen"),
    *("incomplete", "unfinished", "ongoing"),
)
"""Names of a column that says whether a candle is finished."""

UNFINISHED = ("partial", "ispartial", "inprogress", "isopen", "incomplete", "unfinished", "ongoing")
"""Those of them that say yes of an unfinished one."""

YES = {"1", "1.0", "true", "t", "yes", "y", "closed", "complete", "final", "confirmed"}
NO = {"0", "0.0", "false", "f", "no", "n", "open", "incomplete", "unconfirmed"}

SYMBOLS = (
    *("symbol", "ticker", "pair", "instrument", "instid", "instrumentname", "instrumentid"),
    *("currencypair", "productid", "market", "contract", "coin", "tic", "sym", "tradingpair"),
    *("symbolid",),
)
TIMEFRAMES = ("interval", "timeframe", "period", "resolution", "granularity", "per", "tf", "bar")
EXCHANGES = ("exchange", "venue", "exchangeid", "exch")
KINDS = (
    *("markettype", "instrumenttype", "contracttype", "producttype", "markettypes", "assettype"),
    *("securitytype", "marketkind", "instrumentkind", "type", "kind", "category", "segment"),
)
"""Names of a column that may tell spot from swaps."""


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TIME_WORDS = {"time", "timestamp", "datetime", "date", "ts", "at", "dt", "epoch", "unix", "utc"}
_OPEN_WORDS = {"start", "started", "open", "opened", "begin", "began", "from", "opening"}
_CLOSE_WORDS = {"end", "ended", "close", "closed", "until", "to", "closing"}
_EDGE_WORDS = {"start", "started", "begin", "began", "end", "ended", "from", "until"}
_SPAN_WORDS = {"candle", "kline", "interval", "bar", "period", "window", "bucket"}
_OTHER_WORDS = {
    "price",
    *("first", "last", "trade", "trades", "high", "low", "update", "updated", "modified"),
    *("received", "recv", "inserted", "created", "download", "expiry", "listed", "init"),
}
_ZONES = {
    *("est", "edt", "et", "pst", "pdt", "pt", "cst", "cdt", "cet", "cest", "bst", "msk", "jst"),
    *("kst", "hkt", "sgt", "ist", "aest", "aedt", "eet", "local", "exchange", "ny"),
}
_IANA = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?")


class TimeName(NamedTuple):
    """What the name of a time says."""

    stamp: Literal["sure", "open", "close"]
    """A sure open, an open perhaps, or a close."""
    zone: str
    """UTC, a zone such as America/New_York, "local" where another one is meant, or ""."""


def time_name(name: str) -> TimeName | None:
    """What a name such as "barEndTime", "started_at" or "Date (EST)" says of a time; None where
    it names none."""
    zone = _IANA.search(name)
    words = [word.lower() for word in _WORDS.findall(_IANA.sub("", name))]
    known = set(words)
    named = known & _TIME_WORDS or (known & _SPAN_WORDS and known & _EDGE_WORDS)
    if not named or known & _OTHER_WORDS:
        return None
    told = zone[0] if zone else "local" if known & _ZONES else ""
    if not zone and (ahead := _AHEAD.search(name)) and int(ahead[2]):
        return TimeName(_stamp(known), f"{ahead[1]}{int(ahead[2]):02}:{ahead[3] or '00'}")
    if not zone and known & {"utc", "gmt"}:
        told = "UTC"
    return TimeName(_stamp(known), told)


_AHEAD = re.compile(r"(?:utc|gmt)\s*([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
"""An offset such as that of "time (UTC+8)"."""


def _stamp(words: set[str]) -> Literal["sure", "open", "close"]:
    if words & _CLOSE_WORDS:
        return "close"
    return "sure" if words & _OPEN_WORDS else "open"


def plain_name(name: str) -> str:
    """Lower-case letters and digits of a name, without accents: "Volume_(BTC)" is "volumebtc"."""
    text = name.strip().lower()
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize(
            "NFC", "".join(letter for letter in apart if not unicodedata.combining(letter))
        )
    return _NUMBERED.sub("", _LETTERS.sub("", text.translate(_STROKES)))


_STROKES = str.maketrans("łøıđ", "loid")
"""Letters whose stroke is no accent."""


def field_of(name: str) -> str | None:
    """open, high, low or close where `name` says so in any of the usual ways."""
    bare = re.sub(r"[(\[].*?[)\]]", "", name.strip().lower())
    plain = plain_name(bare)
    bare = _BEFORE.sub("", plain)
    for text in (plain, bare, _BEHIND.sub("", plain), _BEHIND.sub("", bare)):
        for field in PRICES:
            if text in FIELDS[field]:
                return field
    return None


_NO_VOLUMES = re.compile("taker|trades|count|change|avg|buy|sell|bid|ask|adv|sma|ema|ma$|osc|oi$")


_QUOTED = re.compile(
    "(volume|vol|turnover|amount)(in)?(usd[tc]?|busd|fdusd|tusd|dai|eur|gbp|krw|jpy|try|brl|quote)"
    "|(usd[tc]?|dollar|quote|fiat|eur)(volume|vol|turnover|amount|value)|totalturnover"
)


def is_quote(plain: str) -> bool:
    """Whether a plain name says that an amount is of the quote currency."""
    return plain in QUOTE_VOLUMES or bool(_QUOTED.fullmatch(plain))


def is_volume(name: str) -> bool:
    """Whether a column may hold traded amounts."""
    plain = plain_name(name)
    if _NO_VOLUMES.search(plain):
        return False
    known = plain in BASE_VOLUMES or is_quote(plain) or plain in TICK_VOLUMES
    return known or plain.startswith(("vol", "basevol", "quotevol")) or plain.endswith("volume")
