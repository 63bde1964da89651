"""Runs an experiment by itself: looks at it, takes the steps of its ramp, and ends it when it must end."""

from __future__ import annotations

from collections.abc import Callable

from cli import experiment
from cli.compose import Workplace
from cli.looking import look_at
from cli.output import note
from contender.experiment.decision import Verdict

_SETTLED = ("promote", "roll back", "error")
_SPENT = ("exhausted", "futile")
"""Rules that hold for good: more units change nothing worth having."""


def steer(place: Workplace, every_s: float, sleep: Callable[[float], None]) -> Verdict:
    """The verdict at which the running experiment ended, looked at every `every_s` seconds.

    Steps of the ramp are taken as soon as they may be. A roll back is carried out: everyone is served by the champion,
    the challenger stays prepared. A promotion waits for whoever may promote.

    Raises:
        NotFound: no experiment is running, or somebody ended it meanwhile.
    """
    told = ""
    while True:
        running = experiment.current(place)
        verdict = look_at(place, running)
        at = experiment.standing(place, running, verdict)
        news = f"{at.share:.0%}, step {at.step} of {at.steps}: {verdict.decision}, {verdict.reason}"
        if news != told:
            note(told := news)
        if verdict.decision in _SETTLED or verdict.rule in _SPENT:
            break
        if at.ready:
            experiment.advance(place, running)
            continue
        sleep(every_s)
    if verdict.decision == "roll back":
        place.release.undo(f"by the verdict: {verdict.reason}")
        experiment.close(place, running)
    return verdict
