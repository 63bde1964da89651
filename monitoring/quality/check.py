"""Checks one file: survey it, judge it as a whole, then split it row by row into good and bad."""

from __future__ import annotations

import csv
import json
import shutil
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np

from contender.tasks.catalog import rules_of
from contender.tasks.rules import Reference, RowFault
from contender.tasks.task import Task
from monitoring.quality.columns import Form, columns_of
from monitoring.quality.findings import Finding, Tally
from monitoring.quality.place import Shelf, alone, replacing, replacing_bytes
from monitoring.quality.report import Report
from monitoring.quality.rows import RAGGED, RowJudge
from monitoring.quality.survey import Totals, id_hashes, learn, survey
from monitoring.quality.tabular import Chunk, Unreadable, chunks_of, digest_of, header_of, starts_with_mark
from monitoring.quality.whole import header_findings, held, share_findings

ROW: Final = "contender_row"
REASONS: Final = "contender_reasons"
FIELDS: Final = "contender_fields"
"""Columns that a file of bad rows has more: the row's number, its reasons, and a ragged line's fields as JSON."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How files of one task are judged: against `reference`, with or without labels."""

    task: Task
    reference: Reference
    labelled: bool = True


def terms_for(task: Task, *, like: Path | None = None, labelled: bool = True) -> Terms:
    """The task's own terms, or with the reference that the file `like` (such as the rows trained on) teaches.

    Raises:
        Unreadable: `like` is not CSV in UTF-8, or has other columns than the task needs.
    """
    if like is None:
        return Terms(task, rules_of(task).reference, labelled)
    form = _form(task, header_of(like))
    if wrong := _header_findings(form, labelled=False):
        raise Unreadable(str(like), f"cannot be a reference: {wrong[0].code} {wrong[0].column}".rstrip())
    return Terms(task, learn(like, form), labelled)


class Checked(NamedTuple):
    """A report, and whether it is `new`: else the same bytes were checked before, under whatever name."""

    report: Report
    new: bool


def check_files(sources: Iterable[Path], terms: Terms, shelf: Shelf) -> Iterator[Checked]:
    """Check one file after the other, as nobody else does on this shelf; see `check_file`.

    Raises:
        Conflict: another check is at work on the shelf.
        NotFound: no such file.
    """
    with alone(shelf.good):
        for source in sources:
            known = shelf.report_of(digest_of(source))
            yield Checked(known or check_file(source, terms, shelf), known is None)


def check_file(source: Path, terms: Terms, shelf: Shelf) -> Report:
    """The report of `source`, whose rows are now in the shelf's folders; `source` itself is left as it is.

    A file that was checked before is not touched again: its first report comes back.

    Raises:
        NotFound: no such file.
    """
    digest = digest_of(source)
    if (known := shelf.report_of(digest)) is not None:
        return known
    report = Report(terms.task.name, source.name, digest)
    try:
        report = _checked(source, terms, shelf, report)
    except Unreadable as error:
        report = replace(report, findings=[replace(held("unreadable"), note=error.message)])
    if report.held:
        _hold(source, shelf.held_file(source, digest))
    shelf.record(report)
    return report


def _checked(source: Path, terms: Terms, shelf: Shelf, report: Report) -> Report:
    form = _form(terms.task, header_of(source))
    wrong = _header_findings(form, labelled=terms.labelled)
    if starts_with_mark(source):
        wrong.append(held("byte_order_mark"))
    if wrong:
        return replace(report, findings=wrong)
    seen = survey(source, form)
    if not seen.rows:
        return replace(report, findings=[held("no_rows")])
    settled = {code: {**own, **terms.reference.pairs.get(code, {})} for code, own in seen.settled().items()}
    judge = RowJudge(form, settled, seen.ids, shelf.history(report.digest))
    split = _Split(form, judge)
    split.write(source, shelf, report.digest)
    findings = [*split.tally.findings(), *share_findings(seen, split.passed, terms.reference)]
    good = split.passed.rows
    report = replace(report, rows=seen.rows, good=good, bad=seen.rows - good, findings=findings)
    return _described(report, split.passed, terms.reference)


def _described(report: Report, passed: Totals, reference: Reference) -> Report:
    missing = {name: (reference.missing.get(name), share) for name, share in passed.missing().items()}
    labels = {name: (reference.labels.get(name), share) for name, share in passed.shares().items()}
    return replace(report, missing=missing, labels=labels)


def _form(task: Task, names: tuple[str, ...]) -> Form:
    rules = rules_of(task)
    return Form(task, rules, columns_of(task, rules), names)


def _header_findings(form: Form, *, labelled: bool) -> list[Finding]:
    task = form.task
    needed = [name for name in form.columns if labelled or name != task.target]
    return header_findings(form.names, needed, (task.target, *task.protected))


def _hold(source: Path, target: Path) -> None:
    with replacing_bytes(target) as copy, source.open("rb") as content:
        shutil.copyfileobj(content, copy)


@dataclass(slots=True)
class _Split:
    """The second pass over a file: every row goes to one side or to the other."""

    form: Form
    judge: RowJudge
    tally: Tally = field(default_factory=Tally)
    passed: Totals = field(default_factory=Totals)
    ids: array[int] = field(default_factory=lambda: array("Q"))

    def write(self, source: Path, shelf: Shelf, digest: str) -> None:
        """Write both sides. Bad rows and ids appear before the good rows, and all before the journal's entry."""
        good_file, bad_file = shelf.good_file(source, digest), shelf.bad_file(source, digest)
        with ExitStack() as files:
            good = files.enter_context(
                replacing(good_file, before=lambda: shelf.remember(digest, np.frombuffer(self.ids, np.uint64)))
            )
            self._write_rows(source, _writer(good), _writer(files.enter_context(replacing(bad_file))))

    def _write_rows(self, source: Path, good: Any, bad: Any) -> None:
        good.writerow(self.form.names)
        bad.writerow([ROW, REASONS, FIELDS, *self.form.names])
        for chunk in chunks_of(source):
            faults = self.judge.faults(chunk)
            kept = chunk.without(faults.keys())
            good.writerows(kept.lines)
            bad.writerows(self._bad(chunk, faults))
            self.passed.add(self.form, kept)
            self.ids.extend(id_hashes(kept.columns[self.form.position[self.form.task.id_column]]))

    def _bad(self, chunk: Chunk, faults: Mapping[int, Sequence[RowFault]]) -> list[list[object]]:
        rows: list[list[object]] = []
        for index in sorted(faults):
            self.tally.add(chunk.numbers[index], faults[index])
            rows.append([chunk.numbers[index], _reasons(faults[index]), "", *chunk.lines[index]])
        blank = [""] * len(self.form.names)
        for number, fields in chunk.ragged:
            self.tally.add(number, [RAGGED])
            rows.append([number, _reasons([RAGGED]), json.dumps(fields, ensure_ascii=False), *blank])
        return rows


def _writer(content: IO[str]) -> Any:
    return csv.writer(content, lineterminator="\n")


def _reasons(faults: Iterable[RowFault]) -> str:
    return "; ".join(f"{fault.issue}/{fault.code}" + (f" {fault.column}" if fault.column else "") for fault in faults)
