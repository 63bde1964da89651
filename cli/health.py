"""`contender health`: one page on how the model is, with reasons and the next commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, show, table
from cli.retraining import LIMITS
from contender.errors import ContenderError
from contender.moments import DAY_S
from contender.values import SHADOW, UNASSIGNED
from monitoring.drift.check import NOTES as DRIFT
from monitoring.drift.verdict import DECAY
from monitoring.retraining import ledger
from monitoring.retraining.triggers import BROKEN, Run, budget_left, living

State = Literal["ok", "warn", "bad", "unknown"]

ORDER: Final[tuple[State, ...]] = ("ok", "unknown", "warn", "bad")
"""From the best to the worst."""

COLOURS: Final[Mapping[State, str]] = {"ok": "green", "unknown": "dim", "warn": "yellow", "bad": "red"}

OLD_CHAMPION_S: Final = 30 * DAY_S
STALE_DRIFT_S: Final = 3600.0
STALE_QUALITY_S: Final = 8 * DAY_S
FALLBACK_WARN, FALLBACK_BAD = 0.01, 0.05
BACKLOG_WARN: Final = 0.5
"""A backlog of more than this share of a week's reviews means that nobody works on it."""

_OF_VERDICT: Final[Mapping[str, State]] = {
    "ok": "ok", "warn": "warn", "drift": "bad", "error": "bad", "not enough data": "unknown",
}  # fmt: skip


class Finding(NamedTuple):
    """How one side of the model's health is, why, and the command that comes next (or an empty text)."""

    name: str
    state: State
    reason: str
    next: str = ""


def health(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Freshness, drift, decay, fallback, review backlog, data quality, retraining: how each is, why, and what to do.

    Example: contender health --task job-role --json
    """
    document = health_document(workplace(task))
    show(document, as_json, _render)
    return 0


def health_document(place: Workplace) -> dict[str, Any]:
    """The findings as plain JSON with stable keys; `state` is the worst of them."""
    found = list(findings(place, time.time()))
    worst = max((one.state for one in found), key=ORDER.index)
    return {"task": place.task.name, "state": worst, "findings": [one._asdict() for one in found]}


def lines(place: Workplace) -> list[str]:
    """What a status says of all this: a line for each side that is not well, and one for the newest retraining run.

    Read from a few notes: cheap enough for every second.
    """
    now = time.time()
    found = [one for one in findings(place, now, ("drift", "decay", "quality")) if one.state in ("warn", "bad")]
    told = [f"{one.name}: {one.reason}" + (f": {one.next}" if one.next else "") for one in found]
    newest = ledger.runs(place.store, place.task.name, now, LIMITS)[:1]
    return [*told, *(f"retraining ({run.reason}): {_told(run, now)}" for run in newest)]


def findings(place: Workplace, now: float, names: Collection[str] | None = None) -> Iterator[Finding]:
    """Every side of the health of the workplace's task, or those named; what cannot be read is bad, and says why."""
    for name in _LOOKS if names is None else names:
        try:
            yield _LOOKS[name](place, now)
        except ContenderError as error:
            yield Finding(name, "bad", f"cannot be read: {error.message}", error.remedy)


def _freshness(place: Workplace, now: float) -> Finding:
    since = ledger.champion_since(place.store.audit(place.task.name))
    if since is None:
        return Finding("freshness", "unknown", "no champion serves yet", f"contender up --task {place.task.name}")
    state: State = "warn" if now - since > OLD_CHAMPION_S else "ok"
    retrain = f"contender retrain --task {place.task.name}" if state == "warn" else ""
    return Finding("freshness", state, f"the champion has served everyone for {_age(now - since)}", retrain)


def _drift(place: Workplace, now: float) -> Finding:
    newest = place.store.notes(place.task.name, DRIFT, limit=1)
    command = f"contender drift check --task {place.task.name}"
    if not newest:
        return Finding("drift", "unknown", "never checked", command)
    age, verdict = now - newest[0].at, newest[0].document
    reason = f"{verdict['state']}, {verdict['reason']} ({_age(age)} ago)"
    if age > STALE_DRIFT_S and verdict["state"] in ("ok", "not enough data"):
        return Finding("drift", "unknown", f"{reason}: too long ago", command)
    state = _OF_VERDICT[verdict["state"]]
    return Finding("drift", state, reason, "" if state == "ok" else f"contender drift report --task {place.task.name}")


def _decay(place: Workplace, now: float) -> Finding:
    del now
    newest = place.store.notes(place.task.name, DRIFT, limit=1)
    if not newest:
        return Finding("decay", "unknown", "never checked", f"contender drift check --task {place.task.name}")
    verdict = newest[0].document
    kinds = {kind: verdict["kinds"][kind] for kind in sorted(DECAY)}
    reason = ", ".join(f"{kind} {state}" for kind, state in kinds.items()) + f" ({verdict['outcomes']} outcomes)"
    state = max((_OF_VERDICT[found] for found in kinds.values()), key=ORDER.index)
    return Finding("decay", state, reason, f"contender retrain --task {place.task.name}" if state == "bad" else "")


def _fallback(place: Workplace, now: float) -> Finding:
    counts = place.store.exposure_counts(place.task.name, since=now - DAY_S)
    counts = {key: n for key, n in counts.items() if key[0] != SHADOW}
    total = sum(counts.values())
    if not total:
        return Finding("fallback", "unknown", "no prediction requests in the last 24 hours")
    fallen = sum(n for (arm, by, why), n in counts.items() if why and arm not in (by, UNASSIGNED))
    share = fallen / total
    state: State = "bad" if share > FALLBACK_BAD else "warn" if share > FALLBACK_WARN else "ok"
    reason = f"{share:.1%} of {total:,} predictions of the last day were not served as assigned"
    return Finding("fallback", state, reason, "" if state == "ok" else f"contender status --task {place.task.name}")


def _reviews(place: Workplace, now: float) -> Finding:
    week = now - 7 * DAY_S
    waiting = place.store.review_backlog(place.task.name, since=week)
    answered = place.store.answered_by_arm(place.task.name, since=week)
    handed = sum(all_ - labelled for arm, (all_, labelled) in answered.items() if arm != SHADOW)
    if not handed:
        return Finding("reviews", "ok", "no cases were sent for human review in the last 7 days")
    state: State = "warn" if waiting > BACKLOG_WARN * handed else "ok"
    reason = f"{waiting:,} of {handed:,} cases sent for human review in the last 7 days are still open"
    told = "contender outcome --prediction-id … --value …" if state == "warn" else ""
    return Finding("reviews", state, reason, told)


def _quality(place: Workplace, now: float) -> Finding:
    newest = place.store.notes(place.task.name, "quality", limit=1)
    command = f"contender quality check FILE --task {place.task.name}"
    if not newest:
        return Finding("quality", "unknown", "no file was ever checked", command)
    age, document = now - newest[0].at, newest[0].document
    found = ", ".join(f"{issue} {count:,}" for issue, count in document["types"].items()) or "no faults"
    reason = f"newest file {document['verdict']}: {found}; {document['good']:,} good rows ({_age(age)} ago)"
    stale: State = "unknown" if age > STALE_QUALITY_S else "ok"
    if document["verdict"] != "good":
        return Finding("quality", "warn", f"{reason}: {document['file']}", f"{command} --report quality.html")
    return Finding("quality", stale, reason, "" if stale == "ok" else command)


def _retraining(place: Workplace, now: float) -> Finding:
    runs = ledger.runs(place.store, place.task.name, now, LIMITS)
    left = f"{budget_left(runs, now, LIMITS)} of {LIMITS.most_runs} runs left in 30 days"
    if not runs:
        return Finding("retraining", "ok", f"no run in 30 days, {left}")
    newest = runs[0]
    state: State = "bad" if newest.result in BROKEN or _died(newest, now) else "ok"
    command = {
        "challenger": f"contender experiment start --task {place.task.name}",
        "failed": f"contender retrain --task {place.task.name}",
        "untrained": f"contender quality check FILE --task {place.task.name}",
    }.get(newest.result, "")
    return Finding("retraining", state, f"{newest.reason}: {_told(newest, now)}, {left}", command)


def _told(run: Run, now: float) -> str:
    if run.result == "challenger":
        return f"version {run.version} was registered {_age(now - (run.finished_at or now))} ago"
    if run.result == "running":
        return "stopped without reporting a result" if _died(run, now) else f"under way for {_age(now - run.at)}"
    return f"{run.result}, {run.message}"


def _died(run: Run, now: float) -> bool:
    return run.result == "running" and not living(run, now, LIMITS)


def _age(seconds: float) -> str:
    for unit, length in (("days", DAY_S), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


_LOOKS: Final[Mapping[str, Callable[[Workplace, float], Finding]]] = {
    "freshness": _freshness,
    "drift": _drift,
    "decay": _decay,
    "fallback": _fallback,
    "reviews": _reviews,
    "quality": _quality,
    "retraining": _retraining,
}


def _render(document: Mapping[str, Any]) -> Group:
    return Group(
        Text(f"{document['task']}: {document['state']}", style=f"bold {COLOURS[document['state']]}"), _table(document)
    )


def _table(document: Mapping[str, Any]) -> Table:
    grid = table("", "state", "why", "next")
    for one in document["findings"]:
        grid.add_row(one["name"], Text(one["state"], style=COLOURS[one["state"]]), one["reason"], one["next"])
    return grid


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(health)
