"""Whether the clock of a command can be believed, by what the house itself has written down. Pure.

What deletes, or ends a way back, once enough time has passed asks here first: a battery that is empty or a slip of a
year would make everything old at once, and nothing brings it back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Final

from contender.moments import DAY_S

SKEW_S: Final = 3_600.0
"""By how much the clocks of one house may differ, in seconds."""

LONGEST_SLEEP_S: Final = 31 * DAY_S
"""For how long a house may have written nothing before its clock is doubted, in seconds: less than any retention."""


def doubt(now: float, written: Iterable[float]) -> str:
    """Why a clock that says `now` is not believed, given when things were `written`; empty if nothing is against it.

    All times are in seconds since the epoch.
    """
    newest = max((at for at in written if math.isfinite(at)), default=now)
    if newest - now > SKEW_S:
        return f"the clock says {utc(now)}, and the newest record is of {utc(newest)}: it is behind"
    if now - newest > LONGEST_SLEEP_S:
        days = (now - newest) / DAY_S
        return f"the clock says {utc(now)}, and nothing was written for {days:,.0f} days, since {utc(newest)}"
    return ""


def utc(at: float) -> str:
    """A time as people read it, in UTC to the second.

    >>> utc(0.0)
    '1970-01-01 00:00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
