"""Text from outside: no terminal obeys it, and rich takes none of it for markup."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stoptrail.core.json import json_text
from stoptrail.core.text import number_of, plain, scrubbed, setting_text, short_moment
from stoptrail.terminal import Terminal, safe

HOSTILE = ("\x1b[2J", "\x9b31m", "\x07", "\u202eevil", "a\rb", "\x7f", "\ud800", "\u2028")


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_become_visible(text: str) -> None:
    assert plain(f"a {text} b").isprintable()
    assert plain(f"a {text} b").startswith("a ")


def test_ordinary_text_stays_as_it_is() -> None:
    for text in ("BTC/USDT", "größer als 5 €", "日本語", "a_b-c.d [x]"):
        assert plain(text) == text
    assert plain(" a\n\tb  c ") == "a b c"


@given(st.text())
def test_one_printable_line_comes_of_any_text(text: str) -> None:
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


@given(st.text(alphabet="[]/\\abc=#@ \x1b", max_size=30))
def test_nothing_is_taken_for_markup(text: str) -> None:
    found = Text.from_markup(safe(text), emoji=False)
    assert not found.spans
    # Rich itself takes a backslash before a bracket away, or doubles one at the end.
    assert found.plain.replace("\\", "") == plain(text).replace("\\", "")
    Console(file=io.StringIO()).print(Table(safe(text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_obeys_nothing_that_is_printed(text: str) -> None:
    out = io.StringIO()
    console = Terminal(file=out, width=80, force_terminal=True, color_system=None)
    table = Table("x", title=text)
    table.add_row(text)
    console.print(table, markup=False)
    console.print(f"a {text}", markup=False)
    assert all(c.isprintable() or c in "\n" for c in out.getvalue().replace("\x1b[0m", ""))


def test_json_on_a_terminal_is_the_same_value_without_control_characters() -> None:
    value = {"x": "\x1b\x9b\u202e\x7f ä"}
    assert json.loads(json_text(value)) == value
    assert json_text(value).isprintable()


@pytest.mark.parametrize("slashes", ["//", "/"])
def test_the_password_of_an_address_is_hidden_also_where_it_was_taken_for_a_path(
    slashes: str,
) -> None:
    said = f"https:{slashes}u:secret@host/x: no finished run there"
    assert scrubbed(said) == "https://***@host/x: no finished run there"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "none"),
        ([{"at": 1.0, "fraction": 0.5}, {"at": 2.5, "fraction": 0.25}], "1/2 at 1, 1/4 at 2.5"),
        ([{"at": 1.0, "fraction": 1 / 3}, {"at": 2, "fraction": 0.3}], "1/3 at 1, 0.3 at 2"),
        ([{"at": 4.0, "fraction": 1.0}], "1 at 4"),
        ([[0.0, 0.005], [50000.0, 0.01]], "[[0.0, 0.005], [50000.0, 0.01]]"),
        (3.0, "3.0"),
        ("chandelier", "chandelier"),
    ],
)
def test_a_setting_is_written_as_in_a_sentence(value: object, told: str) -> None:
    assert setting_text(value) == told


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 candles"),
        (1, "1 candle"),
        (1.0, "1 candle"),
        (2, "2 candles"),
        (12345, "12,345 candles"),
    ],
)
def test_one_is_told_as_one_and_more_as_more(count: float, said: str) -> None:
    assert number_of(count, "candle") == said


def test_a_verb_goes_with_its_number() -> None:
    said = [number_of(count, "trade is a short", "trades are shorts") for count in (1, 2)]
    assert said == ["1 trade is a short", "2 trades are shorts"]


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2022-06-13T00:00:00Z", "2022-06-13"),
        ("2022-06-13T03:45:00Z", "2022-06-13 03:45"),
        ("2022-06-13", "2022-06-13"),
        (None, ""),
    ],
)
def test_a_moment_within_a_day_keeps_its_hour(moment: str | None, said: str) -> None:
    assert short_moment(moment) == said
