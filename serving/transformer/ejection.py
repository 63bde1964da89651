"""Ejection of a place that keeps failing, so that a hung arm does not cost every request its slice. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EjectionPolicy:
    """When a place is ejected and for how long.

    After `failures` in a row it is left alone for `first_s` seconds; then one request probes it. Each failed probe
    doubles the wait up to `longest_s`; one success ends it. Calls that were under way together count as one failure:
    a moment's standstill under load is not a dead place.
    """

    failures: int = 3
    first_s: float = 0.5
    longest_s: float = 5.0


class Ejection:
    """The state of one place. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float], policy: EjectionPolicy | None = None) -> None:
        self._clock, self._policy = clock, policy or EjectionPolicy()
        self._failed, self._wait_s, self._until, self._probing = 0, 0.0, 0.0, False
        self._last_failure = -math.inf

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
        if self._probing or self._clock() < self._until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> bool:
        """The place answered as it should; return whether that readmits it."""
        readmitted = self.ejected
        self._failed, self._wait_s, self._probing = 0, 0.0, False
        return readmitted

    def failed(self, began: float) -> bool:
        """A call that `began` then was not answered as it should; return whether that ejects the place."""
        if began < self._last_failure:
            return False
        self._last_failure = self._clock()
        self._failed += 1
        if not self._probing and (self.ejected or self._failed < self._policy.failures):
            return False
        ejects = not self.ejected
        self._wait_s = min(max(self._wait_s * 2, self._policy.first_s), self._policy.longest_s)
        self._until = self._clock() + self._wait_s
        self._probing = False
        return ejects

    def abandoned(self) -> None:
        """The call ended without telling anything about the place."""
        self._probing = False
