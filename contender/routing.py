"""The one small document the transformer obeys: which arm owns which part of [0, 1), and where each arm is served."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from contender.errors import InvalidRouting
from contender.units import UnitForm
from contender.values import CHALLENGER, CHAMPION, SLOTS, FallbackPolicy

MAX_BYTES = 64 * 1024
"""A routing document is a few hundred bytes; anything near this size is not one."""

FORMATS: Final = (1, 2)
"""1: ranges grow from step to step, and everybody counts. 2: ranges stand, and their covered part grows."""

BUCKETS: Final = 10_000
"""Buckets of [0, 1): the finest share that an arm can have is 1 / BUCKETS."""

KNOWN_SLOTS: Final = (*SLOTS, "violet", "amber")
"""All names that slots may have. A task uses the first two; the others are for several challengers at once."""

_REMEDY = "write it with `contender promote`, `undo` or `experiment start`, not by hand"


def covered(low: float, high: float, coverage: float) -> float:
    """Where the first `coverage` of [low, high) ends, to the nearest bucket: it never shrinks as the coverage grows.

    >>> covered(0.5, 1.0, 0.2)
    0.6
    """
    first, width = round(low * BUCKETS), round(high * BUCKETS) - round(low * BUCKETS)
    return high if coverage >= 1.0 else (first + round(coverage * width)) / BUCKETS


@dataclass(frozen=True, slots=True)
class Arm:
    """A role in an experiment: served from `slot` at `version`, owning the buckets in [`low`, `high`).

    Of these only those below `covered` take part in the experiment as it is now; all of them by default.
    """

    name: str
    slot: str
    version: str
    low: float
    high: float
    covered: float = 1.0

    @property
    def share(self) -> float:
        """The part of all units that this arm owns, in [0, 1]."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class ExperimentRef:
    """Which experiment the exposures belong to, the salt that buckets its units, and the part of them it covers.

    `coverage` is None in documents of format 1: everybody takes part, and the ranges themselves grow. `unit_form` is
    how the ids of units are spelt; a document without it is of an experiment that began before they had a normal form.
    """

    id: str
    salt: str
    coverage: float | None = None
    unit_form: UnitForm = UnitForm.AS_SENT


@dataclass(frozen=True, slots=True)
class Routing:
    """A valid routing document. `generation` only grows; `arms` tile [0, 1) exactly; the champion is named first.

    While `suspended` no model is asked and every answer is the label of `fallback`; arms stay assigned as ever.
    `task_digest` and `signature` are reserved: kept as they are.
    """

    task: str
    generation: int
    experiment: ExperimentRef | None
    arms: tuple[Arm, ...]
    shadow: Arm | None
    fallback: FallbackPolicy
    suspended: bool = False
    task_digest: str | None = None
    signature: str | None = None

    def arm(self, name: str) -> Arm | None:
        """The arm of that name, or None."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def shares_now(self) -> dict[str, float]:
        """The part of all units that each arm gets now: whoever a challenger does not cover is the champion's."""
        champion, *others = self.arms
        given = {arm.name: round((min(arm.covered, arm.high) - arm.low) * BUCKETS) for arm in others}
        buckets = {champion.name: BUCKETS - sum(given.values())} | given
        return {name: number / BUCKETS for name, number in buckets.items()}

    def to_json(self) -> str:
        """The document as it is written: the same bytes in a file and in a ConfigMap.

        Format 2 with an experiment that has a coverage. Without one it is the document that readers of an older version
        know, who would take the whole ranges for covered.
        """
        coverage = self.experiment.coverage if self.experiment else None
        document = {
            "task": self.task,
            "generation": self.generation,
            "experiment": _experiment_document(self.experiment) if self.experiment else None,
            "arms": [_arm_document(arm, coverage) for arm in self.arms],
            "shadow": _arm_document(self.shadow) if self.shadow else None,
            "fallback": asdict(self.fallback),
        }
        if coverage is None:
            return json.dumps(document | ({"suspended": True} if self.suspended else {}))
        reserved = {"task_digest": self.task_digest, "signature": self.signature}
        return json.dumps({"format": 2, **document, "suspended": self.suspended, **reserved})


def challenger_name(number: int) -> str:
    """The arm of the challenger that was placed as that one, from 0 on.

    >>> challenger_name(0), challenger_name(1)
    ('challenger', 'challenger-2')
    """
    return CHALLENGER if number == 0 else f"{CHALLENGER}-{number + 1}"


def parse(document: bytes | str) -> Routing:
    """The routing that `document` states.

    Raises:
        InvalidRouting: naming the field; the caller keeps the routing it has.
    """
    if len(document) > MAX_BYTES:
        raise InvalidRouting("routing", f"larger than {MAX_BYTES} bytes", remedy=_REMEDY)
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidRouting("routing", f"not JSON: {error}", remedy=_REMEDY) from error
    return _Reader("routing", raw).routing()


def _experiment_document(experiment: ExperimentRef) -> dict[str, object]:
    coverage = {} if experiment.coverage is None else {"coverage": experiment.coverage}
    form = {} if experiment.unit_form is UnitForm.AS_SENT else {"unit_form": experiment.unit_form.value}
    return {"id": experiment.id, "salt": experiment.salt, **coverage, **form}


def _arm_document(arm: Arm, coverage: float | None = None) -> dict[str, object]:
    """The arm as it is written: where it is covered to only if that is not what the experiment's coverage says."""
    usual = coverage is None or arm.covered == covered(arm.low, arm.high, coverage)
    own = {} if usual else {"covered": arm.covered}
    return {"name": arm.name, "slot": arm.slot, "version": arm.version, "range": [arm.low, arm.high], **own}


class _Reader:
    """One JSON object of the document, read field by field with the field's path at hand for the error."""

    def __init__(self, path: str, raw: object) -> None:
        if not isinstance(raw, Mapping):
            raise InvalidRouting(path, "must be an object", remedy=_REMEDY)
        self._path, self._raw = path, raw

    def routing(self) -> Routing:
        generation = self._typed("generation", int)
        if generation < 0:
            raise self._wrong("generation", "must not be negative")
        written = self._format()
        experiment = self._child("experiment").experiment(written) if self._raw.get("experiment") is not None else None
        coverage = experiment.coverage if experiment else None
        arms = tuple(reader.arm(coverage) for reader in self._each("arms"))
        self._check_arms(arms)
        return Routing(
            task=self._text("task"),
            generation=generation,
            experiment=experiment,
            arms=arms,
            shadow=self._child("shadow").arm() if self._raw.get("shadow") is not None else None,
            fallback=self._child("fallback").fallback(),
            suspended=self._suspended(),
            task_digest=self._reserved("task_digest"),
            signature=self._reserved("signature"),
        )

    def arm(self, coverage: float | None = None) -> Arm:
        slot = self._text("slot")
        if slot not in KNOWN_SLOTS:
            raise self._wrong("slot", f"unknown slot {slot!r}, expected one of {', '.join(KNOWN_SLOTS)}")
        low, high = self._range()
        edge = 1.0 if coverage is None else self._edge(low, high, coverage)
        return Arm(self._text("name"), slot, self._text("version"), low, high, edge)

    def _edge(self, low: float, high: float, coverage: float) -> float:
        if self._raw.get("covered") is None:
            return covered(low, high, coverage)
        edge = self._number("covered", self._raw["covered"])
        if not low <= edge <= high:
            raise self._wrong("covered", "must lie in the arm's range")
        return edge

    def experiment(self, written: int) -> ExperimentRef:
        coverage = self._coverage() if written == 2 else None
        return ExperimentRef(self._text("id"), self._text("salt"), coverage, self._unit_form())

    def _unit_form(self) -> UnitForm:
        form = self._raw.get("unit_form", UnitForm.AS_SENT)
        if isinstance(form, bool) or form not in tuple(UnitForm):
            raise self._wrong("unit_form", "must be 1 or 2: a newer version of Contender wrote another")
        return UnitForm(form)

    def _coverage(self) -> float:
        coverage = self._number("coverage", self._raw.get("coverage"))
        if not 0.0 <= coverage <= 1.0:
            raise self._wrong("coverage", "must lie in [0, 1]")
        return coverage

    def _format(self) -> int:
        written = self._raw.get("format", 1)
        if isinstance(written, bool) or written not in FORMATS:
            known = " or ".join(map(str, FORMATS))
            raise self._wrong("format", f"must be {known}: a newer version of Contender wrote another")
        return int(written)

    def _reserved(self, name: str) -> str | None:
        return None if self._raw.get(name) is None else self._text(name)

    def fallback(self) -> FallbackPolicy:
        deadline = self._typed("deadline_ms", int)
        confidence = self._number("min_confidence", self._raw.get("min_confidence"))
        if deadline <= 0:
            raise self._wrong("deadline_ms", "must be positive")
        if not 0.0 <= confidence <= 1.0:
            raise self._wrong("min_confidence", "must lie in [0, 1]")
        return FallbackPolicy(deadline, confidence, self._text("label"))

    def _suspended(self) -> bool:
        value = self._raw.get("suspended", False)
        if not isinstance(value, bool):
            raise self._wrong("suspended", "must be true or false")
        return value

    def _range(self) -> tuple[float, float]:
        bounds = self._raw.get("range")
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise self._wrong("range", "must be [low, high]")
        low, high = (self._number("range", bound) for bound in bounds)
        if not 0.0 <= low <= high <= 1.0:
            raise self._wrong("range", "must satisfy 0 <= low <= high <= 1")
        return low, high

    def _check_arms(self, arms: tuple[Arm, ...]) -> None:
        if not arms or arms[0].name != CHAMPION:
            raise self._wrong("arms", "must begin with the champion")
        if len({arm.name for arm in arms}) != len(arms):
            raise self._wrong("arms", "names must be unique")
        ordered = sorted(arms, key=lambda arm: (arm.low, arm.high))
        edges = [0.0, *(arm.high for arm in ordered)]
        if edges[-1] != 1.0 or any(arm.low != edge for arm, edge in zip(ordered, edges, strict=False)):
            raise self._wrong("arms", "ranges must tile [0, 1] without gap or overlap")

    def _wrong(self, name: str, problem: str) -> InvalidRouting:
        return InvalidRouting(f"{self._path}.{name}", problem, remedy=_REMEDY)

    def _typed(self, name: str, kind: type[Any]) -> Any:
        value = self._raw.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(name, f"must be {kind.__name__}")
        return value

    def _text(self, name: str) -> str:
        text: str = self._typed(name, str)
        if not text:
            raise self._wrong(name, "must not be empty")
        return text

    def _number(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise self._wrong(name, "must be a finite number")
        return float(value)

    def _child(self, name: str) -> _Reader:
        return _Reader(f"{self._path}.{name}", self._raw.get(name))

    def _each(self, name: str) -> list[_Reader]:
        items: list[object] = self._typed(name, list)
        return [_Reader(f"{self._path}.{name}[{index}]", item) for index, item in enumerate(items)]
