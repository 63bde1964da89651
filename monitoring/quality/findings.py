"""What a check found, in counts and row numbers; no cell of the file is ever repeated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from contender.tasks.rules import Issue, RowFault

Severity = Literal["hold", "row", "alert", "warning"]
"""The whole file is held; a row is set aside; the file passes and somebody should look; good to know."""

ROWS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One case: its type and our word for it, the column, how many rows, the first of them; `note` says more."""

    issue: Issue
    code: str
    column: str
    severity: Severity
    count: int = 0
    rows: tuple[int, ...] = ()
    note: str = ""

    def to_document(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "type": str(self.issue),
            "code": self.code,
            "column": self.column,
            "severity": self.severity,
            "count": self.count,
            "rows": list(self.rows),
            "note": self.note,
        }


@dataclass(slots=True)
class Tally:
    """Row faults as they come: how many of each kind, and the numbers of the first."""

    counts: Counter[RowFault] = field(default_factory=Counter)
    first: defaultdict[RowFault, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, number: int, faults: Iterable[RowFault]) -> None:
        """Count the faults of row `number`."""
        for fault in faults:
            self.counts[fault] += 1
            if self.counts[fault] <= ROWS_SHOWN:
                self.first[fault].append(number)

    def findings(self) -> list[Finding]:
        """One finding for each kind of fault, the commonest first."""
        return [
            Finding(fault.issue, fault.code, fault.column, "row", count, tuple(self.first[fault]))
            for fault, count in self.counts.most_common()
        ]


def is_faulty(findings: Sequence[Finding]) -> bool:
    """Whether somebody has to look; warnings alone are no fault."""
    return any(finding.severity != "warning" for finding in findings)
