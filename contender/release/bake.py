"""Baking: a promoted challenger is watched for a while, and gives its traffic back by itself if it misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from contender.errors import Conflict, ContenderError
from contender.experiment.statistics.bernoulli import Count, excess_p_value
from contender.release.executor import Release
from contender.release.ports import Rates
from contender.release.state import Phase, ReleaseState


@dataclass(frozen=True, slots=True)
class Limits:
    """How much more often a fault may be met than before, as an absolute difference, and the level of each test."""

    margins: Mapping[str, float] = field(default_factory=lambda: {"fallback": 0.01, "review": 0.1, "slow": 0.02})
    alpha: float = 0.01


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a bake lasts and how often it is looked at, in seconds, and how many looks in a row may see nothing."""

    seconds: float
    every_s: float = 1.0
    blind_looks: int = 3


class Guard(Protocol):
    """Watches a new champion."""

    def breach(self) -> str:
        """What speaks against it now; an empty text while nothing does. Raises a `ContenderError` if it cannot tell."""
        ...


class Baked(NamedTuple):
    """How a bake ended: the state it led to, and the breach that it was undone for, or an empty text."""

    state: ReleaseState
    breach: str


class Clock(NamedTuple):
    """Seconds that only grow, and a way to let some of them pass."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def bake(release: Release, guard: Guard, patience: Patience, clock: Clock) -> Baked:
    """Watch a release that is `promoting`: undone at the first breach, or if nothing can be seen; else promoted.

    Raises:
        Conflict: another process took the release on.
    """
    end, blind = clock.now() + patience.seconds, 0
    while True:
        if release.state().phase is not Phase.PROMOTING:
            raise Conflict("the release is no longer baking: another process took it on", remedy="contender status")
        breach, seen = _look(guard)
        blind = 0 if seen else blind + 1
        if breach and (seen or blind >= patience.blind_looks):
            return Baked(release.undo(f"while baking: {breach}"), breach)
        left = end - clock.now()
        if seen and left <= 0:
            return Baked(release.baked(), "")
        clock.sleep(min(patience.every_s, left) if left > 0 else patience.every_s)


def breach_of(before: Rates, now: Rates, limits: Limits) -> str:
    """Which fault is met more often `now` than `before` by more than its margin; an empty text if none is.

    Each test is exact and may be repeated at every look (`excess_p_value`), so that a healthy champion is undone with
    a probability of at most `limits.alpha` for each fault, however long it bakes.
    """
    for name, margin in limits.margins.items():
        old, new = _count(before, name), _count(now, name)
        if excess_p_value(old, new, margin) <= limits.alpha:
            return f"{name} rate {new.rate:.1%} of {new.trials} units, before it was {old.rate:.1%}"
    return ""


def _count(rates: Rates, name: str) -> Count:
    return Count(rates.faults.get(name, 0), rates.units)


def _look(guard: Guard) -> tuple[str, bool]:
    """The breach, and whether the guard could see at all."""
    try:
        return guard.breach(), True
    except ContenderError as error:
        return f"the guardrails cannot be read: {error.message}", False
