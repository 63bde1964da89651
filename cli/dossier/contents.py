"""What a dossier is made of: everything that is on record about one experiment and what was decided on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from contender.errors import FaultFound, NotFound
from contender.experiment.analysis import ExperimentStore, by_role, from_document, observe
from contender.experiment.data import NO_EVENTS, ArmData, Events, ExperimentData, Phase
from contender.experiment.decision import evidence_digest
from contender.experiment.inference import arm_mean, review_value
from contender.experiment.plan import Plan, stored_plan
from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.moments import Estimate
from contender.release import audit
from contender.release.trail import TRANSITION
from contender.values import CHALLENGER, CHAMPION, ModelVersion, holdout_of

DECISIONS: Final = ("promote", "bake", "baked", "undo", "abort")
"""Audit events that settle what becomes of a challenger."""

_BEGINNING: Final = "start"


Scores = Mapping[str, Mapping[str, Mapping[str, Count]]]
"""By arm, attribute and group: the people who scored above the median, of how many."""


class Records(ExperimentStore, Protocol):
    """The store, as far as a dossier reads it."""

    def experiment(self, experiment_id: str) -> dict[str, Any]:
        """The document of that experiment."""
        ...

    def experiments(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All experiments of a task, oldest first."""
        ...

    def scoring_counts(self, experiment_id: str) -> Scores:
        """How many people of each group scored above the median, of how many."""
        ...

    def audit(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All audit records of a task, oldest first."""
        ...


class Versions(Protocol):
    """The registry, as far as a dossier reads it."""

    def version(self, task: str, ref: str) -> ModelVersion:
        """The version that `ref` names."""
        ...


class Anchors(Protocol):
    """The anchors of audit trails, as far as a dossier reads them."""

    def kept(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All anchors of a task."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a dossier's facts come from."""

    store: Records
    registry: Versions
    anchors: Anchors


@dataclass(frozen=True)
class Dossier:
    """The facts of one experiment and its decision; no person's data, only aggregates and the names of those who act.

    `experiment` and `looks` are as the store keeps them. `models` holds champion and challenger as the registry knows
    them, None for one that it does not. `arms` and `phases` are the aggregates now. Of several challengers the one
    whose verdict leads is called challenger, here and in `experiment`; the others are in the verdict. `records` is the
    task's whole trail, `anchors` how many anchors it was verified against, `problems` what `audit.verify` says of it.
    `made_at` is seconds since the epoch, `made_with` the commit of the program. `scores` is by role, attribute and
    group. `holdout` is the last verdict on those who stayed on the version before after a promotion, None before the
    first look at them.
    """

    experiment: Mapping[str, Any]
    looks: Sequence[Mapping[str, Any]]
    models: Mapping[str, ModelVersion | None]
    arms: Mapping[str, ArmData]
    phases: Sequence[Phase]
    records: Sequence[Mapping[str, Any]]
    anchors: int
    problems: Sequence[str]
    made_at: float
    made_with: str
    events: Events = NO_EVENTS
    scores: Scores = field(default_factory=dict)
    holdout: Mapping[str, Any] | None = None

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.experiment["task"])

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan's terms."""
        plan: Mapping[str, Any] = self.experiment["plan"]
        return plan

    @property
    def terms(self) -> Plan:
        """The plan as the analysis reads it, whichever version of the program wrote it."""
        return stored_plan(self.plan)

    @property
    def details(self) -> Mapping[str, Any]:
        """What the last look tells beside its verdict; empty for looks of an older version."""
        found: Mapping[str, Any] = (self.verdict or {}).get("details", {})
        return found

    def mean(self, role: str) -> Estimate | None:
        """The mean of the primary metric of that arm; None while there is none."""
        if role not in self.arms:
            return None
        primary = self.terms.primary
        found = arm_mean(primary, self.arms[role].metric(primary.name), review_value(self.terms))
        return found.estimate if found else None

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        """The verdict of the last look, None before the first."""
        return self.looks[-1]["verdict"] if self.looks else None

    @property
    def own_records(self) -> Sequence[Mapping[str, Any]]:
        """The records from the experiment's start to just before the next one's."""
        starts = [record for record in self.records if record["event"] == _BEGINNING]
        own = [record["sequence"] for record in starts if record["detail"].get("experiment") == self.experiment["id"]]
        if not own:
            return ()
        end = min((record["sequence"] for record in starts if record["sequence"] > own[0]), default=None)
        return [r for r in self.records if own[0] <= r["sequence"] and (end is None or r["sequence"] < end)]

    @property
    def decisions(self) -> Sequence[Mapping[str, Any]]:
        """What was decided and carried out, oldest first; not what failed and was rolled back."""
        undone = {record["detail"].get("undone") for record in self.own_records} - {None}
        made = (record for record in self.own_records if record["event"] in DECISIONS)
        return [record for record in made if record["detail"].get(TRANSITION) not in undone]

    def look_of(self, evidence: str) -> int | None:
        """The number of the look whose verdict has the digest `evidence`, which a promotion names; None if none has.

        Looks that saw the same have the same digest: the last of them is what the promotion itself looked at.
        """
        found = (look["look"] for look in reversed(self.looks) if evidence_digest(look["verdict"]) == evidence)
        return next(found, None)


def gather(sources: Sources, task: str, experiment_id: str = "", *, made_at: float, made_with: str) -> Dossier:
    """The dossier of an experiment, by default the task's latest that is no holdout.

    Raises:
        NotFound: there is none of that name, or none of that task.
    """
    store = sources.store
    kept = _experiment(store, task, experiment_id)
    data, looks = _observed(store, kept), store.looks(kept["id"])
    leading = str(looks[-1]["verdict"].get("arm", CHALLENGER)) if looks else CHALLENGER
    document = {**kept, CHALLENGER: from_document(kept).version_of(leading) if looks else kept[CHALLENGER]}
    records = store.audit(task)
    anchors, damage = _anchors(sources.anchors, task)
    arms = {CHAMPION: CHAMPION, CHALLENGER: leading}
    scores = by_role(from_document(kept), store.scoring_counts(kept["id"]))
    held = store.looks(holdout_of(kept["id"]))
    return Dossier(
        experiment=document,
        looks=looks,
        models={role: _model(sources.registry, task, document[role]) for role in (CHAMPION, CHALLENGER)},
        arms={role: data.arms[arm] for role, arm in arms.items() if arm in data.arms},
        phases=data.phases,
        records=records,
        anchors=len(anchors),
        problems=[*audit.verify(records, anchors, now=made_at), *damage],
        made_at=made_at,
        made_with=made_with,
        events=data.events,
        scores={role: scores[arm] for role, arm in arms.items() if arm in scores},
        holdout=held[-1]["verdict"] if held else None,
    )


def _experiment(store: Records, task: str, experiment_id: str) -> Mapping[str, Any]:
    known = [one for one in store.experiments(task) if experiment_id == one["id"] or _led(experiment_id, one)]
    if not known:
        wanted = f"experiment {experiment_id!r} of {task}" if experiment_id else f"experiment of {task}"
        raise NotFound(f"there is no {wanted}", remedy=f"contender experiment start --task {task}")
    return known[-1]


def _led(experiment_id: str, document: Mapping[str, Any]) -> bool:
    """Whether no experiment is named, and this one may have led to a decision: a holdout follows one."""
    return not experiment_id and not document.get("holdout", False)


def _anchors(anchors: Anchors, task: str) -> tuple[Sequence[Mapping[str, Any]], list[str]]:
    try:
        return anchors.kept(task), []
    except FaultFound as fault:
        return (), [fault.message]


def _observed(store: Records, document: Mapping[str, Any]) -> ExperimentData:
    # A start that died before its routing write leaves an experiment without a share: nobody was in it.
    return observe(store, from_document(document)) if document["shares"] else ExperimentData({}, 0)


def _model(registry: Versions, task: str, version: str) -> ModelVersion | None:
    try:
        return registry.version(task, version)
    except NotFound:
        return None
