"""When something happened, as others tell it: seconds since the epoch, held against the clock.

Programs count in seconds, milliseconds, microseconds or nanoseconds. Whoever takes one for another places an event
thousands of years away, where it silently counts for nothing.
"""

from __future__ import annotations

import math
from typing import Final

from contender.errors import InvalidInput

DAY_S: Final = 86_400.0

AHEAD_S: Final = 300.0
"""The clocks of two machines may differ by this; what is further ahead has not happened."""

EARLIEST: Final = 946_684_800.0
"""The year 2000: what is told of an earlier moment is told in another unit than seconds."""

BEFORE_S: Final = DAY_S
"""What happened longer before an answer is no outcome of it, whatever clocks and time zones say."""

_SMALLER: Final = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


def moment(at: object, now: float, field: str) -> float:
    """The moment `at`, told at `now`, in seconds since the epoch.

    Raises:
        InvalidInput: it is none, lies in the future or before the year 2000; names the unit that it seems to be in.

    >>> moment(1_795_836_424, 1_795_836_500.0, "at")
    1795836424.0
    """
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise InvalidInput(field, "must be seconds since the epoch")
    if _is_past(at, now):
        return float(at)
    seems = next((f", and seems to be in {unit}" for unit, parts in _SMALLER if _is_past(at / parts, now)), "")
    where = "in the future" if at > now else "before the year 2000"
    raise InvalidInput(field, f"lies {where}{seems}: seconds since the epoch are meant")


def is_outcome(at: float, answered_at: float, received_at: float) -> bool:
    """Whether what happened `at` can have followed an answer of `answered_at`, and be told of at `received_at`.

    >>> is_outcome(1_795_836_424_000.0, 1_795_836_000.0, 1_795_836_424.0)
    False
    """
    return answered_at - BEFORE_S <= at <= received_at + AHEAD_S


def _is_past(at: float, now: float) -> bool:
    return EARLIEST <= at <= now + AHEAD_S
