"""Text from outside, as it may be shown: without what a terminal would obey, and without
passwords and tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from pydantic import SecretStr


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's control, format, surrogate, private and unassigned characters, line breaks."""


def plain(text: object) -> str:
    """`text` on one line, without any character that a terminal would obey.

    Whitespace becomes single blanks; control and format characters (escape sequences,
    reversals of the writing direction) become their escapes, such as \\x1b.
    """
    return visible(" ".join(str(text).split()))


def close_to(name: str, names: Iterable[str]) -> str:
    """ "; did you mean ...?" with the closest of `names`, or nothing."""
    known = {known.upper(): known for known in names}
    matches = get_close_matches(name.upper(), known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(known[m] for m in matches)}?" if matches else ""


def short_moment(text: object) -> str:
    """A moment in ISO 8601, as files of a run have it, without what is plain: the day of a
    midnight, else with hours and minutes; "" for None."""
    day, _, rest = str(text or "").partition("T")
    return day if rest[:5] in ("", "00:00") else f"{day} {rest[:5]}"


def shortened(text: str, most: int) -> str:
    """`text` in at most so many characters, the last of them three dots where it was longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def number_of(count: float, one: str, more: str = "") -> str:
    """`count` with its noun, and a verb where there is one: "1 candle", "2,345 candles"; `more` is
    the plural where it is not `one` with an s."""
    return f"{count:,.0f} {one if round(count) == 1 else more or f'{one}s'}"


def chance_text(probability: float) -> str:
    """A probability in per cent, which is never told as a certainty: what rounds to 0 % or 100 %
    is "under 1%" or "over 99%"."""
    if probability < 0.005:
        return "under 1%"
    return "over 99%" if probability >= 0.995 else f"{probability:.0%}"


def setting_text(value: object) -> str:
    """A setting's value as one would write it in a sentence: the parts of exits.scale_out as
    "1/2 at 1, 1/4 at 2", an empty list as "none"."""
    if not isinstance(value, list | tuple):
        return str(value)
    parts = [each for each in value if isinstance(each, dict) and {"at", "fraction"} <= {*each}]
    if len(parts) < len(value):
        return str(value)
    told = (f"{_share(each['fraction'])} at {each['at']:.10g}" for each in parts)
    return ", ".join(told) or "none"


def _share(fraction: float) -> str:
    """Halves, thirds and quarters as such, else a decimal."""
    near = Fraction(fraction).limit_denominator(4)
    return str(near) if abs(near - fraction) < 1e-9 else f"{fraction:.10g}"


def visible(text: str) -> str:
    """`text` with its escapes in place of control and format characters, but for newlines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in _HIDDEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


HIDDEN = "***"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_FOLDER = re.compile(r"%2[Ff][A-Za-z0-9._%-]*(?::[0-9]{1,5})?")
"""A socket's folder in the place of a host."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}([^\s'\",)]*[@?][^\s'\",)]*)")
"""An address with something before an @, or with parameters; as a path it has one slash."""
_WORD = re.compile(r"\w+")
_PARAMETERS = frozenset({"host", "port", "user", "password", "dbname", "service", "sslmode"})
"""Names in an address that messages speak of too."""
_SHORT = 3
"""Parts of a secret below this length occur in any text."""


def revealed(secret: str | SecretStr) -> str:
    """The text of a secret, to be used and not shown."""
    return secret if isinstance(secret, str) else secret.get_secret_value()


def public_url(url: str, *, path: bool = True) -> str:
    """`url` without user, password, parameters and, unless `path`, whatever follows the host.

    Passwords are often written with '@', '/', '?' or '#' in them, and addresses without a
    scheme: where it is not certain which part is the host, none is shown.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return HIDDEN
    if scheme == "sqlite":  # a file's path
        return url.partition("?")[0]
    before, at, after = rest.rpartition("@")
    if at and re.search("[?#]", before):
        return f"{scheme}://{HIDDEN}"
    bare = re.split("[?#]", after, maxsplit=1)[0]
    host, slash, place = bare.partition("/")
    if _FOLDER.fullmatch(host):
        host = HIDDEN
    elif host and not _HOST.fullmatch(host):
        return f"{scheme}://{HIDDEN}"
    hidden = f"{HIDDEN}@" if at else ""
    more = f"?{HIDDEN}" if len(after) > len(bare) else ""
    if not path:
        return f"{scheme}://{hidden}{host}" + (f"/{HIDDEN}" if place or more else "")
    return f"{scheme}://{hidden}{host}{slash}{place}{more}"


def scrubbed(text: str) -> str:
    """`text` with every address in it as it may be shown."""
    return _ADDRESS.sub(lambda found: public_url(f"{found[1]}://{found[2]}"), text)


def without_secrets(text: str, url: str) -> str:
    """`text`, which may quote `url` or parts of it, with these replaced; parts that are words,
    such as a user's name, only where they stand as such."""
    public = public_url(url)
    for part in sorted(set(_parts(url)) - _PARAMETERS, key=len, reverse=True):
        if len(part) < _SHORT or part in public:
            continue
        if _WORD.fullmatch(part):
            text = re.sub(rf"(?<!\w){part}(?!\w)", HIDDEN, text)
        else:
            text = text.replace(part, HIDDEN)
    return text


def _parts(url: str) -> Iterator[str]:
    """The address, its pieces between separators, and both as they may be quoted."""
    _, _, rest = url.partition("://")
    credentials = rest.rpartition("@")[0]
    secret = credentials.partition(":")[2]
    values = [pair.partition("=")[2] for pair in re.split("[?&]", rest)[1:]]
    pieces = [url, rest, credentials, secret, *values, *re.split(r"[:/@?#&=;]", rest)]
    for piece in pieces:
        yield from (piece, unquote(piece), quote(piece, safe=""))
