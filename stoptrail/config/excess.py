"""What settings ask for that a market does not give, or an account does not bear for long."""

from __future__ import annotations

from stoptrail.config.settings import Settings

_MUCH = 0.1
"""Of the account at one stop: ten in a row leave a third of it."""


def excess_words(settings: Settings, share: float = 1.0) -> list[str]:
    """A line for each; `share` is the part of the account by which trades are sized, below 1 of a
    book's sleeve."""
    found, risk = [], settings.risk
    if settings.market_type == "spot" and risk.max_leverage > 1.0:
        found.append(
            f"risk.max_leverage = {risk.max_leverage:g}: a spot market lends nothing; set "
            'it to 1, or market.type to "margin" or "swap"'
        )
    if risk.sizing == "risk" and (loss := risk.risk_per_trade * share) > _MUCH:
        of = "" if share == 1.0 else f" (share {share:.3g})"
        found.append(
            f"risk.risk_per_trade = {risk.risk_per_trade:g}{of} asks for a loss of "
            f"{loss:.0%} of the account at each first stop; 1% is 0.01"
        )
    return found


def session_words(settings: Settings, share: float = 1.0) -> list[str]:
    """The same of a session, which has no trades yet by which shorts would show."""
    words = excess_words(settings, share)
    if settings.market_type == "spot" and settings.strategy.sides != "long":
        words.append(
            f'strategy.sides = "{settings.strategy.sides}": a spot market cannot do shorts, which '
            'are simulated; set it to "long", or market.type to "margin" or "swap"'
        )
    return words
