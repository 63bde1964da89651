"""What the demo says at its end: one object for programs, a page for people."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from cli.compose import Workplace
from cli.crowd import Tally
from cli.demo.run import Options, Told
from cli.output import figure, pairs, table
from cli.verdicts import interval_picture, verdict_lines
from contender.experiment.analysis import observe
from contender.experiment.inference import arm_mean, review_value
from contender.release import audit
from contender.values import BASELINE, CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from pipelines.local import RunResult


def document(place: Workplace, options: Options, told: Told, seconds: float) -> dict[str, Any]:
    """The whole story as plain JSON."""
    records = place.store.audit(place.task.name)
    runs = (told.champion, told.challenger)
    return {
        "task": place.task.name,
        "story": options.name.value,
        "synthetic": told.challenger.synthetic,
        "seconds": round(seconds, 1),
        "pipeline": {"seconds": round(sum(run.seconds for run in runs), 1), "runs": [_run(run) for run in runs]},
        "models": _models(place, told),
        "traffic": _traffic(told.tally),
        "experiment": _experiment(place, told),
        "release": {
            "promote_seconds": told.switches.promote_seconds,
            "undo_seconds": told.switches.undo_seconds,
            "failed_during_switch": told.switches.failed,
            "audit_records": len(records),
            "audit_ok": not audit.verify(records),
        },
    }


def _run(run: RunResult) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "seconds": round(run.seconds, 1),
        "steps": {name: round(seconds, 2) for name, seconds in run.steps.items()},
        "rows": dict(run.rows),
        "gate": dict(run.gate),
        "alias": run.alias,
    }


def _models(place: Workplace, told: Told) -> dict[str, Any]:
    baseline = place.registry.version(place.task.name, BASELINE)
    return {
        CHAMPION: _model(told.champion),
        CHALLENGER: _model(told.challenger),
        BASELINE: {
            "version": baseline.version,
            "semver": baseline.semver,
            "metrics": dict(told.challenger.metrics[BASELINE]),
        },
    }


def _model(run: RunResult) -> dict[str, Any]:
    return {"version": run.version, "semver": run.semver, "metrics": dict(run.metrics[CHALLENGER])}


def _traffic(tally: Tally) -> dict[str, Any]:
    return {
        "requests": tally.requests,
        "failed": tally.failed,
        "moved_units": tally.moved,
        "reviewed": tally.reviewed,
        **_percentiles(tally.latencies_ms),
        "requests_per_second": round(tally.asked / tally.seconds, 1) if tally.seconds else None,
    }


def _percentiles(latencies_ms: Sequence[float]) -> dict[str, float | None]:
    if len(latencies_ms) < 2:
        return {"p50_ms": None, "p95_ms": None, "p99_ms": None}
    cuts = statistics.quantiles(latencies_ms, n=100, method="inclusive")
    return {f"p{percent}_ms": round(cuts[percent - 1], 2) for percent in (50, 95, 99)}


def _experiment(place: Workplace, told: Told) -> dict[str, Any]:
    arms = observe(place.store, told.experiment).arms
    plan = told.experiment.plan
    means = {
        name: arm_mean(plan.primary, arms[name].metric(plan.primary.name), review_value(plan))
        for name in (CHAMPION, CHALLENGER)
    }
    verdict = told.verdict.to_document()
    return {
        **{
            name: {"units": one.units if one else 0, "mean": one.estimate.mean if one else None}
            for name, one in means.items()
        },
        "metrics": verdict["details"].get("metrics", {}),
        **{name: verdict[name] for name in ("effect", "interval", "p_value", "srm_p", "guardrails")},
        "verdict": verdict["decision"],
        "reason": verdict["reason"],
        "more_units": verdict["more_units"],
    }


def render(story: Mapping[str, Any], about: str, told: Told) -> Group:
    """The story's end as a person reads it."""
    source = "synthetic people" if story["synthetic"] else "people of the file, none of whom was trained on"
    title = f"{story['task']}, story “{story['story']}”: {about}"
    verdict = told.verdict.to_document()
    release, traffic = story["release"], story["traffic"]
    switches = {
        "promote": _seconds(release["promote_seconds"]),
        "undo": _seconds(release["undo_seconds"]),
        "failed meanwhile": release["failed_during_switch"],
        "audit": f"{release['audit_records']} records, chain {'holds' if release['audit_ok'] else 'BROKEN'}",
        "all of it": f"{story['seconds']:.0f} s, of which training {story['pipeline']['seconds']:.0f} s",
    }
    return Group(
        Panel(Text(title, no_wrap=False), subtitle=f"results on {source}", expand=False),
        _model_table(story["models"]),
        *_overrides(told),
        pairs(_traffic_lines(traffic), "traffic"),
        pairs(verdict_lines(verdict), "experiment"),
        interval_picture(verdict),
        pairs(switches, "release"),
    )


def _overrides(told: Told) -> list[Any]:
    """What the gate said against a model of the story, and why it was registered all the same."""
    runs = {CHAMPION: told.champion.gate, CHALLENGER: told.challenger.gate}
    against = {
        role: f"{gate['reason']}; overridden: {gate['override']}" for role, gate in runs.items() if gate["override"]
    }
    return [pairs(against, "against the gate")] if against else []


def _traffic_lines(traffic: Mapping[str, Any]) -> dict[str, object]:
    return {
        "requests": f"{traffic['requests']:,}, {traffic['failed']} failed",
        "people who changed arm": traffic["moved_units"],
        "handed to a person": traffic["reviewed"],
        "latency": " · ".join(f"p{p} {traffic[f'p{p}_ms']} ms" for p in (50, 95, 99)),
        "rate": f"{traffic['requests_per_second']} requests/s",
    }


def _model_table(models: Mapping[str, Any]) -> Any:
    metrics = list(models[CHALLENGER]["metrics"])
    grid = table("model", "version", "semver", *metrics, title="models, on held-out rows")
    for role, model in models.items():
        grid.add_row(role, str(model["version"]), model["semver"], *(figure(model["metrics"][m]) for m in metrics))
    return grid


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f} s"
