"""What `contender drift` and its watch do in a workplace: read, judge, keep, tell."""

from __future__ import annotations

from typing import Final

from cli.compose import Workplace
from cli.output import note
from contender.errors import ContenderError, Unavailable
from contender.moments import DAY_S
from contender.release.clock import doubt
from monitoring.drift import champion
from monitoring.drift import check as checking
from monitoring.drift.champion import check_champion
from monitoring.drift.check import Span
from monitoring.drift.reference import Reference
from monitoring.drift.verdict import Verdict, Window, unmeasured
from monitoring.quality.announce import announce
from monitoring.quality.settings import NotifySettings

KEEP_INPUTS_S: Final = 30 * DAY_S
"""Sampled rows are people's data: the watch forgets those that no report needs any more."""


def checked(place: Workplace, span: Span) -> tuple[Verdict, Window]:
    """The verdict on the span for the champion of today, kept as a note, and the window it was made from.

    Raises:
        NotFound: no champion, or one without a reference.
        Unavailable: the store or the registry does not answer.
    """
    return check_champion(place.task, place.store, champion_reference(place), span)


def look(place: Workplace, span: Span) -> Verdict:
    """The verdict on the span; where measuring fails, the verdict ``error``, kept like any other."""
    try:
        verdict, _ = checked(place, span)
        _forget(place, span.until)
    except ContenderError as error:
        try:
            return checking.failed(place.store, place.task.name, "", span.until, error)
        except Unavailable as away:
            note(f"{place.task.name}: the store cannot even take note of it: {away}")
            return unmeasured(place.task.name, "", span.until, error)
    return verdict


def _forget(place: Workplace, now: float) -> None:
    """Forget the sampled rows that no report needs any more, unless the clock is wrong: then all would be old."""
    answered = place.store.last_answer_at(place.task.name)
    if doubted := doubt(now, [] if answered is None else [answered]):
        note(f"{place.task.name}: sampled rows are kept: {doubted}")
        return
    place.store.prune_inputs(now - KEEP_INPUTS_S)


def champion_reference(place: Workplace) -> Reference:
    """What the champion of the workplace's task is watched against."""
    return champion.champion_reference(place.task, place.store, place.registry, place.settings.home / "fetched")


def tell(verdict: Verdict) -> None:
    """Say what has changed, here and, where it needs somebody, to those who want to be told.

    That they cannot be told is said here, and stops nothing.
    """
    note(f"{verdict.task}: {verdict.state}, {verdict.reason}")
    addresses = NotifySettings().addresses
    if verdict.state in ("drift", "error") and addresses:
        try:
            announce(
                addresses,
                f"{verdict.task}: {verdict.state}",
                f"{verdict.reason}\ncontender health --task {verdict.task}",
            )
        except ContenderError as error:
            note(f"nobody was told: {error}")
