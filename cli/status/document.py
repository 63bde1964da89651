"""All that is known of a task, as one JSON object with stable keys."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from cli import observe as observing
from cli.compose import Workplace
from cli.health import lines
from cli.verdicts import summary, told
from contender.adapters.supervisor.control import observed
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.probe import HOST
from contender.experiment.analysis import RUNNING, from_document, observe, verdict_on
from contender.experiment.ramp import progress

WINDOW_S: Final = 300
"""Traffic is that of the last five minutes: bounded work, however long the log is."""

Counts = Mapping[tuple[str, str, str | None], int]
"""Exposures by (assigned to, served by, fallback reason)."""


def status_document(place: Workplace) -> dict[str, Any]:
    """Processes, routing, the arms' shares of all people now, experiment, release and traffic of the workplace's task.

    A running experiment is judged as it is now, and nothing of that is kept; of one that ended the verdict is that of
    the last look.
    """
    seen = observed(place.settings.home, place.task.name)
    routing = place.routing.read(place.task.name)
    experiment = summary(place.store, place.task.name)
    counts = place.store.exposure_counts(place.task.name, since=time.time() - WINDOW_S)
    return {
        "task": place.task.name,
        "home": str(place.settings.home),
        "url": f"http://{HOST}:{seen.ports[TRANSFORMER]}/v1/models/{place.task.name}" if seen else None,
        "processes": [*map(asdict, seen.processes), *observing.processes(place.settings.home)] if seen else [],
        "routing": json.loads(routing.to_json()) if routing else None,
        "shares": routing.shares_now() if routing else {},
        "experiment": judged(place, experiment) if experiment else None,
        "release": place.release.state().to_document(),
        "traffic": traffic(counts),
        "watch": lines(place),
    }


def judged(place: Workplace, experiment: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment with the verdict of this moment, which is not kept, if it still runs and has begun."""
    document = {name: value for name, value in experiment.items() if name not in ("looks", "verdict", "ramp")}
    if experiment["status"] != RUNNING or not experiment["shares"]:
        return dict(experiment)
    running = from_document(document)
    data = observe(place.store, running)
    verdict = verdict_on(data, running, experiment["verdict"])
    ramp = None if running.holdout else progress(running, data, verdict).to_document()
    return told(experiment, verdict.to_document(), experiment["looks"], ramp)


def traffic(counts: Counts) -> dict[str, Any]:
    """Requests by the arm they were assigned to, and how many of them somebody else answered."""
    arms: dict[str, dict[str, int]] = {}
    for (assigned_to, served_by, reason), count in counts.items():
        arm = arms.setdefault(assigned_to, {"requests": 0, "fallbacks": 0})
        arm["requests"] += count
        arm["fallbacks"] += count if reason is not None and served_by != assigned_to else 0
    return {"window_seconds": WINDOW_S, "arms": arms}
