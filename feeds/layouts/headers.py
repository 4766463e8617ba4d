"""Markets and currencies that the names of columns tell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from stoptrail.feeds.layouts.markets import base_of, is_pair, same_market
from stoptrail.feeds.layouts.recognise import Layout
from stoptrail.feeds.layouts.strangers import CURRENCY
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.longer_names import four_alike, word_beside
from stoptrail.feeds.tables.sheets import OF_MARKET

_COIN = re.compile(r"[A-Z]{3,5}")
_NO_COINS = {
    *("ADJ", "ASK", "ASSET", "AVG", "BASE", "BID", "CCY", "COIN", "DAY", "INDEX", "LAST", "LOTS"),
    *("MARK", "MID", "PRICE", "PERP", "SPOT", "TOTAL", "TRADE", "UNIT", "UNITS"),
}
_VOLUME = re.compile(r"vol(?:ume)?[-_ ./:]*\(?([A-Za-z]{3,5})\)?", re.IGNORECASE)
_BASE = "name of the volume says"


def said_of_names(names: Sequence[str], layout: Layout, symbol: str) -> list[str]:
    """What to say of columns whose names tell another market, or another currency, than `symbol`,
    as which they are run; nothing where that is open."""
    if not symbol:
        return []
    told = [("names of the prices say", word) for word in _of_prices(names)]
    if layout.volume is not None and layout.unit == "base" and layout.volume < len(names):
        found = _VOLUME.fullmatch(names[layout.volume].strip())
        told += [(_BASE, found[1])] if found and _is_coin(found[1]) else []
    return [
        f"the {what} {word}; it is run as {symbol}"
        for what, word in told
        if not _goes_with(word, symbol, quoted=what != _BASE)
    ]


def _of_prices(names: Sequence[str]) -> list[str]:
    """The word that stands beside open, high, low and close alike, where it is one only."""
    fields = defaultdict(set)
    for name in names:
        if found := OF_MARKET.fullmatch(name.strip()):
            word = found["a"] or found["b"]
            fields[word].add(name.strip().replace(word, "").strip("-_ ./:()").lower())
    whole = [word for word, told in fields.items() if told >= set(PRICES)]
    written = [word_beside(names[next(iter(places))]) for places in four_alike(names)]
    whole += [w for w in written if CURRENCY.fullmatch(w) and w not in map(str.lower, whole)]
    return [word for word in whole if len(whole) == 1 and (is_pair(word) or _is_coin(word))]


def _is_coin(word: str) -> bool:
    if word.upper() in _NO_COINS:
        return False
    return bool(CURRENCY.fullmatch(word) or _COIN.fullmatch(word))


def _goes_with(word: str, symbol: str, *, quoted: bool) -> bool:
    """Whether a word is `symbol`, or its base currency, or, where `quoted`, that of its prices."""
    if is_pair(word):
        return same_market(word, symbol)
    base, _, quote = symbol.partition(":")[0].partition("/")
    known = {base.upper(), base_of(symbol), *({quote.upper()} if quoted else ())}
    return word.upper().replace("XBT", "BTC") in known
