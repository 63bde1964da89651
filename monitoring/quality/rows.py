"""What is wrong with each row of a chunk. Pure but for the memory of which doubled ids were met already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from contender import errors
from contender.number_forms import number_of
from contender.tasks.rules import Conflict, Dependency, Issue, RowFault
from monitoring.quality.columns import Column, Form
from monitoring.quality.survey import Hashes, repeated
from monitoring.quality.tabular import Chunk

Faults = defaultdict[int, list[RowFault]]
"""Index in the chunk to what is wrong with that row."""


class Judged(NamedTuple):
    """The faults of a chunk's rows, those without any left out, and the hashes of the ids of these others."""

    faults: Faults
    ids: Hashes


class RowJudge:
    """Judges the rows of one file, chunk by chunk and in order.

    `settled` holds for each dependency the number of each key, `ids` a hash for the id of every row that is not odd,
    `history` the sorted hashes of the ids of earlier good files.
    """

    def __init__(self, form: Form, settled: Mapping[str, Mapping[str, float]], ids: Hashes, history: Hashes) -> None:
        self.form, self._position, self._settled, self._history = form, form.position, settled, history
        self._ids, self._at = ids, 0
        self._doubled, self._met = repeated(ids), set[int]()

    def judge(self, chunk: Chunk) -> Judged:
        """What is wrong with the rows of the next chunk.

        Raises:
            errors.Conflict: there are more rows than when their ids were surveyed.
        """
        ids = self._ids[self._at : self._at + len(chunk.lines)]
        if len(ids) < len(chunk.lines):
            raise errors.Conflict("the file grew while it was checked", remedy="check it again when it is complete")
        self._at += len(chunk.lines)
        faults = self._faults(chunk, ids)
        return Judged(faults, np.delete(ids, list(faults)))

    def _faults(self, chunk: Chunk, ids: Hashes) -> Faults:
        found: Faults = defaultdict(list)
        for name, index in self._position.items():
            _judge_column(found, self.form.columns[name], chunk.columns[index])
        for conflict in self.form.rules.conflicts:
            _judge_conflict(found, conflict, self._texts(chunk, conflict.columns))
        for dependency in self.form.rules.dependencies:
            self._judge_dependency(found, dependency, chunk)
        self._judge_ids(found, ids)
        return found

    def _texts(self, chunk: Chunk, names: Sequence[str]) -> list[Sequence[str]]:
        return [chunk.columns[self._position[name]] for name in names]

    def _judge_dependency(self, found: Faults, dependency: Dependency, chunk: Chunk) -> None:
        settled = self._settled.get(dependency.code, {})
        keys, values = self._texts(chunk, (dependency.key, dependency.value))
        fault = RowFault(Issue.INCONSISTENT_OR_DUPLICATE, dependency.code, dependency.value)
        wrong = {pair for pair in set(zip(keys, values, strict=True)) if _differs(settled, *pair)}
        if wrong:
            for index, pair in enumerate(zip(keys, values, strict=True)):
                # A number that is out of range has that said of it already.
                if pair in wrong and not any(one.column == dependency.value for one in found.get(index, ())):
                    found[index].append(fault)

    def _judge_ids(self, found: Faults, hashes: Hashes) -> None:
        id_column = self.form.task.id_column
        known = np.isin(hashes, self._history)
        for index in np.flatnonzero(known | np.isin(hashes, self._doubled)).tolist():
            met, value = bool(known[index]), int(hashes[index])
            if met or value in self._met:
                code = "id_in_history" if met else "id_doubled"
                found[index].append(RowFault(Issue.INCONSISTENT_OR_DUPLICATE, code, id_column))
            self._met.add(value)


def _judge_column(found: Faults, column: Column, texts: Sequence[str]) -> None:
    wrong = {text: fault for text in set(texts) if (fault := column.fault(text))}
    if wrong:
        for index, text in enumerate(texts):
            if text in wrong:
                found[index].append(wrong[text])


def _judge_conflict(found: Faults, conflict: Conflict, columns: Sequence[Sequence[str]]) -> None:
    fault = RowFault(Issue.INCONSISTENT_OR_DUPLICATE, conflict.code, conflict.columns[-1])
    rows = list(zip(*columns, strict=True))
    wrong = {texts for texts in set(rows) if conflict.clashes(tuple(text.strip() for text in texts))}
    if wrong:
        for index, texts in enumerate(rows):
            if texts in wrong:
                found[index].append(fault)


def _differs(settled: Mapping[str, float], key: str, text: str) -> bool:
    number = number_of(text)
    return number is not None and settled.get(key.strip(), number) != number
