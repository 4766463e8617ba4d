from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from stoptrail.exchange.client import public_only
from stoptrail.live.market.warnings import Redaction

secrets = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters="*"),
    min_size=6,
    max_size=40,
)


@given(secrets, st.sampled_from(["apiKey", "secret", "password", "uid", "token", "privateKey"]))
def test_a_secret_never_survives_plain_or_quoted(secret: str, name: str) -> None:
    redaction = Redaction({name: secret})
    shown = redaction.clean(f"<{secret}> <{quote(secret, safe='')}>")
    assert secret not in shown
    assert "<***>" in shown


def test_a_nested_secret_is_found() -> None:
    redaction = Redaction({"options": {"broker": {"secretKey": "deeply-hidden"}}})
    assert redaction.clean("x deeply-hidden y") == "x *** y"


def test_a_short_secret_does_not_eat_other_words() -> None:
    redaction = Redaction({"uid": "ab"})
    assert redaction.clean("ab about ab.") == "*** about ***."


def test_what_is_no_secret_stays() -> None:
    redaction = Redaction({"timeout": 5000, "enableRateLimit": False})
    assert redaction.clean("waited 5000 ms, False") == "waited 5000 ms, False"


def test_a_text_becomes_one_line() -> None:
    assert Redaction({}).clean("a\n  b\tc") == "a b c"


def test_credentials_are_left_out_and_the_rest_is_kept() -> None:
    config = {"apiKey": "a", "secret": "b", "urls": {"api": "c"}, "enableRateLimit": False}
    assert public_only(config) == {"urls": {"api": "c"}, "enableRateLimit": False}
