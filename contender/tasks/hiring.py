"""What can be measured of every answer about hiring, whichever question was asked."""

from __future__ import annotations

from typing import Final

from contender.metrics import PlannedMetric
from contender.moments import DAY_S

HIRING_MEASURES: Final = (
    # A recruiter who acts on an answer does so within days; whoever has not by then did not accept it.
    PlannedMetric("acceptance", type="proportion", window_s=7 * DAY_S, default=0.0, smallest_effect=0.02),
    # From answer to contract takes weeks; nobody reports that somebody was not hired.
    PlannedMetric("hire", type="proportion", window_s=60 * DAY_S, default=0.0, smallest_effect=0.01),
)
"""Whether a recruiter acted on the answer, and whether the person was hired."""
