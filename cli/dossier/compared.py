"""What was compared, and on which terms: versions, lineage, offline metrics, the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cli.dossier.contents import Dossier
from cli.dossier.figures import moment, percent, plain, signed
from cli.dossier.markup import Html, element
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
    "metric": "Primary metric",
    "unit": "Randomised by",
    "alpha": "α of the primary metric, over all looks",
    "power": "Power",
    "smallest_effect": "Smallest effect worth having",
    "tuning_units": "Units the interval is tuned to",
    "min_units": "Least units with an outcome in each arm",
    "horizon_units": "Horizon, units of both arms",
    "challenger_share": "Challenger's planned share",
}


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
    other = {name: value for name, value in terms.items() if name not in _FIXED}
    rows = [(label, terms.get(name)) for name, label in _FIXED.items()]
    rows += [(name.replace("_", " ").capitalize(), value) for name, value in sorted(other.items())]
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


def _metrics(models: list[ModelVersion | None]) -> Html | None:
    measured = [model.metrics if model else {} for model in models]
    names = sorted({name for metrics in measured for name in metrics})
    if not names:
        return None
    rows = [(name, *(metrics.get(name) for metrics in measured), _change(name, measured)) for name in names]
    return grid("Offline metrics, on held-out rows of each training", ("metric", CHAMPION, CHALLENGER, "change"), rows)


def _change(name: str, measured: list[Mapping[str, float]]) -> str:
    values = [metrics[name] for metrics in measured if name in metrics]
    return signed(values[1] - values[0]) if len(values) == 2 else plain(None)
