"""Asks places: leaves the ejected ones alone, tells what became of every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from monitoring.metrics import ARM_FAILURES, ARM_LATENCY, EJECTED, EJECTIONS, Metrics
from serving.logs import LOGGER
from serving.transformer.ejection import Ejection
from serving.transformer.fallback import Reason, Rung
from serving.transformer.places import CallFailed, Place, Said

SLOW_SHARE: Final = 0.8
"""An answer that took more than this part of its time is slow: soon it will come too late."""

Rows = Sequence[Mapping[str, Any]]


class Ask(Protocol):
    """How a place is asked."""

    async def __call__(self, rung: Rung, rows: Rows, timeout_s: float) -> Said:
        """What the place of `rung` says; CallFailed when it does not."""
        ...


class Asking:
    """The `places` (``blue``, ``green``, ``baseline``) of `task`, each with its ejection.

    `clock` gives seconds that only grow, `jitter` chance in [0, 1).
    """

    def __init__(
        self,
        task: str,
        places: Mapping[str, Place],
        metrics: Metrics,
        clock: Callable[[], float],
        jitter: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._task, self._places, self._metrics, self._clock = task, places, metrics, clock
        self._ejections = {place: Ejection(clock, jitter=jitter) for place in places}
        for place in places:
            metrics.set(EJECTED, task, place, value=0)

    async def ask(self, rung: Rung, rows: Rows, timeout_s: float) -> Said:
        """What the place of `rung` says about `rows`.

        Raises:
            CallFailed: not within `timeout_s`, not as it should, or not asked because it is ejected or not known here.
        """
        ejection = self._ejections.get(rung.place)
        if ejection is None:
            raise CallFailed(Reason.UNREACHABLE)
        if not ejection.admits():
            raise CallFailed(Reason.EJECTED)
        began = self._clock()
        try:
            said = await self._call(rung, rows, timeout_s)
        except CallFailed as failure:
            self._metrics.add(ARM_FAILURES, self._task, rung.place, failure.reason)
            if failure.reason is Reason.REFUSED:
                # Whatever is wrong with the request, clients must not eject a place by sending it.
                ejection.abandoned(began)
            elif ejection.failed(began):
                self._tell(rung.place, ejected=True)
            raise
        except BaseException:
            ejection.abandoned(began)
            raise
        self._answered(rung.place, slow=self._clock() - began > SLOW_SHARE * timeout_s)
        return said

    async def _call(self, rung: Rung, rows: Rows, timeout_s: float) -> Said:
        began = self._clock()
        try:
            said = await self._places[rung.place].predict(rows, timeout_s)
        finally:
            self._metrics.observe(ARM_LATENCY, self._task, rung.place, value=self._clock() - began)
        if rung.version not in (None, said.version):
            raise CallFailed(Reason.WRONG_VERSION)
        return said

    def _answered(self, place: str, *, slow: bool) -> None:
        ejection = self._ejections[place]
        before = ejection.ejected
        ejection.succeeded(slow=slow)
        if ejection.ejected != before:
            self._tell(place, ejected=ejection.ejected)

    def _tell(self, place: str, *, ejected: bool) -> None:
        self._metrics.set(EJECTED, self._task, place, value=float(ejected))
        if ejected:
            self._metrics.add(EJECTIONS, self._task, place)
        LOGGER.warning("arm_ejected" if ejected else "arm_readmitted", extra={"fields": {"place": place}})
