"""A running experiment and the looks at it: from the store's aggregates to a verdict that is kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, Protocol, Self, TypeVar

from contender.errors import InvalidInput
from contender.experiment.assignment import covered_shares, final_ranges, split_among
from contender.experiment.data import ArmData, ExperimentData, Phase, PhaseCount
from contender.experiment.decision import Verdict, judge_all, judge_shadow, lead
from contender.experiment.details import details, shadow_details
from contender.experiment.evidence import Look, look_from
from contender.experiment.plan import Plan, digest_of, has_windows, stored_plan
from contender.routing import challenger_name
from contender.values import CHALLENGER, CHAMPION, HOLDOUT, SHADOW, holdout_of

_NOBODY: Final = ArmData(0, 0)
_Figure = TypeVar("_Figure")

Rule = Literal["coverage", "shares"]
COVERAGE: Final = "coverage"
SHARES: Final = "shares"

RUNNING: Final = "running"
STOPPED: Final = "stopped"


@dataclass(frozen=True, slots=True)
class Clearance:
    """A person's decision that an experiment goes on without some units, whose records cannot be right.

    `kind` is the fault, `units` are left out of both arms; `actor` decided at `at` (seconds since the epoch).
    """

    kind: str
    units: tuple[str, ...]
    reason: str
    actor: str
    at: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: its plan, which cannot change any more, and the shares that it went through.

    `shares` holds, for each step of the ramp, the routing generation it began with and the challengers' share of all
    people. `rule` is ``coverage`` where the arms' proportions are the same at every step, and ``shares`` for
    experiments that began under an older version, whose steps moved people from arm to arm: their rewards count only
    from the step that gives the planned share, and their rates are not compared over the ramp.

    `rivals` are the versions of further challengers, `shadow` the version that is mirrored, which is `challenger` where
    there is no other. `cleared` are the decisions to leave units out. With `holdout` it is what follows a promotion:
    `champion` is the version before, which the holdout stays on, `challenger` the promoted one, which all others get.
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
    rule: Rule = COVERAGE
    cleared: tuple[Clearance, ...] = ()
    holdout: bool = False
    terms: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def versions(self) -> dict[str, str]:
        """The challengers' versions by the name of their arm; empty where there is only a shadow."""
        if self.shadow == self.challenger:
            return {}
        return {challenger_name(number): version for number, version in enumerate((self.challenger, *self.rivals))}

    @property
    def left_out(self) -> frozenset[str]:
        """The units that were cleared: in neither arm."""
        return frozenset(unit for clearance in self.cleared for unit in clearance.units)

    def version_of(self, arm: str) -> str:
        """The version of a challenger's arm, or of the shadow."""
        return self.shadow if arm == SHADOW else self.versions[arm]

    def stepped(self, generation: int, share: float) -> Self:
        """The experiment after the challenger got `share` in routing `generation`; the same share again is no step."""
        if self.shares and (self.shares[-1][0] >= generation or self.shares[-1][1] == share):
            return self
        return replace(self, shares=(*self.shares, (generation, share)))

    def held_out(self, arm: str, generation: int, now: float) -> Self:
        """The experiment of the holdout that begins with the promotion of that arm, in the routing after `generation`.

        Compared are those who were the champion's so far: some stay, the others are moved. It is judged by the same
        plan, at the holdout's proportions, with what earlier looks at the pair leave of alpha.
        """
        share = round(1.0 - self.plan.holdout / (1.0 - self.plan.challenger_share), 9)
        plan = replace(self.plan, ramp=(), challenger_share=share, holdout=0.0, restarts=self.plan.restarts + 1)
        return replace(
            self,
            id=holdout_of(self.id),
            plan=plan,
            challenger=self.version_of(arm),
            started_at=now,
            shares=((generation + 1, share),),
            rivals=(),
            shadow="",
            status=RUNNING,
            cleared=(),
            holdout=True,
            terms=None,
        )

    def stopped(self) -> Self:
        """The experiment after its end."""
        return replace(self, status=STOPPED)

    @property
    def at_full_share(self) -> bool:
        """Whether the ramp has reached the plan's share."""
        return bool(self.shares) and self.shares[-1][1] >= self.plan.challenger_share

    def to_document(self) -> dict[str, Any]:
        """The experiment as plain JSON values, its plan's digest among them."""
        terms = dict(self.terms) if self.terms is not None else json.loads(self.plan.to_json())
        return {
            "id": self.id,
            "task": self.task,
            "salt": self.salt,
            "plan": terms,
            "plan_digest": digest_of(terms),
            "champion": self.champion,
            "challenger": self.challenger,
            "started_at": self.started_at,
            "shares": [list(step) for step in self.shares],
            "status": self.status,
            **({"rivals": list(self.rivals)} if self.rivals else {}),
            **({"shadow": self.shadow} if self.shadow else {}),
            **({"rule": self.rule} if self.rule == COVERAGE else {}),
            **({"cleared": [asdict(one) for one in self.cleared]} if self.cleared else {}),
            **({"holdout": True} if self.holdout else {}),
        }


def from_document(document: Mapping[str, Any]) -> Experiment:
    """The experiment that `Experiment.to_document` wrote.

    Raises:
        InvalidInput: its plan is not the one it began with.
    """
    # Over the terms as they were stored: plans may have got more fields since.
    if digest_of(document["plan"]) != document["plan_digest"]:
        raise InvalidInput("experiment.plan", "was changed after the start", remedy="start a new experiment")
    terms = document["plan"]
    names = ("id", "task", "salt", "champion", "challenger", "started_at", "status")
    shares = tuple((int(generation), float(share)) for generation, share in document["shares"])
    return Experiment(
        **{name: document[name] for name in names},
        plan=stored_plan(terms),
        shares=shares,
        rivals=tuple(document.get("rivals", ())),
        shadow=document.get("shadow", ""),
        holdout=bool(document.get("holdout", False)),
        rule=COVERAGE if has_windows(terms) else SHARES,
        cleared=tuple(
            Clearance(**{**clearance, "units": tuple(clearance["units"])}) for clearance in document.get("cleared", ())
        ),
        terms=terms,
    )


class ExperimentStore(Protocol):
    """What the analysis needs of the store."""

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        """The aggregates by arm, kept up to date with every record; without those units."""
        ...

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:
        """Units by the generation in which they were first seen, oldest first; without those units."""
        ...

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        """All earlier looks, oldest first."""
        ...

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        """Keep a look for good."""
        ...


def observe(store: ExperimentStore, experiment: Experiment, *, cleared: bool = True) -> ExperimentData:
    """What has been seen of the experiment, by arm and by phase; `cleared`: without the units that were left out."""
    without = experiment.left_out if cleared else frozenset()
    data = in_roles(experiment, store.experiment_data(experiment.id, without))
    # An arm that nobody was assigned to yet is young, not lost.
    arms = dict.fromkeys((CHAMPION, *experiment.versions), _NOBODY) | dict(data.arms)
    phases = tuple(phase_of(experiment, count) for count in store.phase_counts(experiment.id, without))
    pooled = experiment.rule == COVERAGE or len(experiment.shares) < 2
    return replace(data, arms=arms, phases=phases, pooled=pooled)


def in_roles(experiment: Experiment, data: ExperimentData) -> ExperimentData:
    """The data by the roles of the pair that is compared.

    A holdout's exposures were assigned to ``holdout`` and, of those it is compared with, to the champion of their day,
    which is the pair's challenger.
    """
    return replace(data, arms=by_role(experiment, data.arms)) if experiment.holdout else data


def by_role(experiment: Experiment, by_arm: Mapping[str, _Figure]) -> dict[str, _Figure]:
    """What is known by arm, by the roles of the pair that is compared; as it is but for a holdout."""
    names = {HOLDOUT: CHAMPION, CHAMPION: CHALLENGER} if experiment.holdout else {}
    return {names.get(arm, arm): figure for arm, figure in by_arm.items()}


def look(store: ExperimentStore, experiment: Experiment) -> Verdict:
    """The verdict on the experiment now, kept as its next look; with what it would be had no unit been left out."""
    earlier = store.looks(experiment.id)
    last = earlier[-1]["verdict"] if earlier else None
    verdict = verdict_on(observe(store, experiment), experiment, last)
    if experiment.cleared:
        whole = verdict_on(observe(store, experiment, cleared=False), experiment, last)
        verdict = replace(verdict, details={**verdict.details, "without_clearing": _in_short(whole)})
    number = earlier[-1]["look"] + 1 if earlier else 1
    store.save_look(experiment.id, number, verdict.to_document())
    return verdict


def verdict_on(data: ExperimentData, experiment: Experiment, last: Mapping[str, Any] | None) -> Verdict:
    """The verdict that speaks for the experiment, with those of the other arms; `last` is that of the look before."""
    before = _looks_of(last)
    verdicts: dict[str, Verdict] = {}
    if experiment.versions:
        arms = {name: before.get(name, Look()) for name in experiment.versions}
        verdicts = {
            name: replace(one, details={} if one.rule == "malformed" else details(data, experiment.plan, name))
            for name, one in judge_all(data, experiment.plan, arms).items()
        }
    leading = lead(verdicts) if verdicts else SHADOW
    if experiment.shadow:
        shadow = judge_shadow(data, experiment.plan, before.get(SHADOW))
        verdicts[SHADOW] = replace(shadow, details={"shadow": shadow_details(data)})
    first = verdicts.pop(leading)
    return replace(first, others=verdicts)


def _in_short(verdict: Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in ("decision", "rule", "reason", "effect", "interval")}


def _looks_of(verdict: Mapping[str, Any] | None) -> dict[str, Look]:
    """What the verdict of an earlier look hands on, by arm."""
    if verdict is None:
        return {}
    found = {str(verdict.get("arm", CHALLENGER)): look_from(verdict["look"])}
    return found | {name: look_from(other["look"]) for name, other in verdict.get("others", {}).items()}


def phase_of(experiment: Experiment, count: PhaseCount) -> Phase:
    """The phase that was counted, with the shares that units were dealt by in it."""
    # The proportions that are kept are the same at every step; under the old rule nobody is a challenger's before.
    before = experiment.plan.challenger_share if experiment.rule == COVERAGE else 0.0
    share = next((share for begun, share in reversed(experiment.shares) if begun <= count.generation), before)
    units, fallbacks, errors, slow = (by_role(experiment, by_arm) for by_arm in count[1:])
    return Phase(_shares(experiment, share), units, fallbacks, errors, slow, count.generation)


def _shares(experiment: Experiment, share: float) -> dict[str, float]:
    """The arms' parts of the counted units at a step that gives the challengers `share` of all people."""
    names = list(experiment.versions)
    if not names:
        return {CHAMPION: 1.0}
    if experiment.rule == SHARES:
        return {name: high - low for name, (low, high) in split_among(share, names).items()}
    planned = experiment.plan.challenger_share
    return covered_shares(final_ranges(planned, names), share / planned)
