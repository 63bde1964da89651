from __future__ import annotations

import pytest

from contender.errors import InvalidInput
from contender.moments import AHEAD_S, BEFORE_S, EARLIEST, is_outcome, moment

NOW = 1_795_836_424.0


@pytest.mark.parametrize("at", [NOW, int(NOW), NOW - 86_400 * 365, NOW + AHEAD_S, EARLIEST])
def test_a_moment_that_has_happened_is_taken(at: float) -> None:
    assert moment(at, NOW, "at") == at


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW * 1e3, "lies in the future, and seems to be in milliseconds: seconds"),
        (NOW * 1e6, "lies in the future, and seems to be in microseconds: seconds"),
        (NOW * 1e9, "lies in the future, and seems to be in nanoseconds: seconds"),
        ((NOW - 86_400 * 3_650) * 1e3, "seems to be in milliseconds"),
        (NOW + AHEAD_S + 1, "lies in the future: seconds since the epoch are meant"),
        (NOW * 60, "lies in the future: seconds"),
        (1e300, "lies in the future: seconds"),
        (NOW / 60, "lies before the year 2000: seconds"),
        (NOW / 86_400, "lies before the year 2000: seconds"),
        (-1, "lies before the year 2000"),
        (float("nan"), "must be seconds"),
        (float("inf"), "must be seconds"),
        (True, "must be seconds"),
        ("2026-11-28", "must be seconds"),
        (None, "must be seconds"),
    ],
)
def test_another_unit_is_refused_by_name(at: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        moment(at, NOW, "at")
    assert caught.value.field == "at"


@pytest.mark.parametrize(
    ("at", "follows"),
    [
        (NOW, True),
        (NOW + AHEAD_S, True),
        (NOW + AHEAD_S + 1, False),
        (NOW - 3_600 - BEFORE_S, True),
        (NOW - 3_600 - BEFORE_S - 1, False),
        (NOW * 1e3, False),
    ],
)
def test_an_outcome_lies_between_its_answer_and_the_news_of_it(at: float, follows: bool) -> None:
    assert is_outcome(at, NOW - 3_600, NOW) == follows
