"""Which kind of market the path of a file tells (spot, swap, its mark prices, ...), and which
timeframe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stoptrail.core.time import MINUTE_MS, timeframe_name

_TOLD = (
    ("mark prices", r"markPriceKlines/", r"[-_]mark(?=[-_.])"),
    ("index prices", r"indexPriceKlines/|spot_index/", r"(?<=\d[mhd])-index(?=[-_.])"),
    ("funding rates", r"fundingRate/", r"[-_]funding_?rate(?=[-_.])"),
    ("a premium", r"premiumIndexKlines/|premium_index/", r"[-_]premiumIndex(?=[-_.])"),
    ("a dated contract", r"", r"USDT?_\d{6}(?=-\d)|[-_]delivery[-_.]"),
    ("an inverse swap", r"futures/cm/", r"USD_PERP(?=[-_.])|-USD-SWAP(?=[-_.])|_USD_(?!US)[A-Z]+-"),
    (
        "a swap",
        r"futures/um/|(?<=[/=])futures/",
        r"[-_](?:SWAP|PERP|PERPETUAL|UMCBL)(?=[-_.]|$)|(?<=USDT)M(?=[-_.])|_(USD[TC])_\1(?=[-_.])"
        r"|[-_]futures(?=[-_.])",
    ),
    ("spot", r"(?<=[/=])spot/", r"[-_](?:spot|SPBL)(?=[-_.])"),
)
"""Kinds and what tells them in the folders and in the names of files, as exchanges' archives and
freqtrade write them, the surest first."""
_KINDS = [
    (kind, re.compile(folder or "(?!)", re.IGNORECASE), re.compile(name, re.IGNORECASE))
    for kind, folder, name in _TOLD
]


def kind_in_name(path: str) -> str:
    """The kind of market that a path tells; "" where it tells none."""
    folder, slash, name = path.rpartition("/")
    for kind, in_folder, in_name in _KINDS:
        if in_name.search(name) or in_folder.search(folder + slash):
            return kind
    return ""


def of_one_kind(names: Iterable[str], meant: str) -> tuple[list[bool], str]:
    """Which of several files are of the kind of market that `meant` is, and what has to be said.

    Files whose paths tell nothing are taken for it, but beside files of swaps, as freqtrade lays
    them, for spot. Where no file is of that kind all are kept.
    """
    told = [kind_in_name(name) for name in names]
    wanted = "a swap" if ":" in meant else "spot"
    unsaid = "spot" if wanted in told else wanted
    keep = [(kind or unsaid) == wanted for kind in told]
    others = dict.fromkeys(
        kind or "nothing of a swap" for kind, kept in zip(told, keep, strict=True) if not kept
    )
    if not others:
        return keep, ""
    what = " and ".join(others)
    if any(keep):
        left = len(keep) - sum(keep)
        return keep, (
            f"{left} file{'' if left == 1 else 's'} passed over, whose path says {what}: "
            f"{meant or 'a symbol without a colon'} is {wanted}"
        )
    if not meant:
        return [True] * len(told), ""
    return [True] * len(told), f"the path says {what}; it is run as {meant}, {wanted}"


def are_kinds(words: Sequence[str]) -> bool:
    """Whether words name kinds of markets: spot, perpetual, ..."""
    plain = {re.sub("[^a-z]", "", word.lower()) for word in words}
    return plain <= _SPOT | _SWAPS | _OTHER_KINDS


def kind_of(words: Sequence[str], meant: str) -> str:
    """Of kinds of markets (spot, perpetual, ...) the one that a symbol such as BTC/USDT:USDT
    means; "" where the words are others, or several may be meant."""
    plain = {word: re.sub("[^a-z]", "", word.lower()) for word in words}
    if not meant or not are_kinds(words):
        return ""
    mine = [word for word in words if plain[word] in (_SWAPS if ":" in meant else _SPOT)]
    return mine[0] if len(mine) == 1 else ""


_SPOT = {"spot", "cash", "sp"}
_SWAPS = {
    *("perp", "perpetual", "perps", "perpetuals", "swap", "swaps", "linear", "um", "usdm"),
    *("linearperpetual", "perpetualswap", "linearswap", "usdtperpetual", "usdtm", "umfutures"),
    *("usdtfutures", "futuresperpetual", "perpetualfuture", "future", "futures"),
}
_OTHER_KINDS = {"inverse", "cm", "coinm", "inverseperpetual", "margin", "delivery", "option"}


_FRAME = re.compile(r"(?<![A-Za-z0-9])(\d{1,3})(m|min|h|d)(?=[._-]|$)")
_SPELLED = re.compile(r"-(\d{1,4})-(MINUTE|HOUR|DAY)-")
"""As the types of Nautilus' bars say it."""
_MINUTES = re.compile(r"_(1|5|15|30|60|240|720|1440)(?=\.|$)")


def timeframe_in_name(name: str) -> str:
    """The timeframe that a file's name tells, such as 15m; "" where it tells none."""
    if match := _FRAME.search(name):
        return f"{match[1]}{match[2][0]}"
    if match := _SPELLED.search(name):
        return f"{match[1]}{match[2][0].lower()}"
    if match := _MINUTES.search(name):
        return timeframe_name(int(match[1]) * MINUTE_MS)
    return ""
