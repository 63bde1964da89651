"""A file in totals: what must be known before its rows can be judged, and what the rows that pass are like."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInput
from contender.tasks.rules import Dependency, Reference
from contender.tasks.task import Task
from contender.units import key_of
from monitoring.quality.columns import Form
from monitoring.quality.id_forms import IdForm, forms_of
from monitoring.quality.tabular import Chunk, chunks_of

Hashes = NDArray[np.uint64]
"""The first 64 bits of BLAKE2b; 0 stands for a blank. A million texts share one with a chance of 1 in 37 million."""


@dataclass(slots=True)
class Survey:
    """One pass over every row: how many, a hash for each id, how ids are written, how often a key has each number."""

    rows: int = 0
    ids: array[int] = field(default_factory=lambda: array("Q"))
    forms: Counter[IdForm] = field(default_factory=Counter)
    pairs: dict[str, Counter[tuple[str, float]]] = field(default_factory=dict)

    def settled(self) -> dict[str, dict[str, float]]:
        """For every dependency the number that most rows of a key have; of equally many the smallest."""
        return {code: _majority(counts) for code, counts in self.pairs.items()}


@dataclass(slots=True)
class Totals:
    """Rows that pass, in totals: `single` counts lists of one entry, `contents` holds a hash of each row but its id."""

    rows: int = 0
    blanks: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    single: Counter[str] = field(default_factory=Counter)
    contents: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, form: Form, chunk: Chunk) -> None:
        """Count the rows of `chunk`."""
        position = form.position
        self.rows += len(chunk.lines)
        self.contents.extend(_content_hashes(chunk, position[form.task.id_column]))
        for name, index in position.items():
            column = chunk.columns[index]
            self.blanks[name] += sum(column.count(text) for text in set(column) if not text.strip())
        for name in form.rules.open_categories:
            self.values.setdefault(name, Counter()).update(map(str.strip, chunk.columns[position[name]]))
        for name, entries in form.rules.lists.items():
            self.single[name] += sum(entries(text) == 1 for text in chunk.columns[position[name]])
        if (target := position.get(form.task.target)) is not None:
            for text, count in Counter(chunk.columns[target]).items():
                self.labels.update(_labelled(form.task, text.strip(), count))

    def missing(self) -> dict[str, float]:
        """The share of blanks of every column, in [0, 1]."""
        return {name: count / max(1, self.rows) for name, count in self.blanks.items()}

    def singles(self) -> dict[str, float]:
        """The share of lists with one entry of every column that lists."""
        return {name: count / max(1, self.rows) for name, count in self.single.items()}

    def shares(self) -> dict[str, float]:
        """The share of every label among the labelled rows."""
        total = max(1, self.labels.total())
        return {label: count / total for label, count in sorted(self.labels.items())}


def survey(path: Path, form: Form) -> Survey:
    """Survey the file at `path`, whose header `form` states.

    Raises:
        Unreadable: the file is of a form that is not read here.
    """
    seen, position = Survey(), form.position
    for chunk in chunks_of(path):
        seen.rows += len(chunk.numbers) + len(chunk.odd)
        ids = chunk.columns[position[form.task.id_column]]
        seen.ids.extend(id_hashes(ids))
        seen.forms.update(forms_of(ids))
        for dependency in form.rules.dependencies:
            _count_pairs(seen.pairs.setdefault(dependency.code, Counter()), dependency, form, chunk)
    return seen


def learn(path: Path, form: Form) -> Reference:
    """What the rows of the file at `path`, all taken as they are, teach about others of their kind.

    Raises:
        Unreadable: the file is of a form that is not read here.
    """
    totals = Totals()
    for chunk in chunks_of(path):
        totals.add(form, chunk)
    known = {name: frozenset(counts) for name, counts in totals.values.items()}
    return Reference(totals.missing(), totals.shares(), known, survey(path, form).settled(), totals.singles())


def id_hashes(texts: Iterable[str]) -> list[int]:
    """A hash for the normal form of each id, which is one person's; 0 for a blank one."""
    return [hash_of(key) if (key := key_of(text)) else 0 for text in texts]


def hash_of(text: str) -> int:
    """The first 64 bits of BLAKE2b, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def repeated(hashes: Hashes) -> Hashes:
    """The hashes that occur more than once, sorted; a blank id is not one of them."""
    found, counts = np.unique(hashes, return_counts=True)
    several: Hashes = found[(counts > 1) & (found != 0)]
    return several


def _content_hashes(chunk: Chunk, id_position: int) -> list[int]:
    after = id_position + 1
    return [hash_of("\x1f".join((*line[:id_position], *line[after:]))) for line in chunk.lines]


def _count_pairs(counts: Counter[tuple[str, float]], dependency: Dependency, form: Form, chunk: Chunk) -> None:
    """How often each key comes with each number; what is at fault by itself proves nothing about the other."""
    key_judge, value_judge, position = form.columns[dependency.key], form.columns[dependency.value], form.position
    columns = (chunk.columns[position[name]] for name in (dependency.key, dependency.value))
    for (key, text), count in Counter(zip(*columns, strict=True)).items():
        if key_judge.fault(key) is None and value_judge.fault(text) is None:
            counts[key.strip(), float(text)] += count


def _labelled(task: Task, text: str, count: int) -> dict[str, int]:
    try:
        return {task.label_of(text): count}
    except InvalidInput:
        return {}


def _majority(counts: Mapping[tuple[str, float], int]) -> dict[str, float]:
    ordered = sorted(counts.items(), key=lambda one: (one[1], -one[0][1]))
    return {key: number for (key, number), _ in ordered}
