"""Gives the slots of a task what they are to serve: the baseline, and the versions that its release names."""

from __future__ import annotations

from collections.abc import Callable

from cli.compose import Workplace
from contender.values import BASELINE, CHAMPION, ModelVersion


def fill(place: Workplace, say: Callable[[str], object] = lambda _: None) -> None:
    """Return once every slot answers with its version; the first champion is installed where there is none.

    Slots of a cluster that nothing is released into are stopped: their containers would restart for ever. `say` hears
    what is at work.

    Raises:
        NotFound: the registry has no champion or no baseline, or a slot is not deployed.
        Unavailable: a slot does not start, in its own words.
    """
    say("baseline")
    _serve(place, BASELINE, place.version(BASELINE))
    say("champion")
    state = place.release.resume()
    if state.champion is None:
        state = place.release.install(CHAMPION)
    for placed in (state.champion, *state.candidates, state.previous):
        if placed is not None:
            _serve(place, placed.slot, placed.model)
    stop_empty(place, say)


def _serve(place: Workplace, slot: str, version: ModelVersion) -> None:
    if not place.slots.serves(slot, version):
        place.slots.prepare(slot, version, deadline_s=place.settings.start_seconds)


def stop_empty(place: Workplace, say: Callable[[str], object] = lambda _: None) -> None:
    """Stop every configured slot of a cluster that the release is not in; those that are stopped already stay so.

    Slots that were deployed since the last release are among them: nobody else would tell them to stop. Processes here
    need no such word.

    Raises:
        DeadlineExceeded: a slot still has pods after a minute.
        Unavailable: the cluster's API is away.
    """
    used = place.release.state().used_slots
    for slot in place.settings.slots if place.cluster else ():
        if slot not in used:
            say(f"{slot} is empty")
            place.slots.retire(slot)
