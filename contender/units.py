"""Who a person is, whatever door they come by: one definition of what a unit id may be, and one form that it has.

An id is brought to its normal form where it comes in: blanks at its ends are cut off, its characters are in Unicode
form NFC, a whole number is its digits. Two spellings of one normal form are one person in assignment, exposures, files
and predictions. Case and everything inside an id are part of it.

The hash of an assignment does none of this but NFC, as GrowthBook's has no form of its own. Experiments that began
before ids had a normal form go on by the form they began with (`UnitForm.AS_SENT`): nobody changes the arm half-way.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from typing import Final

from contender.errors import InvalidInput

MAX_UNIT: Final = 256
"""The most characters that a unit id may have."""

_RAW: Final = 4 * MAX_UNIT
"""No text of more characters has `MAX_UNIT` of them in form NFC, which composes four at most to one."""

_EXACT: Final = 2**53
"""Up to here a float is the whole number that was meant."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d(\.\d+)?[eE]\+?\d+", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?\d+\.0+", re.ASCII)


class UnitForm(IntEnum):
    """By which form of their ids an experiment's units are told apart."""

    AS_SENT = 1
    """As they came, in NFC; blanks at the ends are part of an id."""
    NORMAL = 2
    """In normal form."""


def unit_id(unit: object, field: str) -> str:
    """The normal form of the `unit` that stands at `field`.

    Raises:
        InvalidInput: neither text nor whole number, or `fault_of` its text.

    >>> unit_id(" c-17 ", "unit_id"), unit_id(17, "unit_id"), unit_id("Zoe\\u0308", "unit_id")
    ('c-17', '17', 'Zoë')
    """
    text = text_of(unit)
    if text is None:
        raise InvalidInput(field, f"must be a text of 1 to {MAX_UNIT} characters, or a whole number")
    if _is_plain(text):
        return text
    if fault := fault_of(text):
        raise InvalidInput(field, fault)
    return normal(text)


def as_sent(unit: object) -> str:
    """The form that a `unit` with a normal form had before there was one."""
    return unicodedata.normalize("NFC", text_of(unit) or "")


def text_of(unit: object) -> str | None:
    """The text of an id as it came, or the digits of a whole number; None for anything else."""
    if isinstance(unit, str):
        return unit
    if isinstance(unit, bool) or not isinstance(unit, int | float):
        return None
    whole = isinstance(unit, int) or unit.is_integer()
    return str(int(unit)) if whole and abs(unit) <= (2**64 if isinstance(unit, int) else _EXACT) else None


def normal(text: str) -> str:
    """The normal form of an id's text; that of a normal form is itself.

    >>> normal("\\tc-17\\u00a0")
    'c-17'
    """
    bare = text.strip()
    return bare if bare.isascii() else unicodedata.normalize("NFC", bare).strip()


def key_of(text: str) -> str:
    """What two texts of one unit have in common, whether or not it can be an id: its normal form, unless endless."""
    bare = text.strip()
    return bare if len(bare) > _RAW else normal(bare)


def fault_of(text: str, most: int = MAX_UNIT) -> str:
    """Why the text cannot be an id of at most so many characters in normal form, empty if it can.

    >>> fault_of("c\\n17"), fault_of(" "), fault_of("c-17")
    ('holds control characters', 'is blank', '')
    """
    bare = text.strip()
    if not bare:
        return "is blank"
    if len(bare) > _RAW or len(normal(bare)) > most:
        return f"has more than {most} characters"
    if _CONTROL.search(bare):
        return "holds control characters"
    return "holds half of a character (a lone surrogate)" if _SURROGATE.search(bare) else ""


def is_damaged(text: str) -> bool:
    """Whether the id's text is what a spreadsheet leaves of a number: ``1.23E+15`` or ``36.0``.

    >>> is_damaged("1.23E+15"), is_damaged("36.0"), is_damaged("E-36")
    (True, True, False)
    """
    bare = text.strip()
    return bool(_SCIENTIFIC.fullmatch(bare) or _DECIMAL.fullmatch(bare))


def _is_plain(text: str) -> bool:
    """Whether the text is its own normal form at a glance, as nearly all are."""
    return text.isascii() and text.isprintable() and 0 < len(text) <= MAX_UNIT and text[0] != " " != text[-1]
