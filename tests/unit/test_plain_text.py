"""What others wrote is shown, and does nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from contender.plain_text import one_line, shown, visible

ACTS = ("Cc", "Cs", "Zl", "Zp")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("complaints\x1b[1A\x1b[2K", "complaints\\x1b[1A\\x1b[2K"),
        ("a\rb", "a\\rb"),
        ("\x9b31m", "\\x9b31m"),
        ("approved\u202egnp", "approved\\u202egnp"),
        ("caf\udce9.csv", "caf\\xe9.csv"),
        ("Łódź · 東京 🎉", "Łódź · 東京 🎉"),
        ("two\n\tlines", "two\n\tlines"),
    ],
)
def test_what_could_act_is_shown_by_its_number(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_value_stays_on_its_line() -> None:
    assert one_line("by hand\n   7  promote\t\u2028x") == "by hand\\n   7  promote\\t\\u2028x"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_acts_is_left_and_any_text_can_be_encoded(text: str) -> None:
    assert not [letter for letter in one_line(text) if unicodedata.category(letter) in ACTS]
    assert one_line(visible(text)) == one_line(text)
    visible(text).encode()


def test_in_a_page_only_texts_are_shown_so() -> None:
    markup = Markup("<b>\x1b</b>")
    assert shown("\x1b") == "\\x1b"
    assert shown(markup) is markup
    assert shown(3) == 3
