"""The report that people look at: the verdict, evidently's page below it, and its distances.

evidently is imported when a report is made. Left to itself it calls a column drifted by a threshold of its own, and a
data set when half of its columns are: here it says of each column what the verdict says.
"""

from __future__ import annotations

import html as markup
import warnings
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.tasks.task import Task
from monitoring.drift import compare
from monitoring.drift.reference import Reference, columns
from monitoring.drift.verdict import Signal, State, Verdict, Window

_NUMBERS: Final = "wasserstein"
_LEVELS: Final = "jensenshannon"
"""Left to itself evidently gives p-values for small references and distances for large ones."""


_ALWAYS: Final = 0.0
_NEVER: Final = 1e9
"""Thresholds of a distance: every distance is beyond the one, none beyond the other."""

_SMALLEST: Final = 0.001
"""A data set has drifted when one column has."""

_BODY: Final = "<body>"
_EMPTY: Final = '<!doctype html><html lang="en"><head><title>Drift</title></head><body></body></html>'

_ALARM: Final = "#ed0400"
_CALM: Final = "#4269d0"
"""evidently draws what came in alarm red, whether it drifted or not; here colour is the verdict's."""

_STYLE: Final = """<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body { margin: 0; max-width: 100vw; overflow-x: hidden; }
body > div, .scroll { max-width: 100%; overflow-x: auto; }
body > div > * { min-width: 720px; }
.verdict { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem 1rem; text-align: left; overflow-wrap: anywhere; }
.verdict h1 { font-size: 1.4rem; line-height: 1.2; }
.verdict table { border-collapse: collapse; }
.verdict th, .verdict td { padding: .2rem .8rem .2rem 0; text-align: left; white-space: nowrap; }
h1.drift, h1.error, tr.drift td, tr.error td { color: #b4432f; }
h1.warn, tr.warn td { color: #8a5a00; }
h1.ok { color: #2f7d5b; }
</style>"""

_Pairs = Mapping[str, tuple[compare.Values, compare.Values]]
"""By name of a column, what the reference and what the window holds of it."""


def write_report(task: Task, reference: Reference, window: Window, verdict: Verdict, html: Path) -> dict[str, float]:
    """Write `verdict` and evidently's page to `html` and return its distance of each column: Wasserstein's in
    standard deviations for numbers, Jensen and Shannon's for levels.

    Distances say where to look; the verdict is `verdict.judge`'s. evidently writes all values that it draws into its
    page: it is given coarse ones (`compare.pictured`), each column in an order of its own, so that no row and no value
    of anybody can be read from it. A column without any value on either side has no picture, and the page says so.
    """
    pairs = _pairs(task, reference, window)
    blank = {name: sides for name, pair in pairs.items() if (sides := _blank_sides(*pair))}
    drawn = {name: pair for name, pair in pairs.items() if name not in blank}
    pictures, distances = _pictures(drawn, verdict, set(blank)) if drawn else (_EMPTY, {})
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(with_verdict(pictures, verdict, blank), encoding="utf-8")
    return distances


def _pictures(pairs: _Pairs, verdict: Verdict, blank: Set[str]) -> tuple[str, dict[str, float]]:
    """evidently's page, and its distances; a `blank` column that drifted is not among its columns and counts."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    current, before = _frames(pairs)
    names = list(before.columns)
    numeric = [name for name in names if before[name].dtype.kind in "if"]
    kinds = DataDefinition(numerical_columns=numeric, categorical_columns=[n for n in names if n not in numeric])
    thresholds = {name: _ALWAYS if name in verdict.drifted else _NEVER for name in names}
    share = _ALWAYS if blank & set(verdict.drifted) else _SMALLEST
    preset = DataDriftPreset(
        num_method=_NUMBERS, cat_method=_LEVELS, per_column_threshold=thresholds, drift_share=share
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a window of one row it says so, at length
        snapshot = Report([preset]).run(Dataset.from_pandas(current, kinds), Dataset.from_pandas(before, kinds))
    return snapshot.get_html_str(as_iframe=False).replace(_ALARM, _CALM), _distances(snapshot.dict())


def with_verdict(page: str, verdict: Verdict, blank: Mapping[str, str] | None = None) -> str:
    """The HTML page `page` with `verdict` at the top of its body; `blank` says where a column is all blank, by name."""
    head, found, rest = page.partition(_BODY)
    section = _verdict(verdict, blank or {})
    return f"{head}{found}{_STYLE}{section}{rest}" if found else f"{_STYLE}{section}{page}"


def _verdict(verdict: Verdict, blank: Mapping[str, str]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in ("signal", "state", "distance", "p", "reference", "window"))
    ordered = sorted(verdict.signals, key=lambda one: -one.distance)
    title = f"Drift of {verdict.task} version {verdict.version}: {verdict.state}"
    return (
        f'<section class="verdict"><h1 class="{_class(verdict.state)}">{markup.escape(title)}</h1>'
        f"<p>{markup.escape(verdict.reason)}</p>"
        f"<p>{verdict.rows:,} rows, {verdict.outcomes:,} outcomes. Distances are in units of the drift they would be. "
        "Below, evidently's pictures and distances; what it calls detected is what has drifted here.</p>"
        f"{_without_pictures(blank)}"
        f'<div class="scroll"><table><tr>{titles}</tr>{"".join(map(_row, ordered))}</table></div></section>'
    )


def _without_pictures(blank: Mapping[str, str]) -> str:
    told = "; ".join(f"{name} is all blank in {sides}" for name, sides in blank.items())
    return f"<p>Without a picture: {markup.escape(told)}.</p>" if told else ""


def _class(state: State) -> str:
    return state.replace(" ", "-")


def _row(one: Signal) -> str:
    measured = ("", one.problem) if one.problem else (_figure(one.what, one.reference), _figure(one.what, one.window))
    cells = (one.name, one.state, f"{one.distance:.2f}", f"{one.p:.1g}", *measured)
    row = "".join(f"<td>{markup.escape(cell)}</td>" for cell in cells)
    return f'<tr class="{_class(one.state)}">{row}</tr>'


def _figure(what: str, value: float | None) -> str:
    return "–" if value is None else f"{what} {value:.4g}"


def _distances(document: Mapping[str, Any]) -> dict[str, float]:
    found = (one for one in document["metrics"] if str(one["config"]["type"]).endswith("ValueDrift"))
    return {str(one["config"]["column"]): float(one["value"]) for one in found}


def _pairs(task: Task, reference: Reference, window: Window) -> _Pairs:
    """What the reference and the window hold of each column, and the scores: so coarse that a picture may show it."""
    raw: dict[str, tuple[compare.Values, compare.Values]] = {
        name: ([row.features.get(name) for row in reference.rows], [one.features.get(name) for one in window.seen])
        for name in columns(task)
    }
    raw["score"] = [row.score for row in reference.rows], [one.score for one in window.seen]
    return {name: (compare.pictured(kept, kept), compare.pictured(kept, came)) for name, (kept, came) in raw.items()}


def _any(values: compare.Values) -> bool:
    return any(value is not None for value in values)


def _blank_sides(before: compare.Values, now: compare.Values) -> str:
    """Where no value is at all, in words; empty where both sides have some."""
    return " and ".join(side for side, values in (("the reference", before), ("the window", now)) if not _any(values))


def _frames(pairs: _Pairs) -> tuple[Any, Any]:
    """The window and the reference as frames with the same columns, whose rows are nobody's."""
    import pandas as pd  # type: ignore[import-untyped]  # pandas brings no types

    rng = np.random.default_rng(0)
    before = {name: _mixed(kept, rng) for name, (kept, _) in pairs.items()}
    now = {name: _mixed(came, rng) for name, (_, came) in pairs.items()}
    return pd.DataFrame(now), pd.DataFrame(before)


def _mixed(values: compare.Values, rng: np.random.Generator) -> list[object]:
    return [values[index] for index in rng.permutation(len(values))]
