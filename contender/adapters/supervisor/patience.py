"""How long the supervisor waits for what, and how it backs off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds.

    `poll`: between looks at desired and processes. `probe_starting`, `probe_steady`: between questions to a process
    before and after it is ready; `probe_timeout`: how long each may take. `start`: from spawn to ready. `hung`: of
    silence before a living process is killed. `grace`: for an orderly stop. `backoff`, `backoff_cap`: first and
    longest wait before a restart. `stable`: of readiness after which earlier failures are forgotten.
    """

    poll: float = 0.05
    probe_starting: float = 0.1
    probe_steady: float = 0.5
    probe_timeout: float = 1.0
    start: float = 60.0
    hung: float = 10.0
    grace: float = 10.0
    backoff: float = 0.1
    backoff_cap: float = 10.0
    stable: float = 10.0

    def delay(self, failures: int, chance: float) -> float:
        """The wait before restart number `failures` (from 1): doubling, capped, its upper half drawn by `chance`.

        `chance` lies in [0, 1); processes that died together do not come back together.
        """
        longest = min(self.backoff_cap, self.backoff * 2.0 ** min(failures - 1, 32))
        return longest * (0.5 + 0.5 * chance)
