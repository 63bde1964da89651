"""The release machine: a table of what may happen in which phase, where it leads, and what has to be done.

Pure. `next_state` says what the world shall look like and by which actions; the executor carries them out. An action
has no arguments: it makes one part of the world as the new state says, which is why it may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from contender.errors import Refused
from contender.release.state import Action, Holdout, Phase, Placed, Ramp, ReleaseState
from contender.values import ModelVersion


class Kind(StrEnum):
    """What can happen to a release."""

    INSTALL = "install"
    """The very first champion."""
    PREPARE = "prepare"
    ADD = "add"
    """One more challenger beside the one that is prepared."""
    START = "start"
    STEP = "step"
    """The next share of the ramp."""
    PROMOTE = "promote"
    """The challenger serves everyone, and is champion."""
    BAKE = "bake"
    """The challenger serves everyone, and is watched before it is champion."""
    BAKED = "baked"
    """It was watched for long enough."""
    UNDO = "undo"
    """Back to the version before; the other one stays in its slot."""
    ABORT = "abort"
    """The challenger is given up and its slot emptied."""
    END_HOLDOUT = "end holdout"
    """Those who stayed on the version before are served by the champion, too."""
    FINISH = "finish"
    """The rollback window is over."""
    SUSPEND = "suspend"
    """The kill switch: no model answers anybody until `resume`."""
    RESUME = "resume"
    """The models answer again, as they did before `suspend`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens: `install`, `prepare` and `add` bring a `model`, `start` a `ramp`."""

    kind: Kind
    model: ModelVersion | None = None
    ramp: Ramp | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the phase it leads to, what changes, by which actions, and what stands against it.

    `refusal` gives the reason why the row does not apply to a state, or an empty text.
    """

    to: Phase
    change: Callable[[ReleaseState, Event], ReleaseState]
    actions: tuple[Action, ...]
    refusal: Callable[[ReleaseState], str] = lambda _state: ""


def next_state(state: ReleaseState, event: Event) -> tuple[ReleaseState, tuple[Action, ...]]:
    """The state that `event` leads to, and the actions that bring the world there, in order.

    The new state's `generation` has grown if its routing has to be written.

    Raises:
        Refused: the event is not allowed in this phase; the message lists those that are.
    """
    row = TABLE.get((state.phase, event.kind))
    if row is None:
        raise Refused(f"{event.kind} is not possible while the release is {state.phase}", remedy=_remedy(state))
    if reason := row.refusal(state):
        raise Refused(f"{event.kind} is not possible: {reason}", remedy=_remedy(state))
    writes = Action.WRITE_ROUTING in row.actions
    after = replace(row.change(state, event), phase=row.to, generation=state.generation + writes)
    return after, row.actions


def allowed(state: ReleaseState) -> tuple[Kind, ...]:
    """What may happen in `state`."""
    return tuple(kind for (phase, kind), row in TABLE.items() if phase is state.phase and not row.refusal(state))


COMMANDS: Final[Mapping[Kind, str]] = {
    Kind.INSTALL: "contender up",
    Kind.PREPARE: "contender experiment start",
    Kind.START: "contender experiment start",
    Kind.STEP: "contender experiment step",
    Kind.PROMOTE: "contender promote",
    Kind.BAKE: "contender promote",
    Kind.UNDO: "contender undo",
    Kind.ABORT: "contender abort",
    Kind.END_HOLDOUT: "contender finish",
    Kind.FINISH: "contender finish",
    Kind.SUSPEND: "contender suspend",
    Kind.RESUME: "contender resume",
}
"""What a person types to make an event happen; of the others there is none."""


def _remedy(state: ReleaseState) -> str:
    commands = dict.fromkeys(COMMANDS[kind] for kind in allowed(state) if kind in COMMANDS)
    return f"possible now: {', '.join(commands)}"


def _install(state: ReleaseState, event: Event) -> ReleaseState:
    return replace(state, champion=_place(event, state.slots[0]))


def _prepare(state: ReleaseState, event: Event) -> ReleaseState:
    return replace(state, challenger=_place(event, state.idle_slot))


def _add(state: ReleaseState, event: Event) -> ReleaseState:
    placed = _place(event, state.free_slots[0])
    return replace(state, rivals=(*state.rivals, placed) if placed else state.rivals)


def _start(state: ReleaseState, event: Event) -> ReleaseState:
    return replace(state, ramp=event.ramp)


def _step(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, ramp=replace(state.ramp, step=state.ramp.step + 1) if state.ramp else None)


def _promote(state: ReleaseState, _event: Event) -> ReleaseState:
    """Whoever lost stays warm, out of sight, until the slots are tidied up."""
    history = (*state.history, state.champion.model) if state.champion else state.history
    held = Holdout.after(state.ramp)
    promoted = replace(state, champion=state.challenger, previous=state.champion, history=history, holdout=held)
    return _discard(promoted, _event)


def _keep(state: ReleaseState, _event: Event) -> ReleaseState:
    return state


def _stop(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, ramp=None)


def _discard(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, ramp=None, challenger=None, rivals=())


def _undo(state: ReleaseState, _event: Event) -> ReleaseState:
    """The version before is champion again, in its warm slot or in the idle one; the undone one is the challenger."""
    back = state.previous or Placed(state.idle_slot, state.history[-1])
    undone = replace(state, champion=back, challenger=state.champion, previous=None, holdout=None)
    return replace(undone, history=state.history[:-1])


def _undo_and_discard(state: ReleaseState, event: Event) -> ReleaseState:
    return _discard(_undo(state, event), event)


def _end_holdout(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, holdout=None)


def _cool(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, previous=None)


def _suspend(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, suspended=True)


def _resume(state: ReleaseState, _event: Event) -> ReleaseState:
    return replace(state, suspended=False)


def _place(event: Event, slot: str) -> Placed | None:
    return Placed(slot, event.model) if event.model else None


def _has_champion(state: ReleaseState) -> str:
    return f"version {state.champion.version} is champion already" if state.champion else ""


def _no_champion(state: ReleaseState) -> str:
    return "" if state.champion else "there is no champion yet"


def _no_history(state: ReleaseState) -> str:
    return "" if state.history else "no version was champion before"


def _no_room(state: ReleaseState) -> str:
    return "" if state.free_slots else f"every slot is taken: {', '.join(state.slots)}"


def _not_promotable(state: ReleaseState) -> str:
    only_shadow = state.ramp is not None and not state.ramp.shares
    return _suspended(state) or ("nobody was served by a shadow: start an experiment first" if only_shadow else "")


def _no_step(state: ReleaseState) -> str:
    return _suspended(state) or ("the ramp is at its last step" if state.ramp and state.ramp.last else "")


def _no_holdout(state: ReleaseState) -> str:
    return _suspended(state) or ("" if state.holdout else "nobody is held out")


def _held_out(state: ReleaseState) -> str:
    return f"{state.holdout.share:.2%} of the people are held out on the version before" if state.holdout else ""


def _suspended(state: ReleaseState) -> str:
    return "the release is suspended, nobody is answered by a model" if state.suspended else ""


def _not_suspendable(state: ReleaseState) -> str:
    return _suspended(state) or _no_champion(state)


def _not_suspended(state: ReleaseState) -> str:
    return "" if state.suspended else "the release is not suspended"


_SWITCH: Final = (Action.WRITE_ROUTING, Action.WAIT_APPLIED)
_ALIASES: Final = (Action.ALIAS_PREVIOUS, Action.ALIAS_CHAMPION, Action.ALIAS_CHALLENGER)
_GIVE_UP: Final = (Action.RETIRE_REST, Action.ALIAS_CHALLENGER)
# A slot that is still warm answers at once and is left alone; one that died is brought up before traffic returns.
_RETURN: Final = (Action.PREPARE_CHAMPION, *_SWITCH, *_ALIASES)

TABLE: Final[Mapping[tuple[Phase, Kind], Row]] = {
    (Phase.IDLE, Kind.INSTALL): Row(
        Phase.IDLE, _install, (Action.PREPARE_CHAMPION, *_SWITCH, Action.ALIAS_CHAMPION), _has_champion
    ),
    (Phase.IDLE, Kind.PREPARE): Row(
        Phase.PREPARED, _prepare, (Action.PREPARE_CHALLENGER, Action.ALIAS_CHALLENGER), _no_champion
    ),
    (Phase.IDLE, Kind.UNDO): Row(Phase.PREPARED, _undo, _RETURN, _no_history),
    (Phase.PREPARED, Kind.ADD): Row(Phase.PREPARED, _add, (Action.PREPARE_CHALLENGER,), _no_room),
    (Phase.PREPARED, Kind.START): Row(Phase.EXPERIMENTING, _start, (Action.CHECK_CHALLENGER, *_SWITCH), _suspended),
    (Phase.PREPARED, Kind.ABORT): Row(Phase.IDLE, _discard, _GIVE_UP),
    (Phase.EXPERIMENTING, Kind.STEP): Row(Phase.EXPERIMENTING, _step, (Action.CHECK_CHALLENGER, *_SWITCH), _no_step),
    (Phase.EXPERIMENTING, Kind.PROMOTE): Row(
        Phase.PROMOTED, _promote, (Action.CHECK_CHAMPION, *_SWITCH, *_ALIASES), _not_promotable
    ),
    (Phase.EXPERIMENTING, Kind.BAKE): Row(
        Phase.PROMOTING, _promote, (Action.CHECK_CHAMPION, *_SWITCH), _not_promotable
    ),
    (Phase.EXPERIMENTING, Kind.UNDO): Row(Phase.PREPARED, _stop, _SWITCH),
    (Phase.EXPERIMENTING, Kind.ABORT): Row(Phase.IDLE, _discard, (*_SWITCH, *_GIVE_UP)),
    (Phase.PROMOTING, Kind.BAKED): Row(Phase.PROMOTED, _keep, _ALIASES, _suspended),
    (Phase.PROMOTING, Kind.UNDO): Row(Phase.PREPARED, _undo, _RETURN),
    (Phase.PROMOTING, Kind.ABORT): Row(Phase.IDLE, _undo_and_discard, (*_RETURN, Action.RETIRE_REST)),
    (Phase.PROMOTED, Kind.UNDO): Row(Phase.PREPARED, _undo, _RETURN),
    (Phase.PROMOTED, Kind.END_HOLDOUT): Row(Phase.PROMOTED, _end_holdout, _SWITCH, _no_holdout),
    (Phase.PROMOTED, Kind.FINISH): Row(Phase.IDLE, _cool, (Action.RETIRE_REST,), _held_out),
    **{(phase, Kind.SUSPEND): Row(phase, _suspend, _SWITCH, _not_suspendable) for phase in Phase},
    **{
        (phase, Kind.RESUME): Row(phase, _resume, (Action.PREPARE_CHAMPION, *_SWITCH), _not_suspended)
        for phase in Phase
    },
}
"""Every transition that exists. Undo differs by phase: before promotion it only stops the experiment, during and
after it traffic and aliases return to a warm slot, and once that slot is given away the old version is prepared
again. Suspending leaves the phase as it is: while suspended a release can go back and be tidied up, not forward."""
