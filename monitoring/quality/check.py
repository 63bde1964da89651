"""Checks one file: survey it, judge it as a whole, then split it row by row into good and bad."""

from __future__ import annotations

import csv
import functools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np

from contender.errors import Conflict
from contender.tasks.catalog import rules_of
from contender.tasks.rules import Reference, RowFault
from contender.tasks.task import Task
from monitoring.quality.columns import Form, columns_of
from monitoring.quality.dialect import Unreadable, dialect_of
from monitoring.quality.findings import Finding, Tally
from monitoring.quality.id_forms import id_findings
from monitoring.quality.place import Shelf, alone, replacing, replacing_bytes
from monitoring.quality.report import Report
from monitoring.quality.rows import RowJudge
from monitoring.quality.survey import Hashes, Totals, learn, survey
from monitoring.quality.tabular import Chunk, chunks_of, digest_of, header_of
from monitoring.quality.whole import header_findings, held, share_findings

ROW: Final = "contender_row"
REASONS: Final = "contender_reasons"
FIELDS: Final = "contender_fields"
"""Columns that a file of bad rows has more: the row's number, its reasons, and an odd line's fields as JSON."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How files of one task are judged: against `reference`, with or without labels."""

    task: Task
    reference: Reference
    labelled: bool = True


def terms_for(task: Task, *, like: Path | None = None, labelled: bool = True) -> Terms:
    """The task's own terms, or with the reference that the file `like` (such as the rows trained on) teaches.

    Raises:
        Unreadable: `like` is of a form that is not read here, or has other columns than the task needs.
    """
    if like is None:
        return Terms(task, rules_of(task).reference, labelled)
    try:
        form = _form(task, header_of(like))
        if wrong := _header_findings(form, labelled=False):
            raise Unreadable("", f"{wrong[0].code} {wrong[0].column}".rstrip())
        return Terms(task, learn(like, form), labelled)
    except Unreadable as error:
        remedy = error.remedy or f"name a CSV file of {task.name}, such as the rows trained on"
        raise Unreadable(str(like), f"cannot be a reference: {error.message}", remedy=remedy) from error


class Checked(NamedTuple):
    """A report, and whether it is `new`: else the same bytes were judged so before, under whatever name."""

    report: Report
    new: bool


OnRows = Callable[[int], None]
"""Hears again and again how many rows of a file are split by now."""


def check_files(
    sources: Iterable[Path], terms: Terms, shelf: Shelf, on_rows: OnRows = lambda _: None
) -> Iterator[Checked]:
    """Check one file after the other, as nobody else does on this shelf; see `check_file`.

    Raises:
        Conflict: another check is at work on the shelf, or somebody still writes to a file.
        NotFound: no such file.
        InvalidInput: the shelf's folders cannot be written to.
    """
    with alone(shelf.good):
        for source in sources:
            known, report = shelf.report_of(digest_of(source)), check_file(source, terms, shelf, on_rows)
            yield Checked(report, known is None or report != replace(known, file=report.file))


def check_file(source: Path, terms: Terms, shelf: Shelf, on_rows: OnRows = lambda _: None) -> Report:
    """The report of `source`, whose rows are now in the shelf's folders; `source` itself is left as it is.

    A file whose rows were taken is not touched again: its first report comes back. One that was held is judged anew,
    for other terms may let its rows pass.

    Raises:
        NotFound: no such file.
        Conflict: the file changed while it was read; nothing of it was taken.
    """
    digest = digest_of(source)
    if (known := shelf.report_of(digest)) is not None and not known.held:
        return known
    report = Report(terms.task.name, source.name, digest)
    try:
        report = _checked(source, terms, _Split(shelf, on_rows), report)
    except Unreadable as error:
        note = error.message + (f"; {error.remedy}" if error.remedy else "")
        report = replace(report, findings=[replace(held(error.code), note=note)])
    held_file = shelf.held_file(source, digest)
    if report.held:
        _hold(source, held_file)
    shelf.record(report)
    if not report.held:
        held_file.unlink(missing_ok=True)
    return report


def _checked(source: Path, terms: Terms, split: _Split, report: Report) -> Report:
    form = _form(terms.task, header_of(source))
    wrong = _header_findings(form, labelled=terms.labelled)
    if wrong:
        return replace(report, findings=wrong)
    seen = survey(source, form)
    if not seen.rows:
        return replace(report, findings=[held("no_rows")])
    settled = {code: {**own, **terms.reference.pairs.get(code, {})} for code, own in seen.settled().items()}
    ids = np.frombuffer(seen.ids, np.uint64)
    split.write(source, RowJudge(form, settled, ids, split.shelf.history(report.digest)), report.digest)
    damaged = id_findings(seen.forms, form.task.id_column)
    shares = share_findings(seen, split.passed, terms.reference)
    findings = [*split.tally.findings(), *damaged, *shares, *_remarks(source)]
    good = split.passed.rows
    report = replace(report, rows=seen.rows, good=good, bad=seen.rows - good, findings=findings)
    return _described(report, split.passed, terms.reference)


def _remarks(source: Path) -> list[Finding]:
    """What is good to know of the file's form, and no fault."""
    return [replace(held("byte_order_mark"), severity="warning")] if dialect_of(source).marked else []


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

    shelf: Shelf
    on_rows: OnRows
    tally: Tally = field(default_factory=Tally)
    passed: Totals = field(default_factory=Totals)
    ids: list[Hashes] = field(default_factory=list)

    def write(self, source: Path, judge: RowJudge, digest: str) -> None:
        """Write both sides. Bad rows and ids appear before the good rows, and all before the journal's entry.

        Raises:
            Conflict: what was read the second time is not what was read the first; neither side appears.
        """
        shelf = self.shelf
        with ExitStack() as files:
            keep_ids = functools.partial(self._keep_ids, digest)
            good = files.enter_context(replacing(shelf.good_file(source, digest), before=keep_ids))
            bad = files.enter_context(replacing(shelf.bad_file(source, digest)))
            self._write_rows(chunks_of(source), judge, _writer(good), _writer(bad))
            if digest_of(source) != digest:
                message = f"{source} changed while it was checked"
                raise Conflict(message, remedy="check it again when it is complete")

    def _keep_ids(self, digest: str) -> None:
        self.shelf.remember(digest, np.concatenate(self.ids))

    def _write_rows(self, chunks: Iterable[Chunk], judge: RowJudge, good: Any, bad: Any) -> None:
        good.writerow(judge.form.names)
        bad.writerow([ROW, REASONS, FIELDS, *judge.form.names])
        for chunk in chunks:
            faults, ids = judge.judge(chunk)
            kept = chunk.without(faults.keys())
            good.writerows(kept.lines)
            bad.writerows(self._bad(chunk, faults))
            self.passed.add(judge.form, kept)
            self.ids.append(ids)
            self.on_rows(chunk.numbers[-1] if chunk.numbers else 0)

    def _bad(self, chunk: Chunk, faults: Mapping[int, Sequence[RowFault]]) -> list[list[object]]:
        rows: list[list[object]] = []
        for index in sorted(faults):
            self.tally.add(chunk.numbers[index], faults[index])
            rows.append([chunk.numbers[index], _reasons(faults[index]), "", *chunk.lines[index]])
        blank = [""] * len(chunk.columns)
        for number, fields, fault in chunk.odd:
            self.tally.add(number, [fault])
            rows.append([number, _reasons([fault]), json.dumps(fields, ensure_ascii=False), *blank])
        return rows


def _writer(content: IO[str]) -> Any:
    return csv.writer(content, lineterminator="\n")


def _reasons(faults: Iterable[RowFault]) -> str:
    return "; ".join(f"{fault.issue}/{fault.code}" + (f" {fault.column}" if fault.column else "") for fault in faults)
