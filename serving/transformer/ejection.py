"""Ejection of a place that keeps failing, so that a hung arm does not cost every request its slice. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_JITTER: Final = 0.3
"""The part of a wait that chance may take away, so that many transformers do not probe in step."""


@dataclass(frozen=True, slots=True)
class EjectionPolicy:
    """When a place is ejected and for how long.

    After `failures` in a row, or after `windows` in a row of `window_s` seconds in which at least `calls` were made
    and half of them failed or were slow, a place is left alone for `first_s` seconds; then one request probes it.
    Each failed probe doubles the wait up to `longest_s`; one success ends it. Of failures in a row, calls that were
    under way together count as one: a moment's standstill under load is not a dead place.
    """

    failures: int = 3
    windows: int = 2
    window_s: float = 1.0
    calls: int = 8
    first_s: float = 0.5
    longest_s: float = 5.0


@dataclass(slots=True)
class _Window:
    """Calls since `began`, and how many of them were bad; `bad_before` windows in a row were bad."""

    began: float
    calls: int = 0
    bad: int = 0
    bad_before: int = 0


def _never() -> float:
    return 0.0


class Ejection:
    """The state of one place. `clock` gives seconds that only grow, `jitter` chance in [0, 1)."""

    def __init__(
        self,
        clock: Callable[[], float],
        policy: EjectionPolicy | None = None,
        jitter: Callable[[], float] = _never,
    ) -> None:
        self._clock, self._policy, self._jitter = clock, policy or EjectionPolicy(), jitter
        self._failed, self._wait_s, self._until = 0, 0.0, 0.0
        self._probed_at: float | None = None
        self._last_failure = -math.inf
        self._window = _Window(clock())

    @property
    def ejected(self) -> bool:
        """Whether the place is out, be it probed or not."""
        return self._wait_s > 0

    def admits(self) -> bool:
        """Whether a request may go there now; of an ejected place, whether this request is the probe.

        Whoever is admitted must report `succeeded`, `failed` or `abandoned`.
        """
        if not self.ejected:
            return True
        now = self._clock()
        if self._probed_at is not None or now < self._until:
            return False
        self._probed_at = now
        return True

    def succeeded(self, *, slow: bool = False) -> bool:
        """The place answered as it should, or so but slowly; return whether that readmits it."""
        readmitted = self.ejected
        self._failed, self._wait_s, self._probed_at = 0, 0.0, None
        if self._keeps_failing(bad=slow):
            self._eject()
            return False
        return readmitted

    def failed(self, began: float) -> bool:
        """A call that `began` then was not answered as it should; return whether that ejects the place."""
        often = self._keeps_failing(bad=True)
        if began >= self._last_failure:
            self._last_failure = self._clock()
            self._failed += 1
        elif not often:
            return False
        if self._probed_at is None and (self.ejected or (self._failed < self._policy.failures and not often)):
            return False
        ejects = not self.ejected
        self._eject()
        return ejects

    def abandoned(self, began: float) -> None:
        """A call that `began` then ended without telling anything about the place."""
        # Of an ejected place only the probe was admitted: what began earlier is not the probe, which goes on.
        if self._probed_at is not None and began >= self._probed_at:
            self._probed_at = None

    def _eject(self) -> None:
        self._wait_s = min(max(self._wait_s * 2, self._policy.first_s), self._policy.longest_s)
        self._until = self._clock() + self._wait_s * (1 - _JITTER * self._jitter())
        self._probed_at = None
        self._window = _Window(self._clock())

    def _keeps_failing(self, *, bad: bool) -> bool:
        """Count a call; whether the window that it ends is one bad window too many."""
        now, policy, window = self._clock(), self._policy, self._window
        if now - window.began >= policy.window_s:
            was_bad = window.calls >= policy.calls and 2 * window.bad >= window.calls
            window = self._window = _Window(now, bad_before=window.bad_before + 1 if was_bad else 0)
        window.calls += 1
        window.bad += bad
        return window.bad_before >= policy.windows
