"""Which of the markets, or exchanges, whose columns stand side by side is meant."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.feeds.layouts.markets import chosen, same_market


def chosen_market(markets: Sequence[str], meant: str, *told: str) -> str:
    """The market of a table with several, which may be those of several exchanges or timeframes
    ("binance BTC/USDT"), of which `told` names the ones that are meant; DataError where all that
    does not tell."""
    found = [market for market in dict.fromkeys(markets) if market]
    quote = meant.partition("/")[2].partition(":")[0].removesuffix("T")
    in_quote = [market for market in found if quote and market.upper().removesuffix("T") == quote]
    if len(in_quote) == 1:  # open_usd beside open_btc: prices in either
        return in_quote[0]
    left = {name: name for name in found}
    for word in told:
        there = {_without(word, name): whole for name, whole in left.items() if _has(word, name)}
        left = there or left
    if list(left) == [""]:
        return left[""]
    mine = [name for name in left if meant and any(same_market(w, meant) for w in name.split())]
    return left[mine[0] if len(mine) == 1 else chosen(list(left), meant, "symbol")]


def _has(word: str, name: str) -> bool:
    return bool(word) and word in name.lower().split()


def _without(word: str, name: str) -> str:
    return " ".join(part for part in name.split() if part.lower() != word)
