import zlib

import pytest

from contender.tasks.job_role.phrases import MAX_WORDS, WORD_NUMBERS, normalise, phrase_hash, phrases, word_numbers


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("Microsoft Word", "microsoft word"),
        ("  MICROSOFT   word. ", "microsoft word"),
        ("Dun & Bradstreet", "dun bradstreet"),
        ("SAS/STAT", "sas stat"),
        ("Straße", "strasse"),
        ("Ｐｙｔｈｏｎ", "python"),
        ("日本語", "日本語"),
        (" - ", ""),
    ],
)
def test_a_phrase_has_one_spelling(written: str, spelt: str) -> None:
    assert normalise(written) == spelt
    assert normalise(spelt) == spelt


def test_c_and_its_relatives_stay_apart() -> None:
    assert len({normalise(name) for name in ("C", "C++", "C#")}) == 3


@pytest.mark.parametrize("text", ["SQL; Python; sql;", "python;SQL", "Python\nSQL", "Python | SQL | ;;"])
def test_a_list_is_a_set_of_phrases(text: str) -> None:
    assert phrases(text) == ["python", "sql"]


@pytest.mark.parametrize("text", ["", ";;", " ; - ; "])
def test_a_list_may_hold_nothing(text: str) -> None:
    assert phrases(text) == []


@pytest.mark.parametrize(("text", "value"), [("123456789", 0xCBF43926), ("", 0)])
def test_the_hash_is_crc_32(text: str, value: int) -> None:
    """Check value of CRC-32/ISO-HDLC: *Catalogue of parametrised CRC algorithms*, reveng.sourceforge.io."""
    assert phrase_hash(text) == value


def test_words_have_numbers_and_no_number_is_zero() -> None:
    assert word_numbers("sql server")[0] == word_numbers("oracle sql")[1] == 1 + zlib.crc32(b"sql") % WORD_NUMBERS
    assert len(word_numbers("one two three four five six")) == MAX_WORDS
    assert all(1 <= word_numbers(str(word))[0] <= WORD_NUMBERS for word in range(1000))
