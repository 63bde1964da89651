"""What all ids of a file together tell of a spreadsheet that took them for numbers. Pure, from counts.

A spreadsheet keeps 15 digits of a number and writes zeros for the others, and it drops zeros in front. One id alone
does not show it: some really end in zeros. An id that is a number in scientific form is a fault of its row (`columns`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from contender.tasks.rules import Issue
from monitoring.quality.findings import Finding

DIGITS: Final = 15
"""So many digits of a number does a spreadsheet keep."""

_LONGEST: Final = 40


class IdForm(NamedTuple):
    """How an id of digits is written: how many, whether with a zero in front, whether with zeros where it was cut."""

    width: int
    padded: bool
    rounded: bool


def forms_of(ids: Iterable[str]) -> Iterator[IdForm]:
    """The form of each id that consists of digits."""
    for text in ids:
        bare = text.strip()
        if bare.isascii() and bare.isdigit() and len(bare) <= _LONGEST:
            yield IdForm(len(bare), bare[0] == "0" and len(bare) > 1, not bare[DIGITS:].strip("0"))


def id_findings(forms: Mapping[IdForm, int], column: str) -> list[Finding]:
    """Ids that were rounded, where all long ones end in zeros; ids that lost their zeros, where others have them."""
    long = Counter({form: count for form, count in forms.items() if form.width > DIGITS})
    padded = {form.width for form in forms if form.padded}
    short = sum(count for form, count in forms.items() if not form.padded and form.width < min(padded, default=0))
    found = []
    if long and all(form.rounded for form in long):
        note = f"all ids of more than {DIGITS} digits end in zeros behind them: a spreadsheet has rounded them"
        found.append(_finding("ids_rounded", column, long.total(), note))
    if short and len(padded) == 1:
        note = "shorter than the ids that begin with 0: a spreadsheet has dropped their zeros"
        found.append(_finding("zeros_lost", column, short, note))
    return found


def _finding(code: str, column: str, count: int, note: str) -> Finding:
    return Finding(Issue.TYPE_ERROR, code, column, "alert", count, note=f"{note}; export them as text")
