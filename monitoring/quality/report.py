"""The record of one checked file: counts, shares and row numbers. What it holds may be shown to anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from contender.errors import InvalidInput
from monitoring.quality.findings import Finding, is_faulty

Verdict = Literal["good", "faults", "held"]


@dataclass(frozen=True, slots=True)
class Report:
    """One file, checked: `good` and `bad` rows of `rows`; everything that was found; where the rows are now.

    `missing` and `labels` map a name to its share as expected (None where nothing is) and as found.
    """

    task: str
    file: str
    digest: str
    rows: int = 0
    good: int = 0
    bad: int = 0
    findings: Sequence[Finding] = ()
    missing: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)
    labels: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether the whole file is held: none of its rows was taken."""
        return any(finding.severity == "hold" for finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        """``good`` when nobody has to look; warnings do not count."""
        return "held" if self.held else "faults" if is_faulty(self.findings) else "good"

    def to_document(self) -> dict[str, Any]:
        """Plain JSON, with stable keys."""
        return {
            "task": self.task,
            "file": self.file,
            "digest": self.digest,
            "verdict": self.verdict,
            "rows": self.rows,
            "good": self.good,
            "bad": self.bad,
            "types": self.by_type(),
            "findings": [finding.to_document() for finding in self.findings],
            "missing": {name: list(pair) for name, pair in self.missing.items()},
            "labels": {name: list(pair) for name, pair in self.labels.items()},
        }

    def by_type(self) -> dict[str, int]:
        """How many faults of each type, of which a row may have several; an alert counts its rows, or 1, if more."""
        counts: dict[str, int] = {}
        for finding in self.findings:
            so_far = counts.get(finding.issue, 0)
            if finding.severity == "row":
                counts[finding.issue] = so_far + finding.count
            elif finding.severity != "warning":
                counts[finding.issue] = max(so_far, finding.count, 1)
        return counts


def parse(content: str) -> Report:
    """The report that `Report.to_document` described.

    Raises:
        InvalidInput: something else.
    """
    try:
        raw = json.loads(content)
        findings = [
            Finding(f["type"], f["code"], f["column"], f["severity"], f["count"], tuple(f["rows"]), f["note"])
            for f in raw["findings"]
        ]
        missing, labels = ({name: tuple(pair) for name, pair in raw[key].items()} for key in ("missing", "labels"))
        numbers = (raw["rows"], raw["good"], raw["bad"])
        return Report(raw["task"], raw["file"], raw["digest"], *numbers, findings, missing, labels)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("", "is not the report of a checked file") from error
