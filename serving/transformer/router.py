"""Who goes where: units to arms, arms to the places that serve them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from contender.errors import NotFound
from contender.experiment.assignment import Assignment, assign
from contender.routing import Arm, Routing
from contender.values import CHAMPION, UNASSIGNED


def split(routing: Routing, units: Sequence[str | None]) -> dict[Assignment, list[int]]:
    """The positions in `units` of each assignment, in order."""
    if len(units) == 1:
        return {assign(routing, units[0]): [0]}
    groups: dict[Assignment, list[int]] = {}
    for index, unit in enumerate(units):
        groups.setdefault(assign(routing, unit), []).append(index)
    return groups


def route(routing: Routing, assigned_to: str) -> Arm:
    """The arm that should answer for `assigned_to`; the champion answers for the unassigned.

    Raises:
        NotFound: routing has no such arm.
    """
    arm = routing.arm(CHAMPION if assigned_to == UNASSIGNED else assigned_to)
    if arm is None:
        raise NotFound(f"routing {routing.generation} has no arm {assigned_to!r}")
    return arm
