"""The reports of checked files as one self-contained HTML page with pictures: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from contender.plain_text import shown
from contender.tasks.rules import Issue
from monitoring.quality.report import Report
from monitoring.quality.sources import named

WORDS: Final[Mapping[Issue, str]] = {
    Issue.SCHEMA_DRIFT: "Columns are not those the task reads; the whole file is held.",
    Issue.MISSING_REQUIRED: "A value that must be there is blank.",
    Issue.MISSING_RATE_SHIFT: "Blanks, allowed as such, are more or fewer than they used to be.",
    Issue.TYPE_ERROR: "Not of the kind the column holds; spreadsheet damage can be mended.",
    Issue.OUT_OF_RANGE: "A number or length beyond what the schema allows.",
    Issue.UNKNOWN_CATEGORY: "A level that the task does not know.",
    Issue.INCONSISTENT_OR_DUPLICATE: "Two values contradict each other, or somebody is there twice.",
    Issue.LABEL_SHIFT: "What happened to people is distributed otherwise than it used to be.",
}


class Bar(NamedTuple):
    """One line of a picture: its name, its length and where a reference mark stands (both in [0, 1]), its text."""

    name: str
    length: float
    mark: float | None
    text: str
    off: bool = False


def page(reports: Sequence[Report], passed_over: Sequence[str] = ()) -> str:
    """One page for all `reports`, those that need somebody first. It holds counts and row numbers, no cell.

    `passed_over` names what lay beside the files and was not read.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=shown
    )
    ordered = sorted(reports, key=lambda report: ("held", "faults", "good").index(report.verdict))
    files = [_file(report) for report in ordered]
    faulty = sum(report.verdict != "good" for report in reports)
    template, beside = environment.get_template("report.html"), named(passed_over)
    return template.render(files=files, faulty=faulty, passed_over=beside, words=WORDS)


def _file(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "split": report.good / report.rows if report.rows else 0.0,
        "types": _types(report),
        # Of no rows there are no shares.
        "missing": [_share(report, name, *pair) for name, pair in report.missing.items() if report.good and any(pair)],
        "labels": [_share(report, name, *pair) for name, pair in _most(report.labels) if report.good],
    }


def _types(report: Report) -> list[Bar]:
    counts = report.by_type()
    most = max(counts.values(), default=1)
    return [
        Bar(issue, counts.get(issue, 0) / most, None, f"{counts.get(issue, 0):,}", counts.get(issue, 0) > 0)
        for issue in Issue
    ]


def _share(report: Report, name: str, expected: float | None, found: float) -> Bar:
    named = {finding.column or finding.note.partition(":")[0] for finding in _shifts(report)}
    text = f"{found:.1%}" if expected is None else f"{found:.1%}, {expected:.1%} expected"
    return Bar(name, found, expected, text, name in named)


def _shifts(report: Report) -> list[Any]:
    kinds = (Issue.MISSING_RATE_SHIFT, Issue.LABEL_SHIFT)
    return [finding for finding in report.findings if finding.issue in kinds]


def _most(labels: Mapping[str, tuple[float | None, float]]) -> list[tuple[str, tuple[float | None, float]]]:
    """The twelve most frequent labels: enough to see a change."""
    return sorted(labels.items(), key=lambda one: -one[1][1])[:12]
