"""How a release is, in the words of Argo Rollouts: healthy, progressing, paused, degraded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from contender.values import BASELINE


class Health(Enum):
    """A sign, a word and a colour."""

    HEALTHY = ("✔", "Healthy", "green")
    PROGRESSING = ("◌", "Progressing", "cyan")
    PAUSED = ("‖", "Paused", "yellow")
    DEGRADED = ("⚠", "Degraded", "red")
    DOWN = ("•", "ScaledDown", "bright_black")
    SUCCESSFUL = ("✔", "Successful", "green")
    FAILED = ("✖", "Failed", "red")
    ERROR = ("⚠", "Error", "red")
    RUNNING = ("◌", "Running", "cyan")
    INCONCLUSIVE = ("?", "Inconclusive", "yellow")

    @property
    def text(self) -> str:
        """Sign and word."""
        return f"{self.value[0]} {self.value[1]}"

    @property
    def colour(self) -> str:
        """The colour's name, as rich knows it."""
        return self.value[2]


class Diagnosis(NamedTuple):
    """How it is, and why, in a sentence."""

    health: Health
    message: str


_PHASES: Final[Mapping[str, Diagnosis]] = {
    "idle": Diagnosis(Health.HEALTHY, "the champion serves everyone"),
    "prepared": Diagnosis(Health.PAUSED, "a challenger is ready and gets no traffic: contender experiment start"),
    "experimenting": Diagnosis(Health.PROGRESSING, "the challenger gets its share of the people"),
    "promoting": Diagnosis(Health.PROGRESSING, "the new champion serves everyone and is being watched"),
    "promoted": Diagnosis(Health.HEALTHY, "the new champion serves everyone, the old one stays warm: undo or finish"),
}

_WON: Final = Diagnosis(Health.PAUSED, "the verdict is promote, and waits to be carried out: contender promote")

ANALYSES: Final[Mapping[str, Health]] = {
    "promote": Health.SUCCESSFUL,
    "roll back": Health.FAILED,
    "error": Health.ERROR,
    "hold": Health.RUNNING,
}
"""How an arm's analysis is, by the word of its verdict."""


def diagnose(document: Mapping[str, Any]) -> Diagnosis:
    """How the whole release is: what is worst speaks first."""
    release = document["release"]
    if not document["processes"]:
        return Diagnosis(Health.DOWN, _what_starts_it(document))
    if troubles := list(_troubles(document)):
        return Diagnosis(Health.DEGRADED, "; ".join(troubles))
    if release.get("suspended"):
        return Diagnosis(Health.PAUSED, "suspended: everybody is answered Review_Required: contender resume")
    if change := release["change"]:
        return Diagnosis(Health.PROGRESSING, f"{change['event']} is unfinished, next comes: {change['pending'][0]}")
    return _at_rest(document)


def _what_starts_it(document: Mapping[str, Any]) -> str:
    task = document["task"]
    if document["release"]["champion"] is None:
        return f"no version has served yet: contender train --task {task}, then contender up --task {task}"
    return f"nothing is up: contender up --task {task}"


def _at_rest(document: Mapping[str, Any]) -> Diagnosis:
    """By the phase alone, when nothing is wrong and nothing under way."""
    release = document["release"]
    if release["champion"] is None:
        return Diagnosis(Health.PROGRESSING, "there is no champion yet")
    if held := release.get("holdout"):
        words = f"the new champion serves everyone but {held['share']:.2%}, held out on the old one: undo or finish"
        return Diagnosis(Health.HEALTHY if release["phase"] == "promoted" else Health.PROGRESSING, words)
    return (
        _WON if release["phase"] == "experimenting" and _decision(document) == "promote" else _PHASES[release["phase"]]
    )


def slot_health(slot: str, version: str, document: Mapping[str, Any]) -> Diagnosis:
    """How a slot is that should serve `version`: trusted for the version that it answers with."""
    process = process_in(slot, document)
    if process is None:
        return Diagnosis(Health.DOWN, "nothing runs there")
    if not process["ready"]:
        return Diagnosis(Health.DEGRADED, f"{slot} is not ready: {process['reason'] or 'it does not answer'}")
    if process["version"] != version:
        return Diagnosis(Health.DEGRADED, f"{slot} answers with version {process['version']}, expected {version}")
    return Diagnosis(Health.HEALTHY, "")


def process_in(name: str, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The process of a slot, or of that name."""
    found = (process for process in document["processes"] if name in (process["slot"], process["name"]))
    return next(found, None)


def analysis_health(experiment: Mapping[str, Any]) -> Health:
    """How the experiment's analysis is; one that ended without an answer is inconclusive."""
    verdict = experiment["verdict"]
    found = ANALYSES[verdict["decision"]] if verdict else Health.RUNNING
    ended = experiment["status"] != "running"
    return Health.INCONCLUSIVE if ended and found is Health.RUNNING else found


def _troubles(document: Mapping[str, Any]) -> Iterator[str]:
    routing = document["routing"] or {"arms": (), "shadow": None}
    for arm in (*routing["arms"], *filter(None, [routing["shadow"]])):
        found = slot_health(arm["slot"], arm["version"], document)
        if found.health is not Health.HEALTHY:
            yield f"{arm['name']}: {found.message}"
    for name in (BASELINE, "transformer"):
        process = process_in(name, document)
        if process is not None and not process["ready"]:
            yield f"{name} is not ready: {process['reason'] or 'it does not answer'}"
    yield from _speaks_against(document)


def _speaks_against(document: Mapping[str, Any]) -> Iterator[str]:
    decision, release = _decision(document), document["release"]
    if decision not in ("roll back", "error"):
        return
    told = f"{decision}, {document['experiment']['verdict']['reason']}"
    if release["phase"] == "experimenting":
        yield f"the verdict is {told}: contender abort"
    elif release.get("holdout"):
        yield f"the holdout's verdict is {told}: contender undo"


def _decision(document: Mapping[str, Any]) -> str | None:
    """The verdict's word, None while there is no experiment or nobody has looked."""
    verdict = (document["experiment"] or {}).get("verdict")
    return verdict["decision"] if verdict else None
