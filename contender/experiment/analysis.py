"""A running experiment and the looks at it: from the store's aggregates to a verdict that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, Self

from contender.errors import InvalidInput
from contender.experiment.data import NO_PAIRS, NOTHING, ArmData, ExperimentData, Phase, PhaseCount
from contender.experiment.decision import Verdict, judge
from contender.experiment.evidence import Look, look_from
from contender.experiment.plan import Plan, from_json
from contender.values import CHALLENGER, CHAMPION

RUNNING: Final = "running"
STOPPED: Final = "stopped"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: its plan, which cannot change any more, and the shares that it went through.

    `shares` holds, for each step of the ramp, the routing generation it began with and the challenger's share. Rewards
    count only from the step that gives the planned share: pooling steps of different shares would confound the arms
    with time, and judging each would spend α anew. Guardrails and the sample ratio look at all of it.
    """

    id: str
    task: str
    salt: str
    plan: Plan
    champion: str
    challenger: str
    started_at: float
    shares: tuple[tuple[int, float], ...]
    status: str = RUNNING

    def stepped(self, generation: int, share: float) -> Self:
        """The experiment after the challenger got `share` in routing `generation`; the same share again is no step."""
        if self.shares and (self.shares[-1][0] >= generation or self.shares[-1][1] == share):
            return self
        return replace(self, shares=(*self.shares, (generation, share)))

    def stopped(self) -> Self:
        """The experiment after its end."""
        return replace(self, status=STOPPED)

    @property
    def at_full_share(self) -> bool:
        """Whether the ramp has reached the plan's share."""
        return bool(self.shares) and self.shares[-1][1] >= self.plan.challenger_share

    def to_document(self) -> dict[str, Any]:
        """The experiment as plain JSON values, its plan's digest among them."""
        return {
            "id": self.id,
            "task": self.task,
            "salt": self.salt,
            "plan": json.loads(self.plan.to_json()),
            "plan_digest": self.plan.digest,
            "champion": self.champion,
            "challenger": self.challenger,
            "started_at": self.started_at,
            "shares": [list(step) for step in self.shares],
            "status": self.status,
        }


def from_document(document: Mapping[str, Any]) -> Experiment:
    """The experiment that `Experiment.to_document` wrote.

    Raises:
        InvalidInput: its plan is not the one it began with.
    """
    plan = from_json(json.dumps(document["plan"]))
    if plan.digest != document["plan_digest"]:
        raise InvalidInput("experiment.plan", "was changed after the start", remedy="start a new experiment")
    names = ("id", "task", "salt", "champion", "challenger", "started_at", "status")
    shares = tuple((int(generation), float(share)) for generation, share in document["shares"])
    return Experiment(**{name: document[name] for name in names}, plan=plan, shares=shares)


class ExperimentStore(Protocol):
    """What the analysis needs of the store."""

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        """The aggregates by arm, from that routing generation on, kept up to date with every record."""
        ...

    def phase_counts(self, experiment_id: str) -> Sequence[PhaseCount]:
        """Units by the generation in which they were first seen, oldest first."""
        ...

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        """All earlier looks, oldest first."""
        ...

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        """Keep a look for good."""
        ...


def observe(store: ExperimentStore, experiment: Experiment) -> ExperimentData:
    """What has been seen of the experiment: counts over all of it, rewards at the planned share, and its phases."""
    whole = store.experiment_data(experiment.id)
    # A unit that a larger share moved to the challenger has not crossed: only within a step must nobody move.
    step = store.experiment_data(experiment.id, experiment.shares[-1][0]) if experiment.shares else whole
    arms = {name: _at_full_share(arm, step.arms.get(name), experiment) for name, arm in whole.arms.items()}
    phases = tuple(_phase(experiment, count) for count in store.phase_counts(experiment.id))
    return replace(whole, arms=arms, crossed_units=step.crossed_units, phases=phases)


def _at_full_share(whole: ArmData, step: ArmData | None, experiment: Experiment) -> ArmData:
    if step is None or not experiment.at_full_share:
        groups = {name: group._replace(reward=NOTHING) for name, group in whole.groups.items()}
        return replace(whole, reward=NOTHING, baseline=NO_PAIRS, groups=groups)
    return replace(whole, reward=step.reward, baseline=step.baseline, groups=step.groups)


def look(store: ExperimentStore, experiment: Experiment) -> Verdict:
    """The verdict on the experiment now, kept as its next look."""
    earlier = store.looks(experiment.id)
    before = look_from(earlier[-1]["verdict"]["look"]) if earlier else Look()
    verdict = judge(observe(store, experiment), experiment.plan, before)
    number = earlier[-1]["look"] + 1 if earlier else 1
    store.save_look(experiment.id, number, verdict.to_document())
    return verdict


def _phase(experiment: Experiment, count: PhaseCount) -> Phase:
    share = next((share for begun, share in reversed(experiment.shares) if begun <= count.generation), 0.0)
    return Phase({CHAMPION: 1.0 - share, CHALLENGER: share}, *count[1:])
