"""Watches a promotion from this process, by what the transformer recorded and by what the slot answers."""

from __future__ import annotations

import time

from cli.compose import Workplace
from contender.experiment.analysis import from_document
from contender.experiment.plan import Plan
from contender.release.bake import Baked, Clock, Limits, Patience, bake, breach_of
from contender.release.ports import Rates
from contender.release.state import Placed, ReleaseState


class StoreGuard:
    """Compares the answers since the promotion with those of the champion during the experiment."""

    def __init__(self, place: Workplace, state: ReleaseState) -> None:
        self._place, self._champion = place, state.champion
        self._generation = state.generation
        # A promotion is one routing write: the generation before it is the experiment's last.
        self._plan = plan_of(place, state)
        self._before = self._rates(state.generation - 1)

    def breach(self) -> str:
        """What speaks against the new champion now; an empty text while nothing does."""
        return self._silent(self._champion) or breach_of(
            self._before, self._rates(self._generation), limits_of(self._plan)
        )

    def _rates(self, generation: int) -> Rates:
        task = self._place.task
        return Rates(*self._place.store.champion_rates(task.name, generation, slow_ms=self._plan.slow_ms))

    def _silent(self, placed: Placed | None) -> str:
        answer = self._place.slots.answers(placed.slot) if placed else None
        wrong = placed is not None and answer != placed.version
        return f"slot {placed.slot} answers with version {answer}, not {placed.version}" if placed and wrong else ""


def plan_of(place: Workplace, state: ReleaseState) -> Plan:
    """The plan that the new champion was promoted under; the usual one where no experiment is on record."""
    version = state.champion.version if state.champion else ""
    known = map(from_document, reversed(place.store.experiments(place.task.name)))
    return next((one.plan for one in known if version in one.versions.values()), Plan())


def limits_of(plan: Plan) -> Limits:
    """The guardrails of the plan, which hold after the promotion as they did before."""
    margins = {"fallback": plan.fallback_margin, "review": plan.review_margin, "slow": plan.slow_margin}
    return Limits(margins, plan.guardrail_alpha)


def baked(place: Workplace, state: ReleaseState, seconds: float) -> Baked:
    """Watch the release in `state`, which is promoting, for that long; undone on a breach, else promoted."""
    guard = StoreGuard(place, state)
    return bake(place.release, guard, Patience(seconds), Clock(time.monotonic, time.sleep))
