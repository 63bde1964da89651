"""Watches a promotion from this process, by what the transformer recorded and by what the slot answers."""

from __future__ import annotations

import time

from cli.compose import Workplace
from contender.release.bake import Baked, Clock, Limits, Patience, bake, breach_of
from contender.release.ports import Rates
from contender.release.state import Placed, ReleaseState


class StoreGuard:
    """Compares the answers since the promotion with those of the champion during the experiment."""

    def __init__(self, place: Workplace, state: ReleaseState) -> None:
        self._place, self._champion = place, state.champion
        self._generation = state.generation
        # A promotion is one routing write: the generation before it is the experiment's last.
        self._before = self._rates(state.generation - 1)

    def breach(self) -> str:
        """What speaks against the new champion now; an empty text while nothing does."""
        return self._silent(self._champion) or breach_of(self._before, self._rates(self._generation), Limits())

    def _rates(self, generation: int) -> Rates:
        task = self._place.task
        return Rates(*self._place.store.champion_rates(task.name, generation, slow_ms=task.policy.deadline_ms))

    def _silent(self, placed: Placed | None) -> str:
        answer = self._place.slots.answers(placed.slot) if placed else None
        wrong = placed is not None and answer != placed.version
        return f"slot {placed.slot} answers with version {answer}, not {placed.version}" if placed and wrong else ""


def baked(place: Workplace, state: ReleaseState, seconds: float) -> Baked:
    """Watch the release in `state`, which is promoting, for that long; undone on a breach, else promoted."""
    guard = StoreGuard(place, state)
    return bake(place.release, guard, Patience(seconds), Clock(time.monotonic, time.sleep))
