"""What each action does to the world: it makes one part of it as the state says, and may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from contender.errors import Conflict, ContenderError, InvalidRouting, Unavailable
from contender.release.approval import Approvals
from contender.release.ports import Anchors, Registry, ReleaseStore, RoutingStore, Slots
from contender.release.state import Action, Placed, ReleaseState
from contender.routing import Routing
from contender.values import CHALLENGER, CHAMPION, PREVIOUS, SLOTS, FallbackPolicy


@dataclass(frozen=True, slots=True)
class Ports:
    """The world that a release acts on, who may approve there, where the audit trail is anchored, if anywhere, and the
    names of the slots, in the order they are filled."""

    slots: Slots
    routing: RoutingStore
    registry: Registry
    store: ReleaseStore
    anchors: Anchors | None = None
    approvals: Approvals = Approvals()  # noqa: RUF009 - frozen
    places: tuple[str, ...] = SLOTS

    def slots_for(self, state: ReleaseState) -> tuple[str, ...]:
        """The places that a task may use; those it is in already count, whatever was configured since."""
        return (*self.places, *sorted(state.used_slots - set(self.places)))


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a slot may take to answer with its version, and readers to obey a new routing; in seconds."""

    prepare_s: float = 60.0
    applied_s: float = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """Performs actions through `ports`; routing documents are written with `policy`."""

    ports: Ports
    policy: FallbackPolicy
    deadlines: Deadlines

    def perform(self, action: Action, state: ReleaseState) -> None:
        """Make the part of the world that `action` names as `state` says. Raises what the port raises."""
        _PERFORM[action](self, state)

    def generation(self, task: str) -> int:
        """The generation of the routing in force; 0 when there is none, or one that cannot be read."""
        current = self._routing(task)
        return current.generation if current else 0

    def check(self, *places: Placed | None) -> None:
        """A slot is trusted for the version that it answers with, for nothing else."""
        for placed in filter(None, places):
            if (answer := self.ports.slots.answers(placed.slot)) != placed.version:
                raise Unavailable(
                    f"slot {placed.slot} answers with version {answer}, expected {placed.version}",
                    remedy="abort this release and prepare the version again",
                )

    def prepare(self, *places: Placed | None) -> None:
        """Serve each version in its slot; nothing is asked of the registry, which may be away."""
        for placed in filter(None, places):
            self.ports.slots.prepare(placed.slot, placed.model, deadline_s=self.deadlines.prepare_s)

    def bring_back(self, state: ReleaseState) -> None:
        """Serve the champion. Where it is served still, its artifact is not looked at: that place may be away just now.

        A first champion, before there is any routing, is proven like a challenger.
        """
        champion = state.champion
        if champion and self.generation(state.task) and self.ports.slots.serves(champion.slot, champion.model):
            return
        self.prepare(champion)

    def alias(self, task: str, alias: str, version: str | None) -> None:
        """Point the registry's `alias` at `version`, or remove it."""
        self.ports.registry.set_alias(task, alias, version)

    def write_routing(self, state: ReleaseState) -> None:
        """Write the document of `state`, unless it is there already; never over a newer one."""
        wanted = state.routing(self.policy)
        current = self._routing(state.task)
        if wanted is None or current == wanted:
            return
        if current and current.generation >= wanted.generation:
            raise Conflict(
                f"the routing of {state.task} moved on to generation {current.generation}",
                remedy="another process released meanwhile: see `contender status`",
            )
        try:
            self.ports.routing.write(wanted, expected=current.generation if current else None)
        except ContenderError:
            if self._routing(state.task) != wanted:  # what failed may have taken effect all the same
                raise

    def wait_applied(self, state: ReleaseState) -> None:
        """Wait for the readers, so that nothing is torn down that still gets traffic."""
        self.ports.routing.wait_applied(state.task, state.generation, deadline_s=self.deadlines.applied_s)

    def retire_rest(self, state: ReleaseState) -> None:
        """Empty the slots that the state does not use."""
        for slot in state.slots:
            if slot not in state.used_slots:
                self.ports.slots.retire(slot)

    def _routing(self, task: str) -> Routing | None:
        try:
            return self.ports.routing.read(task)
        except InvalidRouting:
            return None  # what cannot be read is obeyed by nobody, and is written over


def _version(placed: Placed | None) -> str | None:
    return placed.version if placed else None


_PERFORM: Final[Mapping[Action, Callable[[World, ReleaseState], None]]] = {
    Action.CHECK_CHAMPION: lambda world, state: world.check(state.champion),
    Action.CHECK_CHALLENGER: lambda world, state: world.check(*state.candidates),
    Action.PREPARE_CHAMPION: World.bring_back,
    Action.PREPARE_CHALLENGER: lambda world, state: world.prepare(*state.candidates),
    Action.WRITE_ROUTING: World.write_routing,
    Action.WAIT_APPLIED: World.wait_applied,
    Action.ALIAS_CHAMPION: lambda world, state: world.alias(state.task, CHAMPION, _version(state.champion)),
    Action.ALIAS_CHALLENGER: lambda world, state: world.alias(state.task, CHALLENGER, _version(state.challenger)),
    Action.ALIAS_PREVIOUS: lambda world, state: world.alias(
        state.task, PREVIOUS, state.history[-1].version if state.history else None
    ),
    Action.RETIRE_REST: World.retire_rest,
}
