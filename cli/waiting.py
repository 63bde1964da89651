"""`contender release wait`: rounds of the release until its verdict is known; what a workflow waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from cli.approval import group
from cli.output import JsonFlag, TaskOption, note, show
from cli.reconcile import Terms, played

PROMOTE: Final = "promote"
ROLLED_BACK: Final = "rolled-back"
HOLD: Final = "hold"

_LEASE_S: Final = 60.0
"""Beyond its bake: how long one who died at work still holds the turn, and some more."""

_BACK: Final = frozenset({"prepared", "idle"})
_FORWARD: Final = frozenset({"promoted", "promoting"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited, how long between two rounds, and between two that found another at work; in seconds."""

    wait_s: float
    every_s: float
    bake_s: float
    busy_s: float = 5.0


def wait(
    task: TaskOption = "job-change",
    seconds: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a verdict.")] = 0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two rounds.")] = 60,
    bake: Annotated[float, typer.Option(min=0, help="Seconds to watch a promotion that a round finishes.")] = 60,
    as_json: JsonFlag = False,
) -> int:
    """Play rounds of `release reconcile` until the verdict is known; print promote, rolled-back or hold.

    It may be started again and again: rounds resume what a crash left, and promote nothing by themselves. A round that
    finds another process at work is played again. `hold` when the time is over.

    Example: contender release wait --wait 18000
    """
    begun = time.monotonic()
    ended = until_known(
        lambda: played(task, Terms(promote=False, bake_s=bake, now=time.time())),
        Pace(seconds, every, bake),
        lambda: time.monotonic() - begun,
        time.sleep,
    )
    show(ended, as_json, lambda document: str(document["decision"]))
    return 0


def until_known(
    play: Callable[[], Mapping[str, Any]], pace: Pace, passed: Callable[[], float], sleep: Callable[[float], None]
) -> dict[str, Any]:
    """The document of the last round, with its `decision`: promote, rolled-back or hold.

    `passed` is the time since the beginning, in seconds.
    """
    while True:
        found = play()
        if found["busy"] and passed() < pace.wait_s + pace.bake_s + _LEASE_S:
            note(str(found["waits_for"]))
            sleep(pace.busy_s)
            continue
        decision = decision_of(found)
        note(f"{found['phase']}: {found['waits_for']}{'; '.join(found['did'])}")
        if decision != HOLD or passed() + pace.every_s > pace.wait_s:
            return {**found, "decision": decision}
        sleep(pace.every_s)


def decision_of(found: Mapping[str, Any]) -> str:
    """What a round's document tells of the release: promote, rolled-back, or hold while that is not known."""
    if found["busy"]:
        return HOLD
    if found["rolled_back"] or found["phase"] in _BACK:
        return ROLLED_BACK
    forward = found["phase"] in _FORWARD or (found["verdict"] or {}).get("decision") == "promote"
    return PROMOTE if forward else HOLD


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is registered with the approvals
    """Add the command to the group `contender release`."""
    group.command()(wait)
