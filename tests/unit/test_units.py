from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.units import MAX_UNIT, as_sent, fault_of, is_damaged, key_of, normal, text_of, unit_id

ANY = st.text(st.characters(), max_size=12)
"""Lone surrogates and control characters too."""


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("c-17", "c-17"),
        ("c-17 ", "c-17"),
        ("\t c-17\r\n", "c-17"),
        ("\u00a0c-17\u3000", "c-17"),
        ("c 17", "c 17"),
        ("Zoe\u0308-7", "Zo\u00eb-7"),
        (17, "17"),
        (-17, "-17"),
        (17.0, "17"),
        (2**63, "9223372036854775808"),
        ("017", "017"),
        ("17.0", "17.0"),
        ("x" * MAX_UNIT + " ", "x" * MAX_UNIT),
        ("e\u0301" * MAX_UNIT, "\u00e9" * MAX_UNIT),
    ],
)
def test_an_id_has_one_form(sent: object, expected: str) -> None:
    assert unit_id(sent, "unit") == expected
    assert unit_id(expected, "unit") == expected


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ("", "is blank"),
        (" \u00a0\t", "is blank"),
        ("x" * (MAX_UNIT + 1), "has more than 256 characters"),
        ("\u00e9" * (MAX_UNIT + 1), "has more than 256 characters"),
        ("e\u0301" * (MAX_UNIT + 1), "has more than 256 characters"),
        ("x" * 1_000_000, "has more than 256 characters"),
        ("a\0b", "holds control characters"),
        ("a\x85b", "holds control characters"),
        ("\0", "holds control characters"),
        ("\ud83d", "holds half of a character"),
        (True, "must be a text"),
        (17.5, "must be a text"),
        (float("nan"), "must be a text"),
        (1e300, "must be a text"),
        (2.0**60, "must be a text"),
        (10**300, "must be a text"),
        (["c-17"], "must be a text"),
    ],
)
def test_what_cannot_be_an_id_is_told_and_not_repeated(sent: object, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        unit_id(sent, "unit")
    assert caught.value.field == "unit"
    assert "c-17" not in str(caught.value)


@given(ANY)
def test_the_normal_form_is_final_and_blind_to_ends_and_unicode_forms(text: str) -> None:
    form = normal(text)
    assert normal(form) == form
    assert unicodedata.is_normalized("NFC", form)
    assert normal(f" {text}\u2003") == form
    assert normal(unicodedata.normalize("NFD", text)) == form
    assert bool(fault_of(text)) == bool(fault_of(form))


@given(ANY)
def test_an_id_is_taken_with_its_normal_form_or_not_at_all(text: str) -> None:
    if fault_of(text):
        with pytest.raises(InvalidInput):
            unit_id(text, "unit")
    else:
        assert unit_id(text, "unit") == normal(text)


@given(st.integers() | st.floats() | st.booleans() | st.none())
def test_a_number_is_its_digits_or_no_id(number: object) -> None:
    text = text_of(number)
    assert text is None or int(text) == number


def test_before_there_was_a_normal_form_blanks_were_part_of_an_id() -> None:
    assert as_sent("c-17 ") == "c-17 "
    assert as_sent("Zoe\u0308 ") == "Zo\u00eb "
    assert as_sent(17) == "17"
    assert as_sent(None) == ""


@pytest.mark.parametrize(
    ("text", "damaged"),
    [
        ("1.23E+15", True), ("1E+20", True), ("1.5e12", True), ("36.0", True), (" 36.00 ", True),
        ("36", False), ("36.5", False), ("E-36", False), ("v1.0.0", False), ("12E", False), ("", False),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_leaves_of_a_number_is_seen(text: str, damaged: bool) -> None:
    assert is_damaged(text) == damaged


@given(ANY)
def test_two_texts_of_one_unit_have_one_key(text: str) -> None:
    assert key_of(text) == normal(text) == key_of(f"{text} ")


def test_an_endless_text_is_its_own_key() -> None:
    assert key_of(" " + "e\u0301" * 9_999) == "e\u0301" * 9_999
