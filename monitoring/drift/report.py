"""The report that people look at: evidently's page and its distances. evidently is imported when one is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contender.tasks.task import Task
from monitoring.drift import compare
from monitoring.drift.reference import Reference, columns
from monitoring.drift.verdict import Window

_NUMBERS: Final = "wasserstein"
_LEVELS: Final = "jensenshannon"
"""Left to itself evidently gives p-values for small references and distances for large ones."""


def write_report(task: Task, reference: Reference, window: Window, html: Path) -> dict[str, float]:
    """Write evidently's page to `html` and return its distance of each column: Wasserstein's in
    standard deviations for numbers, Jensen and Shannon's for levels.

    Distances say where to look; the verdict is `verdict.judge`'s. Lists in a text become their number of entries, so
    the page shows levels and histograms, and no text that somebody wrote.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    current, before = _frames(task, reference, window)
    names = list(before.columns)
    numeric = [name for name in names if before[name].dtype.kind in "if"]
    kinds = DataDefinition(numerical_columns=numeric, categorical_columns=[n for n in names if n not in numeric])
    snapshot = Report([DataDriftPreset(num_method=_NUMBERS, cat_method=_LEVELS)]).run(
        Dataset.from_pandas(current, kinds), Dataset.from_pandas(before, kinds)
    )
    html.parent.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(html))
    return _distances(snapshot.dict())


def _distances(document: Mapping[str, Any]) -> dict[str, float]:
    found = (one for one in document["metrics"] if str(one["config"]["type"]).endswith("ValueDrift"))
    return {str(one["config"]["column"]): float(one["value"]) for one in found}


def _frames(task: Task, reference: Reference, window: Window) -> tuple[Any, Any]:
    """The window and the reference as frames with the same columns."""
    import pandas as pd  # type: ignore[import-untyped]  # pandas brings no types

    before, now = {}, {}
    for name in columns(task):
        kept = [row.features[name] for row in reference.rows]
        came = [one.features[name] for one in window.seen]
        before[name], now[name] = compare.countable(kept, kept), compare.countable(kept, came)
    before["score"], now["score"] = [r.score for r in reference.rows], [one.score for one in window.seen]
    return pd.DataFrame(now), pd.DataFrame(before)
