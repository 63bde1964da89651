"""What stands above evidently's page, and pages of windows in which columns are blank, new or constant."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from contender.tasks.job_change.task import JobChange
from monitoring.drift.reference import Reference
from monitoring.drift.report import with_verdict, write_report
from monitoring.drift.verdict import KINDS, Seen, Signal, Verdict, Window, judge

TASK = JobChange()

DRIFTED = Verdict(
    "job-change",
    "7",
    "drift",
    "city & more",
    0.0,
    300.0,
    900,
    880.0,
    12,
    dict.fromkeys(KINDS, "ok"),
    (
        Signal("score", "prediction", "ok", 0.2, 0.6, "median", 0.125, None),
        Signal("city", "features", "drift", 3.0, 1e-9, "share of a level", 0.1, 0.4),
        Signal("gone", "features", "error", 0.0, 1.0, problem="<gone> could not be measured"),
    ),
)


def test_the_verdict_comes_first_and_the_farthest_signal_first_in_it() -> None:
    page = with_verdict("<html><body><p>pictures</p></body></html>", DRIFTED)
    assert page.startswith("<html><body><meta")
    assert '<tr class="drift"><td>city</td>' in page
    places = [page.index(text) for text in ("version 7: drift", "city &amp; more", ">city<", ">score<", "<p>pictures")]
    assert places == sorted(places)
    assert "<td>share of a level 0.4</td>" in page
    assert "<td>–</td>" in page, "what has no figure has none"


def test_what_is_said_is_text_and_no_markup() -> None:
    page = with_verdict("no body", DRIFTED)
    assert "&lt;gone&gt; could not be measured" in page
    assert page.endswith("no body")


def _with(rows: Sequence[Seen], **values: object) -> list[Seen]:
    return [one._replace(features={**one.features, **values}) for one in rows]


ODD: dict[str, Callable[[Sequence[Seen]], list[Seen]]] = {
    "company_size is all blank in the window": lambda rows: _with(rows, company_size=None),
    "training_hours is all blank in the window": lambda rows: _with(rows, training_hours=None),
    "score is all blank in the window": lambda rows: [
        one._replace(score=None, confidence=None, label=TASK.policy.label) for one in rows
    ],
    "city is all blank in the window; city_development": lambda rows: [
        one._replace(features=dict.fromkeys(one.features)) for one in rows
    ],
    "a column that is not there": lambda rows: [
        one._replace(features={name: value for name, value in one.features.items() if name != "city"}) for one in rows
    ],
    "a number that is none": lambda rows: _with(rows, training_hours=math.nan),
    "a text for a number": lambda rows: _with(rows, training_hours="36"),
    "a constant": lambda rows: _with(rows, training_hours=36, city="city_1"),
    "a new level": lambda rows: _with(rows, company_type="Cooperative"),
    "one row": lambda rows: _with(rows[:1], experience=None),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("what", ODD)
def test_a_page_comes_of_every_window(
    what: str,
    reference: Reference,
    people: list[dict[str, object]],
    seen: Callable[[Sequence[dict[str, object]]], list[Seen]],
    tmp_path: Path,
) -> None:
    window = Window(0.0, 300.0, ODD[what](seen(people[1_500:1_800])))
    verdict = judge(TASK, reference, window)
    distances = write_report(TASK, reference, window, verdict, tmp_path / "drift.html")
    page = (tmp_path / "drift.html").read_text(encoding="utf-8")
    assert f"version 7: {verdict.state}" in page
    assert " all blank " not in what or what in page
    assert "Cooperative" not in page
    assert "#ed0400" not in page
    json.dumps([distances, verdict.to_document()], allow_nan=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_column_that_the_reference_lacks_is_said_so_and_a_drift_of_it_is_detected(
    reference: Reference,
    people: list[dict[str, object]],
    seen: Callable[[Sequence[dict[str, object]]], list[Seen]],
    tmp_path: Path,
) -> None:
    blank = [replace(row, features={**row.features, "company_size": None}) for row in reference.rows]
    window = Window(0.0, 300.0, seen(people[1_500:1_800]))
    changed = replace(reference, rows=tuple(blank))
    verdict = judge(TASK, changed, window)
    assert verdict.drifted == ("company_size",)
    assert "company_size" not in write_report(TASK, changed, window, verdict, tmp_path / "drift.html")
    page = (tmp_path / "drift.html").read_text(encoding="utf-8")
    assert "company_size is all blank in the reference." in page
    assert "Dataset Drift is NOT detected" not in page
