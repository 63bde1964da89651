"""How far a ramp is, and whether its next step may be taken: enough units seen, and nothing that speaks against it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from contender.experiment.analysis import Experiment
from contender.experiment.data import ExperimentData
from contender.experiment.decision import Verdict
from contender.experiment.plan import Step
from contender.values import CHAMPION


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a ramp stands: `step` of `steps`, from 1 on, at `share`.

    `units` are the challengers' units first seen in this step, of `needed` at least. `next_share` is None at the last
    step. `against` says why the next step must wait, an empty text when it need not.
    """

    step: int
    steps: int
    share: float
    units: int
    needed: int
    next_share: float | None
    against: str

    @property
    def ready(self) -> bool:
        """Whether there is a next step and nothing speaks against it."""
        return self.next_share is not None and not self.against

    def to_document(self) -> dict[str, Any]:
        """The progress as plain JSON values."""
        return asdict(self) | {"ready": self.ready}


def progress(experiment: Experiment, data: ExperimentData, verdict: Verdict) -> Progress:
    """How far the ramp of `experiment` is, by what was observed of it and the verdict on that.

    A guardrail, an unsound experiment or a challenger that is worse stops the ramp; that the metric says nothing yet
    does not.
    """
    ramp = experiment.plan.ramp or (Step(experiment.plan.challenger_share),)
    share = experiment.shares[-1][1] if experiment.shares else 0.0
    at = max((number for number, step in enumerate(ramp) if step.share <= share), default=0)
    following = ramp[at + 1].share if at + 1 < len(ramp) else None
    units = _units_in_step(data, experiment.shares[-1][0] if experiment.shares else 0)
    return Progress(
        at + 1, len(ramp), share, units, ramp[at].units, following, _against(verdict, units, ramp[at].units)
    )


def _units_in_step(data: ExperimentData, generation: int) -> int:
    """Challengers' units first seen since the present share began; the champion's do not say how the ramp fares."""
    phases = [phase for phase in data.phases if phase.generation >= generation]
    return sum(count for phase in phases for arm, count in phase.units.items() if arm != CHAMPION)


def _against(verdict: Verdict, units: int, needed: int) -> str:
    if verdict.decision in ("roll back", "error") or verdict.health:
        return verdict.reason
    return f"{units:,} of {needed:,} units seen in this step" if units < needed else ""
