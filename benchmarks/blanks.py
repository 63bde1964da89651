"""What taking blanks for faults does to a file of job-change: ``python -m benchmarks.blanks FILE [--json]``.

Rows are thrown away by each of several rules, from a blank alone to blanks and company sizes that parsers stumble
over; printed are the share of the rows that is lost and the share of people who look for another job among the rest.
Nothing is drawn by chance, so there is no quick form.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from contender.tasks.catalog import task_named
from contender.tasks.job_change.schema import LOOKING

Row = Mapping[str, str]

RULES: Final[Mapping[str, frozenset[str]]] = {
    "blank": frozenset(),
    "blank_or_10_49_or_10000": frozenset({"10/49", "10000+"}),
    "blank_or_10_49_or_5000_up": frozenset({"10/49", "5000-9999", "10000+"}),
}
"""A rule's name, and the company sizes that it takes for faults besides blanks."""


def kept(rows: Sequence[Row], sizes: frozenset[str]) -> list[Row]:
    """The rows without a blank and of none of those company sizes."""
    return [row for row in rows if all(text.strip() for text in row.values()) and row["company_size"] not in sizes]


def looking(rows: Sequence[Row]) -> float:
    """The share of the rows whose person looks for another job, in percent."""
    task = task_named("job-change")
    return 100.0 * sum(task.label_of(row[task.target]) == LOOKING for row in rows) / max(1, len(rows))


def figures(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Both shares under every rule, and before."""
    found = {"looking_all": _figure(looking(rows))}
    for name, sizes in RULES.items():
        left = kept(rows, sizes)
        found[f"lost_{name}"] = _figure(100.0 * (1.0 - len(left) / len(rows)))
        found[f"looking_{name}"] = _figure(looking(left))
    return found


def _figure(percent: float) -> dict[str, Any]:
    return {"value": round(percent, 2), "unit": "%", "goal": "stated", "ok": True}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a file of job-change, as it came")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with options.file.open(encoding="utf-8", newline="") as content:
        found = figures(list(csv.DictReader(content)))
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        return
    for name, figure in found.items():
        print(f"{name:36} {figure['value']:>7} {figure['unit']}")


if __name__ == "__main__":
    main()
