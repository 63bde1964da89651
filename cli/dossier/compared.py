"""What was compared, and on which terms: versions, lineage, offline metrics, the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cli.dossier import pictures
from cli.dossier.contents import Dossier
from cli.dossier.figures import moment, percent, plain, signed
from cli.dossier.markup import Html, element
from cli.dossier.pictures import Bar, Caption
from cli.dossier.tables import code, facts, grid, section
from contender.values import CHALLENGER, CHAMPION, ModelVersion

_LINEAGE: Final[Mapping[str, str]] = {
    "git_sha": "Code (git commit)",
    "schema_digest": "Schema digest",
    "features_version": "Features version",
    "data_digest": "Training data digest",
    "data_source": "Training data",
    "synthetic": "Synthetic rows",
    "train_rows": "Training rows",
    "label_noise": "Shuffled labels",
    "estimator": "Estimator",
    "kfp_run_id": "Pipeline run",
    "mlflow_run_id": "MLflow run",
    "gate": "Gate",
    "gate_reason": "Gate's reason",
    "gate_override": "Gate overridden because",
}
"""Tags of a version, in the order an auditor asks for them."""

_FIXED: Final[Mapping[str, str]] = {
    "unit": "Randomised by",
    "alpha": "α of the primary metric, over all looks",
    "restarts": "Experiments of the same pair before this one, which share α",
    "divide_alpha": "α divided among them",
    "window_s": "Window after the first answer in which outcomes count, seconds",
    "grace_s": "Grace for their arrival, seconds",
    "review_value": "Price of a review",
    "min_confidence": "Confidence under which an answer is reviewed",
    "power": "Power",
    "smallest_effect": "Smallest effect worth having",
    "tuning_units": "Units the interval is tuned to",
    "min_units": "Least units with a value in each arm",
    "horizon_units": "Horizon, units of both arms",
    "challenger_share": "Challengers' planned share, fixed from the first step on",
    "holdout": "Part of all people who stay on the champion after a promotion",
    "holdout_s": "How long they stay, seconds",
}


_BOUNDS: Final = ("_low", "_high")
"""What the names of a metric's interval end in."""


def compared(dossier: Dossier) -> Html:
    """The two versions, side by side."""
    models = [dossier.models[role] for role in (CHAMPION, CHALLENGER)]
    rows = [("Version", *(dossier.experiment[role] for role in (CHAMPION, CHALLENGER)), "")]
    rows += [_pair(name, models, read) for name, read in _readings(models)]
    note = "A version that the registry no longer knows has dashes." if None in models else None
    return section(
        "compared",
        "What was compared",
        grid("Champion and challenger", ("", CHAMPION, CHALLENGER, "same?"), rows),
        element("p", note) if note else None,
        _metrics(models),
    )


def plan(dossier: Dossier) -> Html:
    """The terms that were fixed before the start."""
    terms = dossier.plan
    other = {name: value for name, value in terms.items() if name not in {*_FIXED, "ramp", "metrics"}}
    rows = [(label, terms.get(name)) for name, label in _FIXED.items()]
    rows.append(("Part of α that this experiment spends", dossier.terms.level))
    rows += [(name.replace("_", " ").capitalize(), value) for name, value in sorted(other.items())]
    rows += [(f"Metric {metric['name']}", _metric(metric)) for metric in terms.get("metrics", ())]
    rows += [(f"Step {at} of the ramp", _step(*step)) for at, step in enumerate(terms.get("ramp", ()), start=1)]
    return section(
        "plan",
        "Plan",
        element("p", "These terms were fixed and hashed before the first person was assigned; they cannot be changed."),
        facts(
            {
                "Experiment": code(dossier.experiment["id"]),
                "Plan digest (sha256)": code(dossier.experiment["plan_digest"]),
                "Salt": code(dossier.experiment["salt"]),
                "Started": moment(dossier.experiment["started_at"]),
                "Steps of the ramp": ", ".join(percent(share, 0) for _, share in dossier.experiment["shares"]),
            }
        ),
        grid("Terms", ("term", "value"), rows),
    )


def _metric(metric: Mapping[str, Any]) -> str:
    needed = "must pass before a promotion" if metric.get("required", True) else "may stay open"
    margin = f", margin {plain(metric['margin'])}, {needed}" if metric["role"] == "guardrail" else ""
    window = f"window {plain(metric['window_s'])} s"
    return f"{metric['role']}, {metric['type']}, {metric['direction']} is good, {window}{margin}"


def _step(share: float, units: int) -> str:
    least = f", at least {units:,} of the challenger's people" if units else ""
    return f"{percent(share, 0)}{least}"


Reading = Callable[[ModelVersion], str]


def _readings(models: list[ModelVersion | None]) -> Iterator[tuple[str, Reading]]:
    yield "Semantic version", lambda model: model.semver
    yield "Serving artifact digest (sha256)", lambda model: model.digest
    known = {name for model in models if model for name, value in model.tags.items() if value}
    for name, label in _LINEAGE.items():
        if name in known:
            yield label, _tag(name)


def _tag(name: str) -> Reading:
    return lambda model: model.tags.get(name, "")


def _pair(label: str, models: list[ModelVersion | None], read: Reading) -> tuple[object, ...]:
    values = [read(model) if model else "" for model in models]
    return (label, *(code(value) for value in values), "same" if values[0] == values[1] else "differs")


def _metrics(models: list[ModelVersion | None]) -> list[Html | None] | None:
    measured = [model.metrics if model else {} for model in models]
    names = sorted({name for metrics in measured for name in metrics})
    if not names:
        return None
    plainly = [name for name in names if not name.endswith(_BOUNDS)]
    rows = [(name, *(_measured(name, metrics) for metrics in measured), _change(name, measured)) for name in plainly]
    table = grid("Offline metrics, on held-out rows of each training", ("metric", CHAMPION, CHALLENGER, "change"), rows)
    return [*(_drawn(name, measured) for name in plainly), table]


def _measured(name: str, metrics: Mapping[str, float]) -> str | None:
    if name not in metrics:
        return None
    bounds = _bounds(name, metrics)
    return plain(metrics[name]) + (f" ({plain(bounds[0])} to {plain(bounds[1])})" if bounds else "")


def _bounds(name: str, metrics: Mapping[str, float]) -> tuple[float, float] | None:
    low, high = (metrics.get(f"{name}{bound}") for bound in _BOUNDS)
    return None if low is None or high is None else (low, high)


def _drawn(name: str, measured: list[Mapping[str, float]]) -> Html | None:
    """A metric of both versions with its intervals as a picture, where training registered them."""
    pairs = zip((CHAMPION, CHALLENGER), measured, strict=True)
    rows = [Bar(role, metrics[name], *found) for role, metrics in pairs if (found := _bounds(name, metrics))]
    if not rows:
        return None
    told = "; ".join(f"{row.name} {plain(row.value)}, {plain(row.low)} to {plain(row.high)}" for row in rows)
    return pictures.bars(rows, Caption(f"offline-{name}", f"Offline {name}", f"Offline {name}: {told}."))


def _change(name: str, measured: list[Mapping[str, float]]) -> str:
    values = [metrics[name] for metrics in measured if name in metrics]
    return signed(values[1] - values[0]) if len(values) == 2 else plain(None)
