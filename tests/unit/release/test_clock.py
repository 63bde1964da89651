"""When a clock is believed."""

import math

import pytest

from contender.release.audit import LEAST_RETENTION_S
from contender.release.clock import LONGEST_SLEEP_S, SKEW_S, doubt

NOW = 1_800_000_000.0


@pytest.mark.parametrize("written", [[], [NOW], [NOW + SKEW_S], [0.0, NOW - LONGEST_SLEEP_S], [math.nan, math.inf]])
def test_a_clock_that_nothing_speaks_against_is_believed(written: list[float]) -> None:
    assert doubt(NOW, written) == ""


def test_a_clock_before_the_newest_record_is_behind() -> None:
    assert doubt(NOW, [NOW - 9, NOW + SKEW_S + 1]).endswith("it is behind")


def test_a_clock_long_after_the_newest_record_is_doubted() -> None:
    told = doubt(NOW, [0.0, NOW - LONGEST_SLEEP_S - 60])
    assert "the clock says 2027-01-15 08:00:00 UTC, and nothing was written for 31 days" in told


def test_no_sleep_that_is_believed_is_as_long_as_a_retention() -> None:
    assert LONGEST_SLEEP_S < LEAST_RETENTION_S
