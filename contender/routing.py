"""The one small document the transformer obeys: which arm owns which part of [0, 1), and where each arm is served."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from contender.errors import InvalidRouting
from contender.values import CHALLENGER, CHAMPION, SLOTS, FallbackPolicy

MAX_BYTES = 64 * 1024
"""A routing document is a few hundred bytes; anything near this size is not one."""

KNOWN_SLOTS: Final = (*SLOTS, "violet", "amber")
"""All names that slots may have. A task uses the first two; the others are for several challengers at once."""

_REMEDY = "write it with `contender promote`, `undo` or `experiment start`, not by hand"


@dataclass(frozen=True, slots=True)
class Arm:
    """A role in an experiment: served from `slot` at `version`, owning the buckets in [`low`, `high`)."""

    name: str
    slot: str
    version: str
    low: float
    high: float

    @property
    def share(self) -> float:
        """The part of all units that this arm owns, in [0, 1]."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class ExperimentRef:
    """Which experiment the exposures belong to, and the salt that buckets its units."""

    id: str
    salt: str


@dataclass(frozen=True, slots=True)
class Routing:
    """A valid routing document. `generation` only grows; `arms` tile [0, 1) exactly, champion first.

    While `suspended` no model is asked and every answer is the label of `fallback`; arms stay assigned as ever.
    """

    task: str
    generation: int
    experiment: ExperimentRef | None
    arms: tuple[Arm, ...]
    shadow: Arm | None
    fallback: FallbackPolicy
    suspended: bool = False

    def arm(self, name: str) -> Arm | None:
        """The arm of that name, or None."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def to_json(self) -> str:
        """The document as it is written: the same bytes in a file and in a ConfigMap."""
        return json.dumps(
            {
                "task": self.task,
                "generation": self.generation,
                "experiment": asdict(self.experiment) if self.experiment else None,
                "arms": [_arm_document(arm) for arm in self.arms],
                "shadow": _arm_document(self.shadow) if self.shadow else None,
                "fallback": asdict(self.fallback),
            }
            | ({"suspended": True} if self.suspended else {})
        )


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


def _arm_document(arm: Arm) -> dict[str, object]:
    return {"name": arm.name, "slot": arm.slot, "version": arm.version, "range": [arm.low, arm.high]}


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
        arms = tuple(reader.arm() for reader in self._each("arms"))
        self._check_arms(arms)
        return Routing(
            task=self._text("task"),
            generation=generation,
            experiment=self._child("experiment").experiment() if self._raw.get("experiment") is not None else None,
            arms=arms,
            shadow=self._child("shadow").arm() if self._raw.get("shadow") is not None else None,
            fallback=self._child("fallback").fallback(),
            suspended=self._suspended(),
        )

    def arm(self) -> Arm:
        slot = self._text("slot")
        if slot not in KNOWN_SLOTS:
            raise self._wrong("slot", f"unknown slot {slot!r}, expected one of {', '.join(KNOWN_SLOTS)}")
        low, high = self._range()
        return Arm(self._text("name"), slot, self._text("version"), low, high)

    def experiment(self) -> ExperimentRef:
        return ExperimentRef(self._text("id"), self._text("salt"))

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
        edges = [0.0, *(arm.high for arm in arms)]
        if edges[-1] != 1.0 or any(arm.low != edge for arm, edge in zip(arms, edges, strict=False)):
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
