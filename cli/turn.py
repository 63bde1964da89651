"""One process at a time moves a release: commands of people and rounds of the release service take turns, by a lease.

Nothing half done comes of two at once, since every save is a compare-and-swap; but the slower one loses, and a round
that takes a living process for a dead one would end its bake early.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from cli.compose import Workplace
from cli.output import note
from contender.errors import Conflict, ContenderError

PATIENCE_S: Final = 120.0
"""Longer than a round usually bakes (60 s), and than a lease outlives its holder (15 s)."""

SAY_S: Final = 5.0
"""Who waits is told so this often."""

_POLL_S: Final = 0.5


@contextmanager
def turn(
    place: Workplace,
    *,
    patience_s: float = PATIENCE_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[threading.Event]:
    """Hold the turn while the block runs, after waiting for whoever has it; yields what is set once it is lost.

    Raises:
        Conflict: somebody else still has it after `patience_s`.
    """
    end, said = clock() + patience_s, -SAY_S
    with ExitStack() as stack:
        while True:
            try:
                lost = stack.enter_context(place.lease(f"{place.task.name}-reconcile").held())
                break
            except Conflict as error:
                now = clock()
                if now >= end:
                    raise
                if now - said >= SAY_S:
                    note(f"waiting: {error.message}")
                    said = now
                sleep(_POLL_S)
        yield lost


@contextmanager
def turn_if_free(place: Workplace) -> Iterator[None]:
    """Hold the turn while the block runs, if nobody else has it: the way back waits for nobody, and for no lease."""
    with ExitStack() as stack:
        try:
            stack.enter_context(turn(place, patience_s=0.0))
        except ContenderError as error:
            note(f"not waited for: {error.message}")
        yield
