"""How many requests a server takes on at once: as many as it can answer in time. Pure.

A request waits for the event loop several times on its way, so the loop's lag is the queue. The limit falls by a part
of what is in flight whenever the lag is above its target and grows back by a part while it is below. A slow or hung
predictor leaves the loop idle and so never makes this server refuse anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """The limit lies between `least` and `most` requests; `target_s` is the loop's lag that it aims at.

    A request passes the loop about five times: 15 ms of lag make some 75 ms, which leaves every rung of a 150 ms
    ladder its slice. Fewer than `least` requests are no queue, whatever the machine does beside.
    """

    least: int = 96
    most: int = 1_024
    target_s: float = 0.015


_FALL: Final = 0.9
_GROWTH: Final = 1.05


class Admission:
    """The limit on requests in flight, and whether the server is strained."""

    def __init__(self, policy: AdmissionPolicy | None = None) -> None:
        self._policy = policy or AdmissionPolicy()
        self._limit = float(self._policy.most)
        self.strained = False

    @property
    def limit(self) -> int:
        """The most requests in flight, for now."""
        return int(self._limit)

    @property
    def most(self) -> int:
        """The most requests in flight that there may ever be."""
        return self._policy.most

    def admits(self, in_flight: int) -> bool:
        """Whether one more request can be answered in time beside those `in_flight`."""
        return in_flight < self._limit

    def observe(self, lag_s: float, in_flight: int) -> None:
        """Take notice of the loop's lag, seconds, while so many requests were in flight."""
        policy = self._policy
        self.strained = lag_s > policy.target_s
        if self.strained:
            self._limit = max(float(policy.least), min(self._limit, in_flight) * _FALL)
        else:
            self._limit = min(float(policy.most), self._limit * _GROWTH)
