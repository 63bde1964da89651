"""The fallback ladder: whom to ask, in which order, for how long, and what to make of the answer. Pure.

Assigned arm → champion → baseline → a person. The last rung is made in-process and cannot fail.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from contender.routing import Arm
from contender.values import BASELINE, FallbackPolicy, Prediction

FIRST_SHARE: Final = 0.6
"""The part of the time left that a rung may use while others stand below it; the last one may use all of it.

Of 150 ms a challenger gets 90, then the champion 36, then the baseline 24; an assigned champion 90, the baseline 60.
"""

ROW_MS: Final = 0.5
"""Time that each further row of a batch adds to the deadline: a batch is one request, but not one row's work."""


class Reason(StrEnum):
    """Why an answer is not the assigned arm's own."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    ERROR = "error"
    REFUSED = "refused"
    BAD_ANSWER = "bad_answer"
    WRONG_VERSION = "wrong_version"
    EJECTED = "ejected"
    NO_ROUTING = "no_routing"
    NO_TIME = "no_time"
    SUSPENDED = "suspended"
    LOW_CONFIDENCE = "low_confidence"


class Rung(NamedTuple):
    """One place to ask: `served_by` is its name in replies, `version` what it must answer with (None: any)."""

    served_by: str
    place: str
    version: str | None


class Verdict(NamedTuple):
    """What the client is told, and why when that is not the model's own label."""

    label: str
    reason: Reason | None


FLOOR: Final = Rung(BASELINE, BASELINE, None)


def ladder(assigned: Arm, champion: Arm) -> tuple[Rung, ...]:
    """The rungs for a unit of `assigned`, best first."""
    rungs = [Rung(assigned.name, assigned.slot, assigned.version)]
    if champion.slot != assigned.slot:
        rungs.append(Rung(champion.name, champion.slot, champion.version))
    return (*rungs, FLOOR)


def budget_ms(policy: FallbackPolicy, rows: int) -> float:
    """The time that the whole ladder has for a request of `rows`."""
    return policy.deadline_ms + ROW_MS * (rows - 1)


def share_of(left: float, rungs_below: int) -> float:
    """The time a rung may use of what is `left`, with `rungs_below` still to come."""
    return left * FIRST_SHARE if rungs_below else left


def judge(prediction: Prediction, policy: FallbackPolicy) -> Verdict:
    """The model's label when it is sure enough, else the label that hands the case to a person."""
    if prediction.confidence < policy.min_confidence:
        return Verdict(policy.label, Reason.LOW_CONFIDENCE)
    return Verdict(prediction.label, None)
