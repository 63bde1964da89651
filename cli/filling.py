"""Gives the slots of a task what they are to serve: the baseline, and the versions that its release names."""

from __future__ import annotations

from collections.abc import Callable

from cli.compose import Workplace
from contender.values import BASELINE, CHAMPION


def fill(place: Workplace, say: Callable[[str], object] = lambda _: None) -> None:
    """Return once every slot answers with its version; the first champion is installed where there is none.

    Slots of a cluster that nothing is released into are stopped: their containers would restart for ever. `say` hears
    what is at work.

    Raises:
        NotFound: the registry has no champion or no baseline, or a slot is not deployed.
        Unavailable: a slot does not start, in its own words.
    """
    deadline = place.settings.start_seconds
    say("baseline")
    place.slots.prepare(BASELINE, place.version(BASELINE), deadline_s=deadline)
    say("champion")
    state = place.release.resume()
    if state.champion is None:
        state = place.release.install(CHAMPION)
    for placed in (state.champion, *state.candidates, state.previous):
        if placed is not None:
            place.slots.prepare(placed.slot, placed.model, deadline_s=deadline)
    for slot in state.free_slots if place.cluster else ():
        say(f"{slot} is empty")
        place.slots.retire(slot)
