"""What a session does, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stoptrail.core.time import iso_time
from stoptrail.live.gate import PAUSED, REASONS
from stoptrail.live.journal import (
    Entered,
    Funded,
    Happening,
    Ignored,
    Left,
    Moved,
    Reduced,
)
from stoptrail.live.ledger.records import SessionRow
from stoptrail.live.step import Step
from stoptrail.rules.stops import BREAKEVEN, MANUAL_PRICE
from stoptrail.rules.stops import REASONS as STOP_REASONS
from stoptrail.rules.trade import COOLDOWN, PENDING, POSITION, PROTECTION

SIDES = {1: "long", -1: "short"}
_USUAL = frozenset({POSITION, PENDING, COOLDOWN, PAUSED})
"""Reasons for which no entry could be expected; without another one there would have been one."""

UNWRITTEN = frozenset(
    {
        "alarm",
        "connection",
        "daily",
        "error",
        "funding",
        "notice",
        "settings",
        "started",
        "stopped",
        "warm-up",
    }
)
"""Kinds of message that no table of the ledger tells but its events."""


class Message(NamedTuple):
    """Something that a person may want to know."""

    kind: str
    """"entry", "exit", "breakeven", "trail", "protection", "refused", "signal", "connection",
    "alarm", "command", "settings", "notice", "error", "warm-up", "started", "stopped",
    "funding" or "daily"."""
    time: int
    """Milliseconds: of the market for what trades did, of this machine otherwise."""
    text: str


def number(value: float) -> str:
    """A price or quantity with all of its decimals, and no more."""
    return f"{value:,.8f}".rstrip("0").rstrip(".")


def sleeve_names(sleeves: Sequence[SessionRow]) -> dict[int, str]:
    """What people call the sleeves of a book, by the number of each as a session: its market, and
    that number where others are of this market too."""
    markets = [sleeve.symbol for sleeve in sleeves]
    return {
        sleeve.id: sleeve.symbol
        + (f" (session {sleeve.id})" if markets.count(sleeve.symbol) > 1 else "")
        for sleeve in sleeves
    }


def messages_of(step: Step, interval: int) -> Iterator[Message]:
    """One message for each thing that a step changed and a person may want to know."""
    when = step.tick.time if step.tick is not None else step.after + interval
    late = " (while the session was down)" if step.caught_up else ""
    for event in step.events:
        said = _said(event)
        if said is not None:
            at = when
            if isinstance(event, Left) and event.reason == MANUAL_PRICE:
                at = event.time
            yield Message(said[0], at, said[1] + late)


def _said(event: Happening) -> tuple[str, str] | None:
    match event:
        case Entered(position=position, stop=stop):
            held = position.held
            return "entry", (
                f"{SIDES[held.side]} {number(position.units)} at {number(held.fill)}, "
                f"stop {number(stop.level)}"
            )
        case Moved(before=before, after=after):
            # A short's breakeven level follows its borrow, a little at every candle or
            # tick: only the first move there is news.
            arrived = after.reason == BREAKEVEN != before.reason
            return (
                "breakeven" if arrived else "trail",
                f"stop {number(before.level)} to {number(after.level)}",
            )
        case Reduced(position=position, part=part, reason=reason):
            return "exit", (
                f"{SIDES[position.held.side]} {number(part.units)} left at {number(part.price)} "
                f"({STOP_REASONS[reason]}), {number(position.units)} stay"
            )
        case Left(position=position, end=end, reason=reason):
            side, whole = SIDES[position.held.side], not position.parts.number
            what = side if whole else f"{side} {number(end.last.units)}"
            return "exit", (
                f"{what} left at {number(end.price if whole else end.last.price)} "
                f"({STOP_REASONS[reason]}), result {end.pnl:+,.2f}{'' if whole else ' in all'}"
            )
        case Funded(row=row, booked=booked) if booked:
            when = iso_time(row.time)
            return "funding", f"{row.rate:+.4%} of {when}: {booked:+,.2f} booked"
        case Ignored(side=side, reason=reason):
            kind = "signal" if reason in _USUAL else "refused"
            kind = "protection" if reason == PROTECTION else kind
            return kind, f"{SIDES[side]} signal ignored: {REASONS[reason]}"
    return None
