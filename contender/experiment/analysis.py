"""A running experiment and the looks at it: from the store's aggregates to a verdict that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, Self

from contender.errors import InvalidInput
from contender.experiment.assignment import split_among
from contender.experiment.data import NOTHING, ArmData, ExperimentData, Phase, PhaseCount
from contender.experiment.decision import Verdict, judge_all, judge_shadow, lead
from contender.experiment.evidence import Look, look_from
from contender.experiment.plan import Plan, digest_of, from_json
from contender.routing import challenger_name
from contender.values import CHALLENGER, CHAMPION, SHADOW

_NOBODY: Final = ArmData(0, 0, 0, 0, NOTHING)

RUNNING: Final = "running"
STOPPED: Final = "stopped"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: its plan, which cannot change any more, and the shares that it went through.

    `shares` holds, for each step of the ramp, the routing generation it began with and the challenger's share. Rewards
    count only from the step that gives the planned share: pooling steps of different shares would confound the arms
    with time, and judging each would spend α anew. Guardrails and the sample ratio look at all of it.

    `rivals` are the versions of further challengers, `shadow` the version that is mirrored, which is `challenger` where
    there is no other.
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
    rivals: tuple[str, ...] = ()
    shadow: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """The challengers' versions by the name of their arm; empty where there is only a shadow."""
        if self.shadow == self.challenger:
            return {}
        return {challenger_name(number): version for number, version in enumerate((self.challenger, *self.rivals))}

    def version_of(self, arm: str) -> str:
        """The version of a challenger's arm, or of the shadow."""
        return self.shadow if arm == SHADOW else self.versions[arm]

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
            **({"rivals": list(self.rivals)} if self.rivals else {}),
            **({"shadow": self.shadow} if self.shadow else {}),
        }


def from_document(document: Mapping[str, Any]) -> Experiment:
    """The experiment that `Experiment.to_document` wrote.

    Raises:
        InvalidInput: its plan is not the one it began with.
    """
    # Over the terms as they were stored: plans may have got more fields since.
    if digest_of(document["plan"]) != document["plan_digest"]:
        raise InvalidInput("experiment.plan", "was changed after the start", remedy="start a new experiment")
    plan = from_json(json.dumps(document["plan"]))
    names = ("id", "task", "salt", "champion", "challenger", "started_at", "status")
    shares = tuple((int(generation), float(share)) for generation, share in document["shares"])
    others = {"rivals": tuple(document.get("rivals", ())), "shadow": document.get("shadow", "")}
    return Experiment(**{name: document[name] for name in names}, **others, plan=plan, shares=shares)


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
    # An arm that nobody was assigned to yet is young, not lost.
    known = dict.fromkeys((CHAMPION, *experiment.versions), _NOBODY) | dict(whole.arms)
    arms = {name: _at_full_share(arm, step.arms.get(name), experiment) for name, arm in known.items()}
    phases = tuple(_phase(experiment, count) for count in store.phase_counts(experiment.id))
    return replace(whole, arms=arms, crossed_units=step.crossed_units, phases=phases)


def _at_full_share(whole: ArmData, step: ArmData | None, experiment: Experiment) -> ArmData:
    if not experiment.versions:
        return whole
    counted = step if step is not None and experiment.at_full_share else _NOBODY
    # Who was selected is counted over the whole ramp, as for every guardrail; only rewards wait for the planned share.
    groups = {
        name: group._replace(reward=counted.groups[name].reward if name in counted.groups else NOTHING)
        for name, group in whole.groups.items()
    }
    return replace(whole, reward=counted.reward, baseline=counted.baseline, groups=groups)


def look(store: ExperimentStore, experiment: Experiment) -> Verdict:
    """The verdict on the experiment now, kept as its next look."""
    earlier = store.looks(experiment.id)
    verdict = verdict_on(observe(store, experiment), experiment, earlier[-1]["verdict"] if earlier else None)
    number = earlier[-1]["look"] + 1 if earlier else 1
    store.save_look(experiment.id, number, verdict.to_document())
    return verdict


def verdict_on(data: ExperimentData, experiment: Experiment, last: Mapping[str, Any] | None) -> Verdict:
    """The verdict that speaks for the experiment, with those of the other arms; `last` is that of the look before."""
    before = _looks_of(last)
    verdicts: dict[str, Verdict] = {}
    if experiment.versions:
        arms = {name: before.get(name, Look()) for name in experiment.versions}
        verdicts = judge_all(data, experiment.plan, arms)
    leading = lead(verdicts) if verdicts else SHADOW
    if experiment.shadow:
        verdicts[SHADOW] = judge_shadow(data, experiment.plan, before.get(SHADOW))
    first = verdicts.pop(leading)
    return replace(first, others=verdicts)


def _looks_of(verdict: Mapping[str, Any] | None) -> dict[str, Look]:
    """What the verdict of an earlier look hands on, by arm."""
    if verdict is None:
        return {}
    found = {str(verdict.get("arm", CHALLENGER)): look_from(verdict["look"])}
    return found | {name: look_from(other["look"]) for name, other in verdict.get("others", {}).items()}


def _phase(experiment: Experiment, count: PhaseCount) -> Phase:
    share = next((share for begun, share in reversed(experiment.shares) if begun <= count.generation), 0.0)
    return Phase(_shares(experiment, share), *count[1:])


def _shares(experiment: Experiment, share: float) -> dict[str, float]:
    if len(experiment.versions) > 1:
        ranges = split_among(share, list(experiment.versions))
        return {name: high - low for name, (low, high) in ranges.items()}
    return {CHAMPION: 1.0 - share, CHALLENGER: share}
