"""The report that people look at: the verdict, evidently's page below it, and its distances.

evidently is imported when a report is made. Left to itself it calls a column drifted by a threshold of its own, and a
data set when half of its columns are: here it says of each column what the verdict says.
"""

from __future__ import annotations

import html as markup
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.tasks.task import Task
from monitoring.drift import compare
from monitoring.drift.reference import Reference, columns
from monitoring.drift.verdict import Signal, Verdict, Window

_NUMBERS: Final = "wasserstein"
_LEVELS: Final = "jensenshannon"
"""Left to itself evidently gives p-values for small references and distances for large ones."""


_ALWAYS: Final = 0.0
_NEVER: Final = 1e9
"""Thresholds of a distance: every distance is beyond the one, none beyond the other."""

_SMALLEST: Final = 0.001
"""A data set has drifted when one column has."""

_BODY: Final = "<body>"


def write_report(task: Task, reference: Reference, window: Window, verdict: Verdict, html: Path) -> dict[str, float]:
    """Write `verdict` and evidently's page to `html` and return its distance of each column: Wasserstein's in
    standard deviations for numbers, Jensen and Shannon's for levels.

    Distances say where to look; the verdict is `verdict.judge`'s. evidently writes all values that it draws into its
    page: it is given coarse ones (`compare.pictured`), each column in an order of its own, so that no row and no value
    of anybody can be read from it.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    current, before = _frames(task, reference, window)
    names = list(before.columns)
    numeric = [name for name in names if before[name].dtype.kind in "if"]
    kinds = DataDefinition(numerical_columns=numeric, categorical_columns=[n for n in names if n not in numeric])
    thresholds = {name: _ALWAYS if name in verdict.drifted else _NEVER for name in names}
    preset = DataDriftPreset(
        num_method=_NUMBERS, cat_method=_LEVELS, per_column_threshold=thresholds, drift_share=_SMALLEST
    )
    snapshot = Report([preset]).run(Dataset.from_pandas(current, kinds), Dataset.from_pandas(before, kinds))
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(with_verdict(snapshot.get_html_str(as_iframe=False), verdict), encoding="utf-8")
    return _distances(snapshot.dict())


def with_verdict(page: str, verdict: Verdict) -> str:
    """The HTML page `page` with `verdict` at the top of its body."""
    head, found, rest = page.partition(_BODY)
    return f"{head}{found}{_verdict(verdict)}{rest}" if found else _verdict(verdict) + page


def _verdict(verdict: Verdict) -> str:
    titles = "".join(f"<th>{title}</th>" for title in ("signal", "state", "distance", "p", "reference", "window"))
    ordered = sorted(verdict.signals, key=lambda one: -one.distance)
    style = "font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem 2rem; text-align: left"
    title = f"Drift of {verdict.task} version {verdict.version}: {verdict.state}"
    return (
        f'<section style="{style}"><h1>{markup.escape(title)}</h1><p>{markup.escape(verdict.reason)}</p>'
        f"<p>{verdict.rows:,} rows, {verdict.outcomes:,} outcomes. Distances are in units of the drift they would be. "
        "Below, evidently's pictures and distances; what it calls detected is what has drifted here.</p>"
        f'<table cellpadding="4"><tr>{titles}</tr>{"".join(map(_row, ordered))}</table></section>'
    )


def _row(one: Signal) -> str:
    measured = ("", one.problem) if one.problem else (_figure(one.what, one.reference), _figure(one.what, one.window))
    cells = (one.name, one.state, f"{one.distance:.2f}", f"{one.p:.1g}", *measured)
    return f"<tr>{''.join(f'<td>{markup.escape(cell)}</td>' for cell in cells)}</tr>"


def _figure(what: str, value: float | None) -> str:
    return "–" if value is None else f"{what} {value:.4g}"


def _distances(document: Mapping[str, Any]) -> dict[str, float]:
    found = (one for one in document["metrics"] if str(one["config"]["type"]).endswith("ValueDrift"))
    return {str(one["config"]["column"]): float(one["value"]) for one in found}


def _frames(task: Task, reference: Reference, window: Window) -> tuple[Any, Any]:
    """The window and the reference as frames with the same columns, whose rows are nobody's."""
    import pandas as pd  # type: ignore[import-untyped]  # pandas brings no types

    pairs: dict[str, tuple[compare.Values, compare.Values]] = {
        name: ([row.features[name] for row in reference.rows], [one.features[name] for one in window.seen])
        for name in columns(task)
    }
    pairs["score"] = [row.score for row in reference.rows], [one.score for one in window.seen]
    rng = np.random.default_rng(0)
    before = {name: _mixed(compare.pictured(kept, kept), rng) for name, (kept, _) in pairs.items()}
    now = {name: _mixed(compare.pictured(kept, came), rng) for name, (kept, came) in pairs.items()}
    return pd.DataFrame(now), pd.DataFrame(before)


def _mixed(values: compare.Values, rng: np.random.Generator) -> list[object]:
    return [values[index] for index in rng.permutation(len(values))]
