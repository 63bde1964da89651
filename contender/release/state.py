"""What a release remembers: a frozen state, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from contender.errors import InvalidInput
from contender.experiment.assignment import final_ranges, split, split_among
from contender.routing import BUCKETS, Arm, ExperimentRef, Routing, challenger_name, covered
from contender.units import UnitForm
from contender.values import CHALLENGER, CHAMPION, HOLDOUT, SHADOW, SLOTS, FallbackPolicy, ModelVersion, holdout_of

_ROUNDING: Final = 1e-9


class Phase(StrEnum):
    """Where a release stands."""

    IDLE = "idle"
    """The champion serves everyone; the other slot is empty."""
    PREPARED = "prepared"
    """A challenger answers in the other slot and gets no traffic."""
    EXPERIMENTING = "experimenting"
    """The challenger gets its share of the units."""
    PROMOTING = "promoting"
    """The former challenger serves everyone and bakes; the registry's aliases are where they were."""
    PROMOTED = "promoted"
    """Aliases moved; the former champion stays warm for the rollback window."""


class Action(StrEnum):
    """A step of a transition: it makes one part of the world as the state says, and is idempotent."""

    RECORD = "record"
    CHECK_CHAMPION = "check champion"
    CHECK_CHALLENGER = "check challenger"
    PREPARE_CHAMPION = "prepare champion"
    PREPARE_CHALLENGER = "prepare challenger"
    WRITE_ROUTING = "write routing"
    WAIT_APPLIED = "wait applied"
    ALIAS_CHAMPION = "alias champion"
    ALIAS_PREVIOUS = "alias previous"
    ALIAS_CHALLENGER = "alias challenger"
    RETIRE_REST = "retire rest"


@dataclass(frozen=True, slots=True)
class Placed:
    """A model version and the slot it is served in: all that is needed to serve it there again."""

    slot: str
    model: ModelVersion

    @property
    def version(self) -> str:
        """The version's number."""
        return self.model.version


@dataclass(frozen=True, slots=True)
class Ramp:
    """A running experiment: whose units, and which share of all people the challengers get at each step.

    `fixed`: the last share sets the arms' ranges for good, and each step covers a larger part of every range, so that
    no unit ever moves between the arms. Without it the ranges grow, as in experiments of an older version.
    With `shadow` the challenger placed last is mirrored and gets nobody; without `shares` it is the only one. A
    `holdout`, a part of all people, stays on the champion once a challenger is promoted. `unit_form` is how the ids of
    units are spelt: as the experiment began, for good.
    """

    experiment_id: str
    salt: str
    shares: tuple[float, ...]
    step: int = 0
    shadow: bool = False
    fixed: bool = False
    holdout: float = 0.0
    unit_form: UnitForm = UnitForm.AS_SENT

    def __post_init__(self) -> None:
        """Refuse shares that do not grow inside (0, 1): a ramp must never move a unit back.

        Raises:
            InvalidInput: naming the field.
        """
        edges = (0.0, *self.shares, 1.0)
        if not (self.shares or self.shadow) or not all(low < high for low, high in pairwise(edges)):
            raise InvalidInput("shares", "must grow from step to step, each above 0 and below 1")
        if not 0 <= self.step < max(1, len(self.shares)):
            raise InvalidInput("step", f"must lie in 0 to {max(0, len(self.shares) - 1)}")
        if not 0.0 <= self.holdout <= (1.0 - max(self.shares, default=0.0)) / 2.0 + _ROUNDING:
            raise InvalidInput("holdout", "must lie between 0 and half of the champion's share")

    @property
    def share(self) -> float:
        """The challengers' share of the units now, in (0, 1); 0 while there is only a shadow."""
        return self.shares[self.step] if self.shares else 0.0

    @property
    def coverage(self) -> float | None:
        """The part of every arm's range that takes part now, in (0, 1]; None where the ranges themselves grow."""
        if not self.fixed:
            return None
        return self.share / self.shares[-1] if self.shares else 1.0

    @property
    def last(self) -> bool:
        """Whether there is no further step."""
        return self.step >= len(self.shares) - 1


@dataclass(frozen=True, slots=True)
class Holdout:
    """The part `share` of all people who stay on the version before, of those who were its own in the experiment.

    They keep its `salt`, so that nobody who met the promoted version is taken back, and are compared with the rest of
    those below `edge`, whom the promotion moved: all of them have seen the same until then. Both are recorded under
    `experiment_id`, an experiment of its own, in which nobody else counts.
    """

    experiment_id: str
    salt: str
    share: float
    edge: float
    unit_form: UnitForm = UnitForm.AS_SENT

    @classmethod
    def after(cls, ramp: Ramp | None) -> Self | None:
        """The holdout that the experiment of `ramp` leaves behind when it is promoted; None where it planned none."""
        if ramp is None or not ramp.holdout:
            return None
        share = round(ramp.holdout * BUCKETS) / BUCKETS
        edge = split(ramp.shares[-1]).champion[1]
        return cls(holdout_of(ramp.experiment_id), ramp.salt, share, edge, ramp.unit_form)


@dataclass(frozen=True, slots=True)
class Change:
    """A transition under way: what was asked, what is still to do, and where to go back to if it fails.

    `number` is the revision that the transition began with: no two transitions of a task share it.
    """

    number: int
    event: str
    actor: str
    at: float
    detail: Mapping[str, Any]
    pending: tuple[Action, ...]
    before: ReleaseState | None


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """A release of one task. With a `change` the world is on its way to this state, without one it is there.

    `revision` grows with every save, `generation` is that of the newest routing document this release asked for.
    `history` are the versions that were champion before, oldest first; `previous` the last of them while it is warm.
    `suspended` is the kill switch: everybody is answered `Review_Required`, whatever the phase. `rivals` are further
    challengers beside the first, `slots` the places that the task may use. Of a `holdout` everybody else is the
    champion's, and `previous` serves it.
    """

    task: str
    phase: Phase = Phase.IDLE
    revision: int = 0
    generation: int = 0
    champion: Placed | None = None
    challenger: Placed | None = None
    previous: Placed | None = None
    ramp: Ramp | None = None
    history: tuple[ModelVersion, ...] = ()
    suspended: bool = False
    change: Change | None = field(default=None)
    rivals: tuple[Placed, ...] = ()
    slots: tuple[str, ...] = SLOTS
    holdout: Holdout | None = None

    @property
    def candidates(self) -> tuple[Placed, ...]:
        """All that stand beside the champion, in the order they were placed; a shadow comes last."""
        return (self.challenger, *self.rivals) if self.challenger else ()

    @property
    def shadow(self) -> Placed | None:
        """The candidate that is mirrored, or None."""
        return self.candidates[-1] if self.candidates and self.ramp and self.ramp.shadow else None

    @property
    def challengers(self) -> dict[str, Placed]:
        """The candidates that people may be assigned to, by the name of their arm."""
        count = len(self.candidates) - (self.shadow is not None)
        return {challenger_name(number): self.candidates[number] for number in range(count)}

    @property
    def used_slots(self) -> frozenset[str]:
        """The slots that serve, or must stay warm."""
        return frozenset(placed.slot for placed in (self.champion, *self.candidates, self.previous) if placed)

    @property
    def idle_slot(self) -> str:
        """The slot that a new version goes to: the first that the champion is not in."""
        taken = self.champion.slot if self.champion else None
        return next(slot for slot in self.slots if slot != taken)

    @property
    def free_slots(self) -> tuple[str, ...]:
        """The slots that nobody is in, in order."""
        return tuple(slot for slot in self.slots if slot not in self.used_slots)

    def led_by(self, arm: str) -> Self:
        """The same with the candidate of that arm as the challenger, which is the one that a promotion promotes.

        Raises:
            InvalidInput: no such arm.
        """
        chosen = self.challengers.get(arm)
        if chosen is None:
            raise InvalidInput("arm", f"there is no {arm}", remedy=f"choose one of: {', '.join(self.challengers)}")
        return replace(self, challenger=chosen, rivals=tuple(one for one in self.candidates if one != chosen))

    def routing(self, policy: FallbackPolicy) -> Routing | None:
        """The routing document that this state asks for; None before there is a champion."""
        if self.champion is None:
            return None
        shadow = Arm(SHADOW, self.shadow.slot, self.shadow.version, 0.0, 1.0) if self.shadow else None
        arms = tuple(self._arms(self.champion))
        return Routing(self.task, self.generation, self._experiment(), arms, shadow, policy, self.suspended)

    def _experiment(self) -> ExperimentRef | None:
        if self.holdout:
            return ExperimentRef(self.holdout.experiment_id, self.holdout.salt, 1.0, self.holdout.unit_form)
        ramp = self.ramp
        return ExperimentRef(ramp.experiment_id, ramp.salt, ramp.coverage, ramp.unit_form) if ramp else None

    def _arms(self, champion: Placed) -> Iterator[Arm]:
        """The champion, then the challengers, upwards; each with the part of its range that takes part now.

        A holdout has the lowest buckets, which were the champion's that it stays with; of the others those take part
        who were that champion's, too.
        """
        if self.holdout and self.previous:
            kept, held = self.previous, self.holdout.share
            yield Arm(CHAMPION, champion.slot, champion.version, held, 1.0, self.holdout.edge)
            yield Arm(HOLDOUT, kept.slot, kept.version, 0.0, held, held)
            return
        ramp, served = self.ramp, self.challengers if self.ramp else {}
        coverage = ramp.coverage if ramp else None
        for name, (low, high) in _ranges(ramp, list(served)).items():
            placed = served.get(name, champion)
            edge = 1.0 if coverage is None else covered(low, high, coverage)
            yield Arm(name, placed.slot, placed.version, low, high, edge)

    def to_document(self) -> dict[str, Any]:
        """The state as plain JSON."""
        return {
            "task": self.task,
            "phase": self.phase.value,
            "revision": self.revision,
            "generation": self.generation,
            "champion": _placed_document(self.champion),
            "challenger": _placed_document(self.challenger),
            "previous": _placed_document(self.previous),
            "ramp": asdict(self.ramp) | {"shares": list(self.ramp.shares)} if self.ramp else None,
            "history": [_model_document(model) for model in self.history],
            "suspended": self.suspended,
            "change": _change_document(self.change) if self.change else None,
            "rivals": [_placed_document(placed) for placed in self.rivals],
            "slots": list(self.slots),
            "holdout": asdict(self.holdout) if self.holdout else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The state that `to_document` wrote.

        Raises:
            InvalidInput: a document that this program did not write.
        """
        try:
            return cls(
                task=str(document["task"]),
                phase=Phase(document["phase"]),
                revision=int(document["revision"]),
                generation=int(document["generation"]),
                champion=_placed(document["champion"]),
                challenger=_placed(document["challenger"]),
                previous=_placed(document["previous"]),
                ramp=_ramp(document["ramp"]),
                history=tuple(ModelVersion(**model) for model in document["history"]),
                suspended=bool(document.get("suspended", False)),
                change=_change(document["change"]),
                rivals=_several(document.get("rivals", ())),
                slots=tuple(str(slot) for slot in document.get("slots", SLOTS)),
                holdout=_holdout(document.get("holdout")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput("release", f"the saved state cannot be read: {error!r}") from error

    def at_rest(self) -> ReleaseState:
        """The same state without a change: where the world is once nothing is pending."""
        return replace(self, change=None)


def _ranges(ramp: Ramp | None, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The ranges of the champion and of the challengers' arms; by the old rule one challenger's grows downwards."""
    if ramp is None or not names:
        return {CHAMPION: (0.0, 1.0)}
    if ramp.fixed:
        return final_ranges(ramp.shares[-1], names)
    if len(names) > 1:
        return split_among(ramp.share, names)
    return {CHAMPION: (0.0, 1.0 - ramp.share), CHALLENGER: (1.0 - ramp.share, 1.0)}


def _model_document(model: ModelVersion) -> dict[str, Any]:
    """What it takes to serve the version again, without the registry's metrics and tags."""
    return {name: getattr(model, name) for name in ("task", "version", "semver", "artifact", "digest")}


def _placed_document(placed: Placed | None) -> dict[str, Any] | None:
    return {"slot": placed.slot, "model": _model_document(placed.model)} if placed else None


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "number": change.number,
        "event": change.event,
        "actor": change.actor,
        "at": change.at,
        "detail": dict(change.detail),
        "pending": [action.value for action in change.pending],
        "before": change.before.to_document() if change.before else None,
    }


def _placed(document: Mapping[str, Any] | None) -> Placed | None:
    return Placed(str(document["slot"]), ModelVersion(**document["model"])) if document else None


def _several(documents: Iterable[Mapping[str, Any]]) -> tuple[Placed, ...]:
    return tuple(placed for document in documents if (placed := _placed(document)))


def _ramp(document: Mapping[str, Any] | None) -> Ramp | None:
    return Ramp(**{**document, "shares": tuple(document["shares"]), **_unit_form(document)}) if document else None


def _holdout(document: Mapping[str, Any] | None) -> Holdout | None:
    return Holdout(**{**document, **_unit_form(document)}) if document else None


def _unit_form(document: Mapping[str, Any]) -> dict[str, UnitForm]:
    """That of an experiment which began before ids had a normal form is not written."""
    return {"unit_form": UnitForm(document.get("unit_form", UnitForm.AS_SENT))}


def _change(document: Mapping[str, Any] | None) -> Change | None:
    if document is None:
        return None
    before = document["before"]
    return Change(
        number=int(document["number"]),
        event=str(document["event"]),
        actor=str(document["actor"]),
        at=float(document["at"]),
        detail=dict(document["detail"]),
        pending=tuple(Action(action) for action in document["pending"]),
        before=ReleaseState.from_document(before) if before else None,
    )
