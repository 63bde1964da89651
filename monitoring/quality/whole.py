"""What is wrong with a file as a whole: its columns, its blanks, its copies, its labels. Pure, from totals."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from contender.tasks.rules import Issue, Reference
from monitoring.quality.findings import Finding
from monitoring.quality.survey import Survey, Totals

LEAST_SHIFT: Final = 0.05
"""A share that moved by less is no shift, however many rows there are."""
SIGMAS: Final = 3.0
LEAST_ROWS: Final = 50
"""Shares of fewer rows say nothing."""
MOST_DUPLICATES: Final = 0.02


def header_findings(names: Sequence[str], needed: Sequence[str], allowed: Sequence[str]) -> list[Finding]:
    """Why the columns `names` make it impossible to read the rows: `needed` missing, a name doubled, one too many.

    A name that the task does not know is told by its position: where the header is missing it is somebody's data.
    """
    if not names:
        return [_held("no_header")]
    known = {*needed, *allowed}
    missing = [_held("column_missing", name) for name in needed if name not in names]
    doubled = [_held("column_doubled", name) for name, count in Counter(names).items() if count > 1 and name in known]
    strange = [str(place) for place, name in enumerate(names, start=1) if name not in known]
    extra = [_held("column_extra", note=f"position {', '.join(strange)}", count=len(strange))] if strange else []
    return [*missing, *doubled, *extra]


def held(code: str) -> Finding:
    """The finding that holds a whole file for a reason of its form."""
    return _held(code)


def _held(code: str, column: str = "", *, note: str = "", count: int = 0) -> Finding:
    return Finding(Issue.SCHEMA_DRIFT, code, column, "hold", count, note=note)


def share_findings(seen: Survey, passed: Totals, reference: Reference) -> list[Finding]:
    """Shares that moved away from the reference, blanks and labels; copies; and names never seen before.

    Shares are those of the rows that passed: they are what is learnt from, and setting rows aside can bias them.
    """
    copies = [*_duplicates("ids_doubled", seen.ids), *_duplicates("rows_copied", passed.contents)]
    moved = [*_missing(passed, reference), *_labels(passed, reference), *_single(passed, reference)]
    return [*moved, *copies, *_new(passed, reference)]


def shifted(found: float, expected: float, rows: int) -> bool:
    """Whether the share `found` among `rows` is further from `expected` than five points and three binomial sigma."""
    sigma = math.sqrt(expected * (1.0 - expected) / rows) if rows else math.inf
    return rows >= LEAST_ROWS and abs(found - expected) > max(LEAST_SHIFT, SIGMAS * sigma)


def _missing(seen: Totals, reference: Reference) -> Iterator[Finding]:
    found = seen.missing()
    for name, expected in reference.missing.items():
        # What is required is never blank in a reference: there a blank is the row's fault, and not told twice.
        if name in found and expected > 0 and shifted(found[name], expected, seen.rows):
            note = _moved(expected, found[name])
            yield Finding(Issue.MISSING_RATE_SHIFT, "blanks", name, "alert", seen.blanks[name], note=note)


def _labels(seen: Totals, reference: Reference) -> Iterator[Finding]:
    rows, found = seen.labels.total(), seen.shares()
    for label, expected in reference.labels.items():
        if shifted(found.get(label, 0.0), expected, rows):
            note = f"{label}: {_moved(expected, found.get(label, 0.0))}"
            yield Finding(Issue.LABEL_SHIFT, "label_share", "", "alert", seen.labels[label], note=note)


def _single(seen: Totals, reference: Reference) -> Iterator[Finding]:
    """Lists of one entry, where more are usual: they may be separated by something else."""
    found = seen.singles()
    for name, expected in reference.singles.items():
        share = found.get(name, 0.0)
        if share > expected and shifted(share, expected, seen.rows):
            note = f"lists of one entry: {_moved(expected, share)}; are they separated as they should be?"
            yield Finding(Issue.TYPE_ERROR, "list_of_one", name, "alert", seen.single[name], note=note)


def _duplicates(code: str, hashes: array[int]) -> Iterator[Finding]:
    stated = np.frombuffer(hashes, np.uint64)
    stated = stated[stated != 0]
    again = len(stated) - len(np.unique(stated))
    if again > MOST_DUPLICATES * max(len(stated), LEAST_ROWS):
        note = f"{again / len(stated):.1%} of the rows, at most {MOST_DUPLICATES:.0%} are usual"
        yield Finding(Issue.INCONSISTENT_OR_DUPLICATE, code, "", "alert", again, note=note)


def _new(seen: Totals, reference: Reference) -> Iterator[Finding]:
    for name, known in reference.known.items():
        counts: Mapping[str, int] = seen.values.get(name, {})
        new = [value for value in counts if value not in known]
        if new:
            rows = sum(counts[value] for value in new)
            note = f"{len(new)} values that the reference does not have"
            yield Finding(Issue.UNKNOWN_CATEGORY, "new_value", name, "warning", rows, note=note)


def _moved(expected: float, found: float) -> str:
    return f"{expected:.1%} expected, {found:.1%} found"
