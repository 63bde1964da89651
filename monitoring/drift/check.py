"""One check of a task: a window read from the store, held against the champion's reference, and kept as a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from contender.errors import ContenderError, InvalidInput
from contender.moments import DAY_S
from contender.tasks.task import Task
from contender.values import CHAMPION, UNASSIGNED
from monitoring.drift.reference import Reference
from monitoring.drift.verdict import Known, Limits, Seen, Verdict, Window, judge, unmeasured

NOTES: Final = "drift"
"""The kind of note that holds verdicts."""


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}


class Input(Protocol):
    """A sampled row as the store gives it back."""

    @property
    def row(self) -> Mapping[str, Any]:
        """The watched columns."""
        ...

    @property
    def label(self) -> str:
        """What the client was told."""
        ...

    @property
    def score(self) -> float | None:
        """The answering model's score."""
        ...

    @property
    def confidence(self) -> float | None:
        """The answering model's confidence."""
        ...

    @property
    def model_version(self) -> str | None:
        """Which version answered."""
        ...

    @property
    def person(self) -> bytes | None:
        """The same for rows of the same person; None where nobody said who it is."""
        ...


class Rewarded(Protocol):
    """An answer that was judged by its outcome."""

    @property
    def assigned_to(self) -> str:
        """The arm."""
        ...

    @property
    def label(self) -> str:
        """What the client was told."""
        ...

    @property
    def score(self) -> float | None:
        """The answering model's score."""
        ...

    @property
    def outcome(self) -> Any:
        """What came true."""
        ...

    @property
    def reward(self) -> float:
        """What the answer was worth, in [0, 1]."""
        ...


class DriftStore(Protocol):
    """What drift needs of the store."""

    def inputs(self, task: str, *, since: float, until: float | None = None, limit: int = 50_000) -> Sequence[Input]:
        """The sampled rows of the window, oldest first; of more than `limit` an even draw."""
        ...

    def input_count(self, task: str, *, since: float, until: float | None = None) -> int:
        """How many sampled rows the window holds."""
        ...

    def rewards_between(self, task: str, since: float, until: float) -> Sequence[Rewarded]:
        """The judged answers of the window."""
        ...

    def revise_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> None:
        """Keep a note, in place of an earlier one of that key."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Which data to look at: rows of the last `rows_s` seconds before `until`, outcomes of the last `outcomes_s`.

    Outcomes of answers from before `champion_since` are another version's and are left out.
    """

    until: float
    rows_s: float = 300.0
    outcomes_s: float = 7 * DAY_S
    champion_since: float = 0.0

    @property
    def outcomes_since(self) -> float:
        """Where the window of outcomes begins."""
        return max(self.until - self.outcomes_s, self.champion_since)


def window(store: DriftStore, task: str, span: Span) -> Window:
    """What the store holds of the span."""
    since = span.until - span.rows_s
    seen = [
        Seen(one.row, one.label, one.score, one.confidence, one.model_version, one.person)
        for one in store.inputs(task, since=since, until=span.until)
    ]
    known = [
        Known(one.label, one.score, one.outcome, one.reward)
        for one in store.rewards_between(task, span.outcomes_since, span.until)
        if one.assigned_to in (CHAMPION, UNASSIGNED)
    ]
    total = store.input_count(task, since=since, until=span.until)
    return Window(since, span.until, seen, known, span.outcomes_since, total)


def check(
    store: DriftStore, task: Task, reference: Reference, span: Span, limits: Limits | None = None
) -> tuple[Verdict, Window]:
    """The verdict on the span, kept as a note, and the window it was made from.

    Raises:
        Unavailable: the store does not answer: then nothing is known and nothing was kept.
    """
    found = window(store, task.name, span)
    verdict = judge(task, reference, found, limits)
    keep(store, verdict)
    return verdict, found


def keep(store: DriftStore, verdict: Verdict) -> None:
    """Keep a verdict under the end of its window."""
    store.revise_note(verdict.task, NOTES, f"{verdict.until:.3f}", verdict.until, verdict.to_document())


def failed(store: DriftStore, task: str, version: str, at: float, error: ContenderError) -> Verdict:
    """The verdict ``error`` for a check that could not be made, kept like any other."""
    verdict = unmeasured(task, version, at, error)
    keep(store, verdict)
    return verdict


def seconds(text: str, field: str = "window") -> float:
    """A length of time such as ``90s``, ``5m``, ``2h`` or ``7d``, in seconds.

    >>> seconds("5m"), seconds("1.5h")
    (300.0, 5400.0)

    Raises:
        InvalidInput: anything else, said of `field`.
    """
    try:
        found = float(text[:-1]) * _UNITS[text[-1:]]
    except (KeyError, ValueError) as error:
        raise InvalidInput(field, f"{text!r} is no length of time", remedy="write 90s, 5m, 2h or 7d") from error
    if not 0.0 < found < 366 * DAY_S:
        raise InvalidInput(field, "must be more than nothing and at most a year")
    return found
