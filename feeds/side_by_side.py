"""Which of the markets, or exchanges, whose columns stand side by side is meant."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.feeds.markets import chosen, same_market


def chosen_market(markets: Sequence[str], meant: str, exchange: str = "") -> str:
    """The market of a table with several, which may be those of several exchanges ("binance
    BTC/USDT"); DataError where `meant` and `exchange` do not tell."""
    found = [market for market in dict.fromkeys(markets) if market]
    quote = meant.partition("/")[2].partition(":")[0].removesuffix("T")
    in_quote = [market for market in found if quote and market.upper().removesuffix("T") == quote]
    if len(in_quote) == 1:  # open_usd beside open_btc: prices in either
        return in_quote[0]
    if there := _of_exchange(found, exchange):
        return there[chosen(list(there), meant, "symbol") if any(there) else ""]
    mine = [name for name in found if meant and any(same_market(w, meant) for w in name.split())]
    return mine[0] if len(mine) == 1 else chosen(found, meant, "symbol")


def _of_exchange(found: Sequence[str], exchange: str) -> dict[str, str]:
    """Of markets those of an exchange, without its name; none where it is in no name."""
    parts = {name: name.lower().split() for name in found}
    there = [name for name in found if exchange and exchange in parts[name]]
    return {" ".join(w for w in name.split() if w.lower() != exchange): name for name in there}
