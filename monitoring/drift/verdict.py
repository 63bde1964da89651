"""The verdict on one window: ok, warn, drift, not enough data or error. Pure: rows in, verdict out.

A signal drifts when two things hold: chance does not explain the difference (Holm over all signals of the window, so
that the chance of *any* false alarm in a clean window stays under `Limits.alpha`), and it is large enough to matter
(a floor in the signal's own unit). The first alone would call every tiny difference of a large window drift, the
second alone the noise of a small one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from contender.errors import ContenderError
from contender.experiment.statistics.multiplicity import holm
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL, Prediction
from monitoring.drift import compare
from monitoring.drift.compare import Compared
from monitoring.drift.reference import Reference, ReferenceRow, columns

Kind = Literal["features", "prediction", "confidence", "reward", "calibration"]
State = Literal["not enough data", "ok", "warn", "drift", "error"]

KINDS: Final[tuple[Kind, ...]] = ("features", "prediction", "confidence", "reward", "calibration")
STATES: Final[tuple[State, ...]] = ("not enough data", "ok", "warn", "drift", "error")
"""From the least to the most pressing."""

MOST_COPIES: Final = 5
"""Copies of one row that a window may hold before they count as somebody who asks again and again."""

DECAY: Final[frozenset[Kind]] = frozenset({"reward", "calibration"})
"""The kinds that say that answers have become worse, not only that people are others."""


class Seen(NamedTuple):
    """A row that came in and what was said of it: its features, the label that the client was told, by which version.

    `score` and `confidence` are None where no model answered. `person` is the same for rows of the same person, None
    where nobody said who it is.
    """

    features: Mapping[str, object]
    label: str
    score: float | None
    confidence: float | None
    model_version: str | None
    person: bytes | None = None


class Known(NamedTuple):
    """An answer whose outcome is known: what was told, what came true, and what that was worth in [0, 1]."""

    label: str
    score: float | None
    outcome: object
    reward: float


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in [`since`, `until`), seconds since the epoch; outcomes may reach back to `known_since`.

    `total` is how many rows `seen` was drawn from, 0 where it is all of them.
    """

    since: float
    until: float
    seen: Sequence[Seen]
    known: Sequence[Known] = ()
    known_since: float | None = None
    total: int = 0


def _floors() -> Mapping[Kind, float]:
    return {"features": 0.1, "prediction": 0.1, "confidence": 0.05, "reward": 0.05, "calibration": 0.05}


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as drift.

    `alpha` is the chance of any false alarm in a clean window, `warn_alpha` that of any false warning. `floors` are
    the least distances by kind: of columns the share of people who are others, of the rest the difference of means.
    A warning needs half of it. Fewer than `least_rows` rows, or `least_known` outcomes, are not judged; neither are
    rows that count for less than `least_size`, being copies of a few.
    """

    alpha: float = 0.001
    warn_alpha: float = 0.01
    least_rows: int = 200
    least_known: int = 100
    least_size: float = 10.0
    floors: Mapping[Kind, float] = field(default_factory=_floors)


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that was compared. `p` is corrected for all signals of the window; `distance` 1 is the kind's floor."""

    name: str
    kind: Kind
    state: State
    distance: float
    p: float
    what: str = ""
    reference: float | None = None
    window: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one window says of drift: as pressing as its most pressing signal.

    `size` is what its `rows` count for (`thinned`, `effective_size`); they were drawn from `drawn_from`.
    """

    task: str
    version: str
    state: State
    reason: str
    since: float
    until: float
    rows: int
    size: float
    outcomes: int
    kinds: Mapping[Kind, State]
    signals: tuple[Signal, ...]
    drawn_from: int = 0

    @property
    def drifted(self) -> tuple[str, ...]:
        """The signals that drift, farthest first."""
        found = sorted((one for one in self.signals if one.state == "drift"), key=lambda one: -one.distance)
        return tuple(one.name for one in found)

    @property
    def decayed(self) -> bool:
        """Whether answers have become worse: reward or calibration drifts."""
        return any(self.kinds[kind] == "drift" for kind in DECAY)

    def to_document(self) -> dict[str, Any]:
        """The verdict as plain JSON values; no value that anybody sent is in it."""
        return asdict(self) | {"drifted": list(self.drifted), "decayed": self.decayed}


class _Measured(NamedTuple):
    name: str
    kind: Kind
    compared: Compared | None
    problem: str = ""


def judge(task: Task, reference: Reference, window: Window, limits: Limits | None = None) -> Verdict:
    """The verdict on `window`, held against what the version was judged on.

    It never raises for bad rows: a signal that cannot be measured is the state ``error``, never ``ok``.
    """
    limits = limits or Limits()
    views = _views(reference, window.seen, limits)
    size = max((view.size for view in views), default=0.0)
    inputs = _inputs(task, reference, views, limits)
    measured = [*inputs, *_results(task, reference, window.known, limits)]
    signals = _corrected(measured, limits)
    kinds: dict[Kind, State] = {kind: _of(kind, signals) for kind in KINDS}
    state = _overall(kinds)
    return Verdict(
        task=reference.task,
        version=reference.version,
        state=state,
        reason=_reason(state, signals, len(window.seen), limits),
        since=window.since,
        until=window.until,
        rows=len(window.seen),
        size=round(size, 1),
        outcomes=len(window.known),
        kinds=kinds,
        signals=signals,
        drawn_from=max(window.total, len(window.seen)),
    )


def unmeasured(task: str, version: str, at: float, error: ContenderError) -> Verdict:
    """The verdict where measuring failed: an error, with its reason."""
    kinds: dict[Kind, State] = dict.fromkeys(KINDS, "error")
    return Verdict(task, version, "error", f"drift could not be measured: {error}", at, at, 0, 0.0, 0, kinds, ())


def thinned(reference: Reference, seen: Sequence[Seen]) -> list[Seen]:
    """The rows with no more copies of any than `MOST_COPIES`, or than three times what the reference explains.

    Nor more than `MOST_COPIES` of any person, however their rows differ: somebody who asks a thousand times must not
    hide what the others are.
    """
    expected = max(Counter(_content(row.features) for row in reference.rows).values()) / len(reference.rows)
    most = max(MOST_COPIES, math.ceil(3.0 * expected * len(seen)))
    counts, persons, kept = Counter[tuple[str, ...]](), Counter[bytes](), []
    for one in seen:
        content = _content(one.features)
        counts[content] += 1
        if one.person is not None:
            persons[one.person] += 1
        if counts[content] <= most and (one.person is None or persons[one.person] <= MOST_COPIES):
            kept.append(one)
    return kept


def effective_size(reference: Reference, seen: Sequence[Seen]) -> float:
    """What the rows count for: as many as they are, or fewer where some are one person's, known by id or by equality.

    One person who asks again and again is one person, and every test here assumes independent rows. With ρ the chance
    that two rows are equal, beyond that of two rows of the reference, or that they are the same person's, n rows count
    for n/(1 + (n−1)ρ): Kish's design effect of clusters (Survey Sampling, 1965, section 5.4).
    """
    if not seen:
        return 0.0
    expected = _equal_pairs([_content(row.features) for row in reference.rows])
    beyond = max(0.0, _equal_pairs([_content(one.features) for one in seen]) - expected)
    # Who did not say who they are is taken for somebody else each time.
    same = _equal_pairs([index if one.person is None else one.person for index, one in enumerate(seen)])
    return len(seen) / (1.0 + (len(seen) - 1) * max(beyond, same))


def _equal_pairs(rows: Sequence[Hashable]) -> float:
    """The share of pairs of rows that are equal."""
    total = len(rows)
    equal = sum(count * (count - 1) for count in Counter(rows).values())
    return equal / (total * (total - 1)) if total > 1 else 0.0


def _content(features: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(repr(value) for _, value in sorted(features.items()))


class _View(NamedTuple):
    """Rows, and what they count for."""

    seen: Sequence[Seen]
    size: float

    def by(self, version: str) -> _View:
        """The rows that this version answered."""
        own = [one for one in self.seen if one.model_version == version and one.score is not None]
        return _View(own, self.size * len(own) / len(self.seen))


def _views(reference: Reference, seen: Sequence[Seen], limits: Limits) -> list[_View]:
    """The window as it is and, where some rows have many copies, without those: each only if it counts for enough.

    As it is, many who became alike are seen, and one who asks often counts for next to nothing, with all others.
    Without the copies, the others are seen.
    """
    if len(seen) < limits.least_rows:
        return []
    fewer = thinned(reference, seen)
    samples = [seen, fewer] if len(fewer) < len(seen) else [seen]
    views = [_View(sample, effective_size(reference, sample)) for sample in samples]
    return [view for view in views if view.size >= limits.least_size]


def _inputs(task: Task, reference: Reference, views: Sequence[_View], limits: Limits) -> list[_Measured]:
    """The signals of what came in, and of what this version said of it; none of the latter where it said too little."""
    if not views:
        return []
    rows = reference.rows
    found = [_measure(name, "features", partial(_column, name, rows, views)) for name in columns(task)]
    own = [view for view in (view.by(reference.version) for view in views) if len(view.seen) >= limits.least_rows]
    if not own:
        return found
    scores, told = [row.score for row in rows], [_told(task, row) for row in rows]
    confident = [row.confidence for row in rows]
    compared: list[tuple[str, Kind, Callable[[_View], Compared]]] = [
        ("score", "prediction", lambda view: compare.numbers(scores, [one.score for one in view.seen], view.size)),
        ("label", "prediction", lambda view: compare.levels(told, [one.label for one in view.seen], view.size)),
        (
            "confidence",
            "confidence",
            lambda view: compare.means(confident, [o.confidence for o in view.seen], view.size),
        ),
    ]
    return [*found, *(_measure(name, kind, partial(_worst, one, own)) for name, kind, one in compared)]


def _column(name: str, rows: Sequence[ReferenceRow], views: Sequence[_View]) -> Compared:
    before = [row.features[name] for row in rows]
    return _worst(lambda view: compare.column(before, [one.features[name] for one in view.seen], view.size), views)


def _worst(one: Callable[[_View], Compared], views: Sequence[_View]) -> Compared:
    return compare.worst([one(view) for view in views])


def _results(task: Task, reference: Reference, known: Sequence[Known], limits: Limits) -> list[_Measured]:
    """The signals of what became of the answers; none of too few outcomes."""
    if len(known) < limits.least_known:
        return []
    rows = reference.rows
    worth = [task.reward(Prediction(_told(task, row), row.confidence, row.score), row.outcome) for row in rows]
    return [
        _measure(
            "reward", "reward", lambda: _only_worse(compare.means(worth, [one.reward for one in known], len(known)))
        ),
        *_calibration(task, rows, known, limits),
    ]


def _calibration(task: Task, rows: Sequence[ReferenceRow], known: Sequence[Known], limits: Limits) -> list[_Measured]:
    """By how much answers are right more or less often than they are sure, on the whole and for every level of it."""
    answered = [one for one in known if one.label != REVIEW_LABEL and one.score is not None]
    if len(answered) < limits.least_known:
        return []
    # A binary task's score is the probability of one class, and whichever is the likelier was told.
    binary = any(abs(row.score - row.confidence) > 1e-9 for row in rows)
    passed = [row for row in rows if _told(task, row) != REVIEW_LABEL]
    before = [float(row.label == row.outcome) - row.confidence for row in passed]
    stated = [row.confidence for row in passed]

    def now() -> Compared:
        gaps = [float(one.label == task.label_of(one.outcome)) - _confidence(one, binary) for one in answered]
        sure = [_confidence(one, binary) for one in answered]
        binned = compare.by_confidence((stated, before), (sure, gaps))
        return compare.worst([compare.means(before, gaps, len(gaps)), binned])

    return [_measure("calibration", "calibration", now)]


def _confidence(one: Known, binary: bool) -> float:
    score = one.score or 0.0
    return max(score, 1.0 - score) if binary else score


def _told(task: Task, row: ReferenceRow) -> str:
    """What a client would have been told of a reference row."""
    return row.label if row.confidence >= task.policy.min_confidence else task.policy.label


def _only_worse(compared: Compared) -> Compared:
    return compared if compared.window < compared.reference else compared._replace(p=1.0, distance=0.0)


def _measure(name: str, kind: Kind, measure: Callable[[], Compared]) -> _Measured:
    try:
        return _Measured(name, kind, measure())
    except (ContenderError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        # Whatever a row holds instead of what the schema promises: not measured, which is never "no drift".
        return _Measured(name, kind, None, f"{name} could not be measured ({type(error).__name__})")


def _corrected(measured: Sequence[_Measured], limits: Limits) -> tuple[Signal, ...]:
    p_values = iter(holm([one.compared.p for one in measured if one.compared is not None]))
    return tuple(
        Signal(one.name, one.kind, "error", 0.0, 1.0, problem=one.problem)
        if one.compared is None
        else _signal(one.name, one.kind, one.compared._replace(p=next(p_values)), limits)
        for one in measured
    )


def _signal(name: str, kind: Kind, compared: Compared, limits: Limits) -> Signal:
    distance = compared.distance / limits.floors[kind]
    state: State = "ok"
    if compared.p <= limits.alpha and distance >= 1.0:
        state = "drift"
    elif compared.p <= limits.warn_alpha and distance >= 0.5:
        state = "warn"
    return Signal(name, kind, state, distance, compared.p, compared.what, compared.reference, compared.window)


def _of(kind: Kind, signals: Sequence[Signal]) -> State:
    return max((one.state for one in signals if one.kind == kind), key=STATES.index, default="not enough data")


def _overall(kinds: Mapping[Kind, State]) -> State:
    """The most pressing kind; fine only if what came in could be judged."""
    state = max(kinds.values(), key=STATES.index)
    return kinds["features"] if state == "ok" else state


def _reason(state: State, signals: Sequence[Signal], rows: int, limits: Limits) -> str:
    if state == "not enough data":
        few = f"{rows} rows, {limits.least_rows} are needed"
        return few if rows < limits.least_rows else f"{rows} rows are copies of fewer than {limits.least_size:g}"
    if state == "error":
        return "; ".join(one.problem for one in signals if one.problem)
    told = sorted((one for one in signals if one.state == state), key=lambda one: -one.distance)
    if state == "ok":
        return f"nothing has moved: {len(signals)} signals of {rows} rows"
    return "; ".join(_words(one) for one in told)


def _words(signal: Signal) -> str:
    return f"{signal.name} ({signal.what} {signal.reference:.3g} → {signal.window:.3g}, p {signal.p:.1g})"
