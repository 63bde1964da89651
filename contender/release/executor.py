"""Carries releases out: the state is saved before every action, a record is appended before the first one, and the
process may be stopped at any line.

A transition is saved with all its actions pending; each save after that says that one more is done. Whoever resumes
repeats at most the action that was under way, and actions are idempotent. The routing write is the point of no
return: what fails before it is rolled back, what fails after it waits for `resume`, `undo` or `abort`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from contender.errors import Conflict, ContenderError, InvalidInput, Refused
from contender.release.actions import Deadlines, Ports, World
from contender.release.approval import NONCE, Asked, initiators, subject, used_approvals
from contender.release.machine import Event, Kind, next_state
from contender.release.state import Action, Change, Phase, Ramp, ReleaseState
from contender.release.trail import TRANSITION, Trail
from contender.units import UnitForm
from contender.values import CHALLENGER, FallbackPolicy

_REVERSIBLE: Final = frozenset(
    {
        Action.RECORD,
        Action.CHECK_CHAMPION,
        Action.CHECK_CHALLENGER,
        Action.PREPARE_CHAMPION,
        Action.PREPARE_CHALLENGER,
        Action.WRITE_ROUTING,
    }
)
"""Actions that a transition may fail at and still be rolled back."""

_WAYS_BACK: Final = (Kind.UNDO, Kind.ABORT)

_SWITCH: Final = (Action.PREPARE_CHAMPION, Action.WRITE_ROUTING, Action.WAIT_APPLIED)
_TIDYING: Final = (Action.ALIAS_PREVIOUS, Action.ALIAS_CHAMPION, Action.ALIAS_CHALLENGER, Action.RETIRE_REST)
"""What a way back owes of the transition that it takes over; checks and new challengers it does not."""

_URGENT: Final = (Kind.SUSPEND, *_WAYS_BACK)
"""What must reach people though the anchors' place is away: its record is anchored afterwards, if that can be."""

_SUSPEND_ATTEMPTS: Final = 10
"""How often the kill switch is pulled again because another process moved the release on meanwhile."""


class _Terms(NamedTuple):
    """What a promotion rests on: its evidence, the routing generation that was read at, who agreed; and whose it is."""

    evidence: str
    generation: int | None
    approval: Mapping[str, Any] | None
    arm: str = CHALLENGER


class Release:
    """The release of one task, in the name of `actor`.

    Every method takes effect whole or not at all, and returns the state it led to. Those that change something raise
    `Refused` (not possible now), `Conflict` (another process was faster, or something is unfinished), both audited,
    or the error of the port that failed. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        ports: Ports,
        task: str,
        policy: FallbackPolicy,
        *,
        clock: Callable[[], float],
        actor: str,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
    ) -> None:
        self._task, self._ports, self._clock, self._actor = task, ports, clock, actor
        self._world = World(ports, policy, deadlines)
        self._trail = Trail(task, ports.store, ports.anchors)

    def state(self) -> ReleaseState:
        """The state that was saved last; an idle one without a champion before the first `install`."""
        document = self._ports.store.load_release(self._task)
        return ReleaseState.from_document(document) if document else ReleaseState(self._task)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """The audit records of the task, oldest first."""
        return self._ports.store.audit(self._task)

    def install(self, version_ref: str) -> ReleaseState:
        """Make a version (number or alias) the very first champion: it serves everyone."""
        return self._handle(Event(Kind.INSTALL, model=self._ports.registry.version(self._task, version_ref)))

    def prepare(self, version_ref: str, *more: str) -> ReleaseState:
        """Serve a version (number or alias) in the idle slot as the challenger, without traffic; `more` beside it.

        Challengers that were prepared before give way; preparing the same ones again changes nothing.
        """
        models = [self._ports.registry.version(self._task, ref) for ref in (version_ref, *more)]
        state = self.state()
        if state.phase is Phase.PREPARED and not state.change:
            if [placed.model.digest for placed in state.candidates] == [model.digest for model in models]:
                return state
            self.abort(f"version {models[0].version} is prepared instead")
        state = self._handle(Event(Kind.PREPARE, model=models[0]))
        for model in models[1:]:
            state = self._handle(Event(Kind.ADD, model=model))
        return state

    def start(
        self, experiment_id: str, salt: str, shares: Sequence[float], *, shadow: bool = False, holdout: float = 0.0
    ) -> ReleaseState:
        """Give the challengers the first of `shares` of all people, which grow from step to step, each in (0, 1).

        The last share sets the arms' ranges for good; a step covers a larger part of each. Several challengers divide
        the share. With `shadow` the one that was prepared last is mirrored: it is asked too and its answers are not
        returned. Once a challenger is promoted, the part `holdout` of all people stays on the champion of now.

        Raises:
            InvalidInput: shares that do not grow, or none for anybody; a holdout larger than the champion's share.
        """
        arms = len(self.state().candidates) - shadow
        if bool(shares) != (arms > 0):
            raise InvalidInput("shares", "are for challengers that are not the shadow")
        kept = holdout if shares else 0.0
        form = UnitForm.NORMAL
        ramp = Ramp(experiment_id, salt, tuple(shares), shadow=shadow, fixed=True, holdout=kept, unit_form=form)
        told = {"experiment": experiment_id, "salt": salt, "shares": list(shares), "shadow": shadow}
        told |= {"holdout": holdout} if ramp.holdout else {}
        return self._handle(Event(Kind.START, ramp=ramp), None, **told)

    def step(self) -> ReleaseState:
        """Give the challenger the next share of the ramp."""
        return self._handle(Event(Kind.STEP))

    def promote(
        self,
        evidence_digest: str,
        reason: str,
        *,
        bake: bool = False,
        generation: int | None = None,
        approval: Mapping[str, Any] | None = None,
        arm: str = CHALLENGER,
    ) -> ReleaseState:
        """Let the challenger serve everyone, by one routing write, and then move the registry's aliases.

        With `bake` the aliases wait for `baked`. `evidence_digest` names the evidence that the decision rests on,
        `generation` the routing it was read at: if the release has moved on since, this is a `Conflict`. `approval` is
        a document that `contender.release.approval.seal` made; where approvals are asked for, it must hold. Of several
        challengers `arm` is the one to promote.
        """
        terms = _Terms(evidence_digest, generation, approval, arm)
        return self._handle(Event(Kind.BAKE if bake else Kind.PROMOTE), terms, evidence=evidence_digest, reason=reason)

    def baked(self) -> ReleaseState:
        """End the watch over a promotion: the registry's aliases move, the old slot stays warm."""
        return self._handle(Event(Kind.BAKED))

    def undo(self, reason: str) -> ReleaseState:
        """Bring the version before back, by one routing write; before promotion: end the experiment.

        Possible while another transition is unfinished, which it then takes over. An undo or abort that was left
        unfinished is finished, not stacked.
        """
        return self._way_back(Event(Kind.UNDO), reason)

    def abort(self, reason: str) -> ReleaseState:
        """Give the challenger up and empty its slot; like `undo` while another transition is unfinished."""
        return self._way_back(Event(Kind.ABORT), reason)

    def end_holdout(self) -> ReleaseState:
        """Serve everybody by the champion, also those who stayed on the version before."""
        return self._handle(Event(Kind.END_HOLDOUT))

    def finish(self) -> ReleaseState:
        """End the rollback window: the old champion's slot is emptied. Refused while people are held out on it."""
        return self._handle(Event(Kind.FINISH))

    def suspend(self, reason: str) -> ReleaseState:
        """Pull the kill switch: nobody is answered by a model, whatever the phase; slots and aliases stay.

        Possible while another transition is unfinished: one that had not switched traffic yet is cancelled, one that
        had is finished behind the closed door. Suspending twice changes nothing.
        """
        for _ in range(_SUSPEND_ATTEMPTS):
            try:
                return self._suspend(reason)
            except Conflict:
                continue  # the rival's write came first; the switch must not lose
        return self._suspend(reason)

    def lift(self, reason: str) -> ReleaseState:
        """Let the models answer again as they did before `suspend`."""
        return self._handle(Event(Kind.RESUME), reason=reason)

    def refuse(self, kind: Kind, error: ContenderError) -> None:
        """Tell the audit trail of an attempt that was refused before it came here."""
        self._tell_refusal(self.state(), Event(kind), error)

    def resume(self) -> ReleaseState:
        """Finish what a crash or a failure left unfinished, or roll it back if it fails before its routing write."""
        return self._run(self.state())

    def _way_back(self, event: Event, reason: str) -> ReleaseState:
        state = self.state()
        if state.change and state.change.event in _WAYS_BACK:
            return self._run(state)
        return self._handle(event, reason=reason)

    def _suspend(self, reason: str) -> ReleaseState:
        state = self.state()
        if state.change and state.change.event == Kind.SUSPEND:
            return self._run(state)
        if state.suspended and not state.change:
            return state
        return self._handle(Event(Kind.SUSPEND), reason=reason)

    def _handle(self, event: Event, terms: _Terms | None = None, **detail: object) -> ReleaseState:
        state = self.state()
        try:
            begun = self._begin(state, event, terms, detail)
        except (Refused, Conflict) as error:
            self._tell_refusal(state, event, error)
            raise
        return self._run(begun)

    def _begin(
        self, state: ReleaseState, event: Event, terms: _Terms | None, detail: Mapping[str, object]
    ) -> ReleaseState:
        ground, left = self._ground(state, event.kind)
        if terms and terms.generation not in (None, state.generation):
            raise Conflict(
                f"the routing of {self._task} moved on from generation {terms.generation} to {state.generation}",
                remedy="another process released meanwhile: see `contender status`",
            )
        base = replace(
            ground,
            generation=max(state.generation, self._world.generation(self._task)),
            slots=self._ports.slots_for(ground),
        )
        # The arms of what it may have to go back to stay in their order: nobody must change arm by a failure.
        led = base.led_by(terms.arm) if terms and base.rivals else base
        after, actions = next_state(led, event)
        if event.kind in _WAYS_BACK:
            after, actions, left = _with_owed(after, actions, left)
        told = {"from": state.phase.value, "to": after.phase.value, **_versions(after), **_overridden(event), **detail}
        if terms:
            told |= self._approved(led, terms)
        if state.change:
            told |= _interrupted(state.change)
        # What was half done cannot be gone back to.
        before = None if state.change else base
        change = self._change(state, event.kind, told, (*actions, *left), before)
        return self._save(state, replace(after, change=change))

    def _ground(self, state: ReleaseState, kind: Kind) -> tuple[ReleaseState, tuple[Action, ...]]:
        """The state that a transition begins from, and what an unfinished one before it leaves to be done."""
        change = state.change
        if change is None or kind in _WAYS_BACK:
            return state.at_rest(), change.pending if change else ()
        if kind is not Kind.SUSPEND:
            raise Conflict(
                f"{change.event} of {self._task} is unfinished, next comes: {change.pending[0]}",
                remedy="if its process died, resume or undo it",
            )
        if (before := _before(change)) is not None and before.champion and not before.suspended:
            return before, (Action.RETIRE_REST,)
        # Whatever it was about to write, the switch has to be written first.
        rest = tuple(action for action in change.pending if action is not Action.RECORD)
        return replace(state.at_rest(), suspended=False), rest

    def _approved(self, state: ReleaseState, terms: _Terms) -> dict[str, object]:
        records = self._ports.store.audit(self._task)
        asked = Asked(
            subject(state, terms.evidence),
            initiators=frozenset({self._actor, *initiators(records)}),
            used=used_approvals(records),
            # A clock that is behind the trail would let an approval live on.
            now=max([self._clock(), *(float(record["at"]) for record in records)]),
        )
        return self._ports.approvals.check(terms.approval, asked)

    def _change(
        self,
        state: ReleaseState,
        event: str,
        detail: Mapping[str, object],
        actions: tuple[Action, ...],
        before: ReleaseState | None = None,
    ) -> Change:
        number = state.revision + 1
        numbered = {TRANSITION: number, **detail}
        return Change(number, str(event), self._actor, self._clock(), numbered, (Action.RECORD, *actions), before)

    def _run(self, state: ReleaseState) -> ReleaseState:
        while change := state.change:
            try:
                self._perform(change, state)
            except ContenderError as error:
                self._roll_back(state, change, error)
                raise
            rest = change.pending[1:]
            state = self._save(state, replace(state, change=replace(change, pending=rest) if rest else None))
            if change.event in _URGENT and not rest:
                self._anchor_if_possible()
        return state

    def _anchor_if_possible(self) -> None:
        # Any later anchor covers this record, too.
        with suppress(ContenderError):
            self._trail.anchor()

    def _perform(self, change: Change, state: ReleaseState) -> None:
        if change.pending[0] is Action.RECORD:
            tell = self._trail.tell if change.event in _URGENT else self._trail.append
            tell(change.event, at=change.at, actor=change.actor, detail=change.detail)
        else:
            self._world.perform(change.pending[0], state)

    def _roll_back(self, state: ReleaseState, change: Change, error: ContenderError) -> None:
        """Make the world as it was before `change`, if that is still possible, and tell why in the audit trail."""
        failed = change.pending[0]
        if (before := _before(change)) is None:
            return
        try:
            detail = {"action": failed.value, "error": str(error), "undone": change.number}
            told = self._change(state, f"{change.event} failed", detail, (Action.RETIRE_REST,))
            self._run(self._save(state, replace(before, change=told)))
        except ContenderError as second:
            error.add_note(f"rolling back is unfinished: {second}")

    def _save(self, old: ReleaseState, new: ReleaseState) -> ReleaseState:
        new = replace(new, revision=old.revision + 1)
        self._ports.store.save_release(self._task, new.to_document(), expected=old.revision or None)
        return new

    def _tell_refusal(self, state: ReleaseState, event: Event, error: ContenderError) -> None:
        detail = {"phase": state.phase.value, "reason": str(error)}
        try:
            self._trail.append(f"{event.kind} refused", at=self._clock(), actor=self._actor, detail=detail)
        except ContenderError as second:
            error.add_note(f"the refusal could not be audited: {second}")


def _overridden(event: Event) -> dict[str, object]:
    """Why a version is released that the training's gate refused; empty for one that passed it."""
    reason = event.model.tags.get("gate_override") if event.model else None
    return {"gate_override": reason} if reason else {}


def _with_owed(
    after: ReleaseState, actions: tuple[Action, ...], pending: tuple[Action, ...]
) -> tuple[ReleaseState, tuple[Action, ...], tuple[Action, ...]]:
    """A way back that also does what was pending and is not its own: what makes the world as the new state says.

    Without that a kill switch that was pulled or lifted half-way would be in the state and not in the routing.
    """
    owed = [action for action in pending if action not in actions]
    first = tuple(action for action in _SWITCH if action in owed)
    writes = Action.WRITE_ROUTING in first
    after = replace(after, generation=after.generation + writes)
    return after, (*first, *actions), tuple(action for action in _TIDYING if action in owed)


def _before(change: Change) -> ReleaseState | None:
    """The state to go back to instead of finishing `change`; None when it is too late for that."""
    return change.before if change.pending[0] in _REVERSIBLE else None


def _interrupted(change: Change) -> dict[str, Any]:
    """What the record of a take-over tells of the transition that may not have a record of its own."""
    used = {NONCE: change.detail[NONCE]} if NONCE in change.detail else {}
    return {"interrupts": change.event, **used}


def _versions(state: ReleaseState) -> dict[str, Any]:
    return {
        "champion": state.champion.version if state.champion else None,
        "challenger": state.challenger.version if state.challenger else None,
        "previous": state.previous.version if state.previous else None,
        "share": state.ramp.share if state.ramp else None,
        "generation": state.generation,
        **({"rivals": [placed.version for placed in state.rivals]} if state.rivals else {}),
    }
