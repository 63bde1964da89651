"""One person as numbers for the model: ordinals for trees and indicators for the linear baseline, in one pass.

A blank is a level of its own in every column, because that somebody left it blank tells something about them. Gender
is not read. No statistic of the target is a feature, so the encoder can see training rows without leaking them.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from contender.artifact import FEATURES
from contender.errors import InvalidArtifact
from contender.tasks.job_change import schema
from contender.values import Row

FORMAT: Final = "job-change/1"

ORDERED: Final[Mapping[str, tuple[str, ...]]] = {
    "relevent_experience": get_args(schema.RelevantExperience),
    "enrolled_university": ("no_enrollment", "Part time course", "Full time course"),
    "education_level": get_args(schema.Education),
    "major_discipline": get_args(schema.Major),
    "experience": get_args(schema.Experience),
    "company_size": get_args(schema.CompanySize),
    "company_type": get_args(schema.CompanyType),
    "last_new_job": get_args(schema.LastNewJob),
}
"""The columns of levels, each in the order that its ordinal counts."""

MIN_CITY_ROWS: Final = 40
"""Training rows that a city needs for an indicator of its own; the others are told by their development index."""

_MISSING: Final = -1.0
_HINGES: Final = (0.65, 0.8)
_NUMBERS: Final = struct.Struct("<5f")
_NUMBER_COUNT: Final = 5
_NUMBERS_FOR_TREES: Final = (0, 3, 4)
"""Trees need no hinges."""

_Blocks = Mapping[object, bytes]
"""The float32 bytes that a value of one column turns into. Joining them is what makes a row cost microseconds."""


def _indicators(count: int, hot: int | None) -> bytes:
    return np.eye(1, count, hot, dtype="<f4").tobytes() if hot is not None else bytes(4 * count)


def _level_blocks(levels: Sequence[str]) -> _Blocks:
    """For each level and for a blank: its ordinal, then an indicator for each of them, the blank's last."""
    ranks: dict[object, tuple[float, int]] = {level: (rank, rank) for rank, level in enumerate(levels)}
    ranks[None] = (_MISSING, len(levels))
    return {
        level: struct.pack("<f", ordinal) + _indicators(len(levels) + 1, hot) for level, (ordinal, hot) in ranks.items()
    }


_LEVEL_BLOCKS: Final = tuple(_level_blocks(levels) for levels in ORDERED.values())

_STARTS: Final = tuple(accumulate((len(levels) + 2 for levels in ORDERED.values()), initial=_NUMBER_COUNT))
"""Where the block of each column of levels begins, and at last where the cities do."""

TREE_COLUMNS: Final = (*_NUMBERS_FOR_TREES, *_STARTS[:-1])
"""Columns of the matrix that hold a number or an ordinal rather than an indicator."""


@dataclass(frozen=True)
class JobChangeEncoder:
    """Encodes validated rows; `cities` are those frequent enough in training for an indicator of their own.

    The columns of the matrix: development index of the city and two hinges of it, log(1 + training hours), number of
    blanks; for every column of levels its ordinal and indicators; an indicator for each of `cities`.
    """

    cities: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return _STARTS[-1] + len(self.cities)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """The float32 matrix (len(rows), width) of validated `rows`; a field that is absent counts as blank."""
        content = bytearray().join([self._row(row) for row in rows])
        return np.frombuffer(content, dtype="<f4").reshape(len(rows), self.width)

    def to_document(self) -> dict[str, Any]:
        """All that was fitted: the frequent cities."""
        return {"format": FORMAT, "cities": list(self.cities)}

    @cached_property
    def _city_blocks(self) -> _Blocks:
        return {city: _indicators(len(self.cities), hot) for hot, city in enumerate(self.cities)}

    @cached_property
    def _other_city(self) -> bytes:
        return _indicators(len(self.cities), None)

    def _row(self, row: Row) -> bytes:
        levels = [row.get(column) for column in ORDERED]
        blocks = [block[level] for block, level in zip(_LEVEL_BLOCKS, levels, strict=True)]
        city = self._city_blocks.get(row["city"], self._other_city)
        return b"".join((_numbers(row, levels.count(None)), *blocks, city))


def _numbers(row: Row, blanks: int) -> bytes:
    """`row` is validated, so both are numbers."""
    index: Any = row["city_development_index"]
    hours: Any = row["training_hours"]
    low, high = _HINGES
    return _NUMBERS.pack(index, max(0.0, low - index), max(0.0, high - index), math.log1p(hours), blanks)


def fit(rows: Sequence[Row]) -> JobChangeEncoder:
    """The encoder of these training rows: it learns which cities are frequent."""
    counts = Counter(str(row["city"]) for row in rows)
    return JobChangeEncoder(tuple(sorted(city for city, count in counts.items() if count >= MIN_CITY_ROWS)))


def load(document: Mapping[str, Any]) -> JobChangeEncoder:
    """The encoder that `JobChangeEncoder.to_document` described.

    Raises:
        InvalidArtifact: another format, or cities that are not distinct names.
    """
    if document.get("format") != FORMAT or set(document) != {"format", "cities"}:
        raise InvalidArtifact(FEATURES, f"is not of format {FORMAT}", remedy="train the version again")
    cities = document["cities"]
    if not isinstance(cities, list) or not all(isinstance(city, str) for city in cities):
        raise InvalidArtifact(FEATURES, "cities must be a list of names")
    if len(set(cities)) != len(cities):
        raise InvalidArtifact(FEATURES, "names a city twice")
    return JobChangeEncoder(tuple(cities))
