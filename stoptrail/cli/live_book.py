"""`live --paper --book`: which sleeves a paper session trades."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stoptrail.cli.book_sleeves import sleeves_of
from stoptrail.cli.options import BacktestOptions
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, UsageError
from stoptrail.live.book_recovery import Sleeve


class BookAsked(NamedTuple):
    """What was asked of a book."""

    config: Path | None
    overrides: tuple[str, ...]
    symbols: tuple[str, ...]
    book: bool
    """Whether the sleeves of the file count."""
    trust: bool


def sleeves_on_paper(settings: Settings, source: Path | None, asked: BookAsked) -> list[Sleeve]:
    """The sleeves of a paper session; without --book those of the file do not count. Raises
    UsageError and ConfigError for what a book on paper has not."""
    if source is not None:
        raise UsageError(
            f"--from {source} trades the best set of one market; a book that was chosen by a run "
            f"is traded with live --paper --book --config {source / 'config.toml'}"
        )
    if not asked.book:
        alone = settings.book.model_copy(update={"sleeves": []})
        settings = settings.model_copy(update={"book": alone})
    options = BacktestOptions(
        config=asked.config,
        overrides=asked.overrides,
        walk_forward=None,
        plot=False,
        files=(),
        symbols=asked.symbols,
        out=None,
        force=False,
        resume=None,
        as_json=False,
        book=True,
        trust=asked.trust,
    )
    found = sleeves_of(settings, options)
    sleeves = [Sleeve(one.resolved.symbol, one.resolved.share, one.settings) for one in found]
    _require_possible(settings, sleeves)
    return sleeves


def _require_possible(settings: Settings, sleeves: list[Sleeve]) -> None:
    if settings.book.account == "separate":
        raise ConfigError(
            'book.account "separate": a book on paper has one account: set book.account = '
            '"shared", or start a session for each market with --set data.symbol=...'
        )
    for sleeve in sleeves:
        theirs = sleeve.settings.exchange_id
        if theirs != settings.exchange_id:
            raise ConfigError(
                f"book.sleeves: {sleeve.symbol} is of {theirs}, the book of "
                f"{settings.exchange_id}: a book on paper trades on one exchange"
            )
