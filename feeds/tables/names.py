"""What columns of candle files are called, by everyone who writes them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import available_timezones

from stoptrail.feeds.tables.columns import PRICES

_LETTERS = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"^\d[ab]?(?=open|high|low|close|volume)")
"""What Alpha Vantage puts before its names: "1. open"."""
_BEFORE = re.compile(r"^(price|px|candle|kline|bar|mid|trade|ohlc|tick)")
_BEHIND = re.compile(r"(price|px|rate|mid|last)?(usd[tc]?)?$")
_STROKES = str.maketrans({"ł": "l", "ø": "o", "\u0131": "i", "đ": "d", "ß": "ss"})
"""Letters whose stroke is no accent."""


@lru_cache(4096)  # a log of a socket repeats its names in each message
def plain_name(name: str) -> str:
    """Lower-case letters and digits of a name, without accents: "Volume_(BTC)" is "volumebtc"."""
    text = name.strip().lower()
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize(
            "NFC", "".join(letter for letter in apart if not unicodedata.combining(letter))
        )
    return _NUMBERED.sub("", _LETTERS.sub("", text.translate(_STROKES)))


def _words(*texts: str) -> tuple[str, ...]:
    return tuple(map(plain_name, " ".join(texts).split()))


OPEN_TIMES = _words(
    "timeperiodstart windowstart opentime timeopen starttime timestart opentimems opentimestamp",
    "candlebegintime begintime startat start begin bucketstart periodstart opendatetime from",
    "intervalbegin intervalstart candlestart candlebegin barstart barbegin bucketbegin klinestart",
    "opendate lowerboundary 开盘时间 开始时间 起始时间 開盤時間 開始時間 開始日時 시작시간",
)
"""Names that say that the time is an open, the surest first; see `plain_name`."""

TIMES = (
    *_words(
        "timestamp time datetime unix unixtimestamp unixtime timestampms timestamputc datetimeutc",
        "dateutc timeutc utctime utc gmttime localtime date ts t mts epoch tsevent snappedat",
        "eventtime createdat tradedate tradetime datetimestamp bucket minute dt ds dates times id",
        "ticks datum fecha data дата 时间 日期 日時 날짜 day 日付 日付け 交易时间 交易日期 tarih",
        "tanggal zeit zeitstempel datumzeit horodatage dateheure dateetheure fechahora fechayhora",
        "marcadetiempo datahora dataehora dataora датавремя датаивремя время 日期时间 時間",
        "日期時間 交易時間 时间戳 时刻 時刻 일시 일자 시간 체결시간 기준시간 ngay thoigian",
        "tick tidpunkt tarihsaat datumcas waktu idopont unixtimems indexlevel0 x index period",
    ),
    *("", "unnamed0", "level0"),
)
"""Names of a time that may be either, in order of preference."""

DATES = _words(
    "date day dtyyyymmdd localdate tradedate tradingday utcdate gmtdate dateutc dategmt datum",
    "fecha data дата 日期 交易日期 日付 일자 날짜 tarih ngay tanggal",
)
CLOCKS = _words(
    "time hour zeit uhrzeit hora heure ora время 时间 localtime tradetime utctime gmttime timeutc",
    "timegmt godzina clock czas saat gio cas tid 時刻 時間 시간 시각 waktu tijd",
)
"""Names of a day and of a time of day beside it."""

CLOSE_TIMES = _words(
    "closetime timeclose endtime timeperiodend closetimestamp candleendtime end upperboundary to",
    "periodend closedatetime tsinit until tclose",
    "收盘时间 结束时间 收盤時間 結束時間 終了時間 終了日時 종료시간",
)

FIELDS = {
    "open": _words(
        "open o op first opening openingprice eroffnung eroffn erster eroffnungskurs",
        "eroffnungspreis ouverture ouv premier coursdouverture prixdouverture apertura abre",
        "preciodeapertura prezzodiapertura abertura precodeabertura otwarcie kursotwarcia acilis",
        "acilisfiyati otevreni oteviracicena oppning oppningskurs pembukaan giamocua mocua nyito",
        "открытие откр ценаоткрытия відкриття 开盘 开盘价 开 今开 开盘价格 開盤 開盤價 始値 시가",
        "시작가",
    ),
    "high": _words(
        "high h hi max maximum highest hoch hochst hochster hochstkurs hochstpreis tageshoch haut",
        "plushaut coursleplushaut maximo alto preciomaximo massimo maxima najwyzszy kursmax",
        "maksimum yuksek enyuksek hoog hoogste tertinggi hogst hogsta hogstakurs nejvyssi caonhat",
        "максимум макс максцена максимальнаяцена 最高 最高价 高 高价 最高價 高値 고가 최고가",
    ),
    "low": _words(
        "low l lo min minimum lowest tief tiefst tiefster tiefstkurs tiefstpreis tagestief bas",
        "plusbas coursleplusbas minimo bajo preciominimo minima najnizszy kursmin dusuk endusuk",
        "laag laagste terendah lagst lagsta lagstakurs nejnizsi thapnhat минимум мин минцена",
        "минимальнаяцена 最低 最低价 低 低价 最低價 安値 저가 최저가",
    ),
    "close": _words(
        "close c cl last closelast closing tradeprice schluss zuletzt schlusskurs schlusspreis",
        "letzter cloture clot dernier coursdecloture prixdecloture cierre cierra preciodecierre",
        "ultimo fechamento precodefechamento chiusura prezzodichiusura zamkniecie kurszamkniecia",
        "ostatnio kapanis kapanisfiyati simdi laatste slot zavreni zaviracicena stangning",
        "stangningskurs penutupan terakhir giadongcua dongcua zaro закрытие закр ценазакрытия",
        "закриття 收盘 收盘价 收 收盘价格 最新价 收盤 收盤價 終値 종가 현재가 마감가",
        "closeclosepriceadjustedforsplits",
    ),
}
"""Names of the prices, in English and in what spreadsheets and brokers of others write."""

LASTS = _words("price цена preis cena prix prezzo precio preco harga 가격 价格 final")
"""Names that say "price": the close, where no other column is it."""

BASE_VOLUMES = _words(
    "homenotional volumebtc volumefrom basevolume volumebase basevol baseassetvolume volumecrypto",
    "volume vol v volumetraded sxsum tradedvolume amount baseamount size qty quantity volumen",
    "объем 成交量 出来高 거래량 stuck stucke stuecke totalvolume wolumen wol hacim hac 交易量 成交",
    "basetokenvolume candleacctradevolume targetvolume quantite cantidad quantidade quantita",
    "объемторгов обєм обʼєм volym khoiluong objem",
)
"""Names of a volume, those of the base currency first."""

QUOTE_VOLUMES = _words(
    "quotevolume quoteassetvolume volumequote turnover foreignnotional volumeto volumecurrency",
    "volccyquote volquote usdtvolume volumeusdt volumenotional quoteamount value money sum q",
    "volccy tradeturnover usdvolume candleusdvolume candleacctradeprice 成交额 成交金额 成交金額",
    "거래대금 누적거래대금 売買代金 umsatz оборот",
)

TICK_VOLUMES = _words(
    "tickvol tickvolume ticks tickqty contracts lots volumecontracts contractvolume volumelots",
    "volumek volumem volumethousands volumeinthousands volumeinmillions",
)
"""Amounts in something else than coins: prices' changes, contracts, thousands."""

UNFINISHED = _words(
    "partial ispartial inprogress isopen incomplete unfinished", "ongoing forming provisional"
)
FLAGS = UNFINISHED + _words(
    "confirm isclosed closed isfinal final complete completed iscomplete isclose finished",
    "isfinished confirmed closedcandle isbarclosed barclosed candleclosed x status",
    "candlestatus barstatus",
)
"""Names of a column that says whether a candle is finished; the first say yes of others."""
YES = {"1", "1.0", "true", "t", "yes", "y", "closed", "complete", "final", "confirmed", "finished"}
NO = {"0", "0.0", "false", "f", "no", "n", "open", "incomplete", "unconfirmed", "unfinished"}

SYMBOLS = _words(
    "symbol ticker pair instrument instid instrumentname instrumentid currencypair productid",
    "market contract coin tic sym tradingpair symbolid",
)
TIMEFRAMES = ("interval", "timeframe", "period", "resolution", "granularity", "per", "tf", "bar")
EXCHANGES = ("exchange", "venue", "exchangeid", "exch")
KINDS = _words(
    "markettype instrumenttype contracttype producttype markettypes assettype securitytype",
    "marketkind instrumentkind type kind category segment",
)
"""Names of a column that may tell spot from swaps."""


WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
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
_ELSEWHERE = re.compile(
    "时间|時間|时刻|時刻|日期|日時|시간|일시|время|дата|zeit|heure|hora|horodatage"
)
_STAMPS: dict[str, re.Pattern[str]] = {
    "other": re.compile("更新|接收|创建|成交时|수신|обновл"),
    "close": re.compile("结束|結束|收盘|收盤|終了|종료|마감|конец|оконч|закрыт|schluss|cierre|fin"),
    "sure": re.compile("开始|開始|开盘|開盤|起始|시작|начал|открыт|beginn|debut|inicio"),
}
"""Parts of names of times in other languages, and what they say."""


class TimeName(NamedTuple):
    """What the name of a time says."""

    stamp: Literal["sure", "open", "close"]
    """A sure open, an open perhaps, or a close."""
    zone: str
    """As `zone_in` tells it."""


def time_name(name: str) -> TimeName | None:
    """What a name such as "barEndTime", "started_at" or "Date (EST)" says of a time; None where
    it names none."""
    words = {word.lower() for word in WORDS.findall(name)}
    if words & _TIME_WORDS or (words & _SPAN_WORDS and words & _EDGE_WORDS):
        return None if words & _OTHER_WORDS else TimeName(_stamp(words), zone_in(name))
    plain = plain_name(name)
    if not _ELSEWHERE.search(plain):
        return None
    told = next((says for says, part in _STAMPS.items() if part.search(plain)), "open")
    return None if told == "other" else TimeName(told, zone_in(name))  # type: ignore[arg-type]


def _stamp(words: set[str]) -> Literal["sure", "open", "close"]:
    if words & _CLOSE_WORDS:
        return "close"
    return "sure" if words & _OPEN_WORDS else "open"


_IANA = re.compile(r"Etc/GMT[+-]\d{1,2}|[A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?")
_AHEAD = re.compile(
    r"(?:utc|gmt)(?P<gap>[ _]*)(?P<sign>[+-]|plus|minus|p|m)?(?P<more>[ _]*)"
    r"(?P<h>\d{1,2})(?::?(?P<m>\d{2}))?(?![\da-z])",
    re.IGNORECASE,
)
"""An offset such as that of "time (UTC+8)" or "candle_begin_time_GMT8"."""
_FARTHEST = 14
"""Hours that a zone is ahead of UTC at most."""
_PLACES = {
    **dict.fromkeys(("bj", "beijing", "china", "北京", "中国", "上海"), "Asia/Shanghai"),
    **dict.fromkeys(("kst", "korea", "korean", "한국", "서울"), "Asia/Seoul"),
    **dict.fromkeys(("jst", "japan", "日本", "東京"), "Asia/Tokyo"),
    **dict.fromkeys(("msk", "мск", "москв", "моск"), "Europe/Moscow"),
    **dict.fromkeys(("hkt", "hk", "香港"), "Asia/Hong_Kong"),
    **dict.fromkeys(("sgt", "新加坡"), "Asia/Singapore"),
    **dict.fromkeys(("ny", "nyc"), "America/New_York"),
    **dict.fromkeys(("台北", "台湾", "台灣"), "Asia/Taipei"),
}
"""Zones by words that mean one only."""
_OPEN_ZONES = {
    *("est", "edt", "pst", "pdt", "pt", "cst", "cdt", "cet", "cest", "bst", "mez", "mesz"),
    *("ist", "aest", "aedt", "eet", "eest", "local", "exchange", "eastern", "central", "pacific"),
}
"""Words for a zone of which there are several, or which has summer time with some and not with
others."""


_PLAIN_WORDS = (
    _TIME_WORDS | _OPEN_WORDS | _CLOSE_WORDS | _EDGE_WORDS | _SPAN_WORDS | {"day", "ms", "s", "t"}
)


def zone_in(name: str) -> str:
    """The zone that the name of a time tells: "UTC", a zone such as America/New_York or +08:00,
    "local" where one is meant that has to be asked for, "" where it tells none."""
    named = _IANA.search(name)
    if named and named[0] in _zone_names():  # Date/Time is none
        return named[0]
    offset = _AHEAD.search(name)
    if offset and int(offset["h"]) <= _FARTHEST:
        if int(offset["h"]) + int(offset["m"] or 0) == 0:
            return "UTC"
        sign = {"plus": "+", "minus": "-", None: "+"}.get(offset["sign"], offset["sign"])
        if sign not in "+-" or (not offset["sign"] and offset["gap"]):
            return "local"  # utc_m5 and utc_8 may be five minutes, or a number
        return f"{sign}{int(offset['h']):02}:{offset['m'] or '00'}"
    words = [word.lower() for word in WORDS.findall(name)]
    if {"utc", "gmt"} & set(words):
        return "UTC"
    lower = name.lower()
    for place, zone in _PLACES.items():
        if place in words or (not place.isascii() and place in lower):
            return zone
    if set(words) & _OPEN_ZONES or words[-1:] == ["et"]:
        return "local"
    if set(words) <= _PLAIN_WORDS:  # to know all cities takes a moment
        return ""
    pairs = [f"{one}_{two}" for one, two in pairwise(words)]
    return next((_cities()[word] for word in (*pairs, *words) if word in _cities()), "")


_zone_names = cache(available_timezones)


@cache
def _cities() -> dict[str, str]:
    """Zones by the names of their cities, in lower case: shanghai, new_york."""
    parts = [zone.split("/") for zone in sorted(_zone_names())]
    return {
        part[1].lower(): "/".join(part)
        for part in parts
        if len(part) == 2 and part[0] in _CONTINENTS and len(part[1]) > 3
    }


_CONTINENTS = ("Africa", "America", "Asia", "Australia", "Europe", "Pacific")


_FIELD_OF = {word: field for field in PRICES for word in FIELDS[field]}


@cache
def field_of(name: str) -> str | None:
    """open, high, low or close where `name` says so in any of the usual ways."""
    text = unicodedata.normalize("NFKC", name.strip().lower())
    plain = plain_name(re.sub(r"[(\[].*?[)\]]", "", text))
    bare = _BEFORE.sub("", plain)
    for word in (plain, bare, _BEHIND.sub("", plain), _BEHIND.sub("", bare)):
        if word in _FIELD_OF:
            return _FIELD_OF[word]
    told = {field_of(part) for part in text.split("/")} - {None} if "/" in text else set()
    return told.pop() if len(told) == 1 else None  # open/开盘价, but not close/open


_NO_VOLUMES = re.compile(
    "taker|trades|count|change|avg|buy|sell|bid|ask|adv|sma|ema|ma$|osc|oi$|cum|rolling|24h|1d$"
)
_QUOTED = re.compile(
    "(volume|vol|turnover|amount)(in)?(usd[tc]?|busd|fdusd|tusd|dai|eur|gbp|krw|jpy|try|brl|quote)"
    "(currency|asset|coin)?|notional(volume|value)?|(usd[tc]?|dollar|quote|fiat|eur)(volume|vol|turnover|amount|value)|totalturnover"
)


def is_quote(plain: str) -> bool:
    """Whether a plain name says that an amount is of the quote currency."""
    return plain in QUOTE_VOLUMES or bool(_QUOTED.fullmatch(plain))


@lru_cache(4096)
def is_volume(name: str) -> bool:
    """Whether a column may hold traded amounts."""
    plain = plain_name(name)
    if _NO_VOLUMES.search(plain):
        return False
    whole = (plain, plain.removesuffix("sum"))  # as aggregation names it: amount_sum
    known = any(p in BASE_VOLUMES or is_quote(p) or p in TICK_VOLUMES for p in whole)
    return known or plain.startswith(("vol", "basevol", "quotevol")) or plain.endswith("volume")
