"""Synthetic people for job-change: real columns, levels, shares of levels and blanks, and a planted signal.

The shares are rounded from the public data set *HR Analytics: Job Change of Data Scientists*; the cities are invented.
Nobody in it is a person, and no figure measured on it says anything about people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contender.tasks.job_change.schema import COLUMNS

_Floats = NDArray[np.float64]


class _Level(NamedTuple):
    """One value of a column: its share of the people, and what it adds to the log-odds of looking for a job."""

    value: str | None
    share: float
    effect: float


_LEVELS: Final[Mapping[str, tuple[_Level, ...]]] = {
    "gender": (
        _Level("Male", 0.69, 0.0), _Level("Female", 0.06, 0.05), _Level("Other", 0.01, 0.0), _Level(None, 0.24, 0.1),
    ),
    "relevent_experience": (
        _Level("Has relevent experience", 0.72, 0.0), _Level("No relevent experience", 0.28, 0.45),
    ),
    "enrolled_university": (
        _Level("no_enrollment", 0.72, 0.0), _Level("Full time course", 0.20, 0.35),
        _Level("Part time course", 0.06, 0.0), _Level(None, 0.02, 0.3),
    ),
    "education_level": (
        _Level("Graduate", 0.60, 0.0), _Level("Masters", 0.23, -0.25), _Level("High School", 0.11, 0.1),
        _Level("Phd", 0.02, -0.5), _Level("Primary School", 0.02, -0.2), _Level(None, 0.02, -0.5),
    ),
    "major_discipline": (
        _Level("STEM", 0.88, 0.0), _Level("Humanities", 0.04, 0.0), _Level("Other", 0.02, 0.0),
        _Level("Business Degree", 0.02, 0.0), _Level("Arts", 0.015, -0.2), _Level("No Major", 0.01, 0.0),
        _Level(None, 0.015, 0.0),
    ),
    "experience": (
        _Level("<1", 0.028, 0.55), _Level("1", 0.029, 0.5), _Level("2", 0.062, 0.35), _Level("3", 0.071, 0.35),
        _Level("4", 0.073, 0.3), _Level("5", 0.074, 0.2), _Level("6", 0.065, 0.15), _Level("7", 0.054, 0.2),
        _Level("8", 0.042, 0.0), _Level("9", 0.051, -0.05), _Level("10", 0.051, -0.1), _Level("11", 0.034, 0.0),
        _Level("12", 0.025, -0.25), _Level("13", 0.021, -0.2), _Level("14", 0.031, -0.25), _Level("15", 0.035, -0.3),
        _Level("16", 0.026, -0.4), _Level("17", 0.018, -0.3), _Level("18", 0.014, -0.5), _Level("19", 0.016, -0.2),
        _Level("20", 0.008, -0.1), _Level(">20", 0.170, -0.35), _Level(None, 0.004, 0.3),
    ),
    "company_size": (
        _Level(None, 0.311, 0.0), _Level("50-99", 0.160, 0.05), _Level("100-500", 0.133, -0.1),
        _Level("10000+", 0.108, 0.1), _Level("10/49", 0.075, 0.35), _Level("1000-4999", 0.069, -0.15),
        _Level("<10", 0.068, -0.1), _Level("500-999", 0.046, -0.05), _Level("5000-9999", 0.030, 0.0),
    ),
    "company_type": (
        _Level("Pvt Ltd", 0.745, 0.0), _Level("Funded Startup", 0.074, -0.3), _Level("Public Sector", 0.074, 0.2),
        _Level("Early Stage Startup", 0.045, 0.2), _Level("NGO", 0.039, 0.0), _Level("Other", 0.009, 0.2),
        _Level(None, 0.014, 0.2),
    ),
    "last_new_job": (
        _Level("1", 0.419, 0.1), _Level(">4", 0.170, 0.0), _Level("2", 0.150, 0.0), _Level("never", 0.131, -0.2),
        _Level("3", 0.055, 0.0), _Level("4", 0.053, 0.0), _Level(None, 0.022, 0.4),
    ),
}  # fmt: skip

_NO_EMPLOYER_NO_TYPE: Final = 0.9
"""How often the type of the employer is blank when its size is; most of its blanks come from there."""

_SCHOOL: Final = ("High School", "Primary School")
"""Education without a major: the major is always blank."""

_GRADUATE: Final = ("Graduate", "Masters")

_CITY_COUNT: Final = 123
_POOR: Final = 0.65
"""A development index below this makes a city poor."""

_POOR_CITY_ODDS: Final = 0.35
_EMPLOYED_ODDS: Final = -2.8
_NO_EMPLOYER_ODDS: Final = -2.2
_GRADUATE_NO_EMPLOYER_ODDS: Final = -0.6
"""The log-odds that a person's situation starts with. Situations cross columns, so no sum of single columns tells them;
and a blank employer is the strongest sign there is, so who drops rows with blanks loses most of the signal."""

_POOR_CITY_DAMPING: Final = 0.2
"""In a poor city nearly everybody is as likely to leave: what else is known matters this much less."""

_HOURS_LOG_MEAN: Final = 3.85
_HOURS_LOG_SPREAD: Final = 0.95
_HOURS_RANGE: Final = (1, 336)


class _Cities(NamedTuple):
    """The invented cities: their codes, shares, development indices and effects, in the same order."""

    codes: NDArray[np.int64]
    shares: _Floats
    indices: _Floats
    effects: _Floats


class _People(NamedTuple):
    """The columns of the schema, and every person's log-odds of looking for a job."""

    columns: dict[str, list[Any]]
    odds: _Floats


def generate(count: int, seed: int) -> list[dict[str, object]]:
    """`count` training rows: the schema's columns, ``enrollee_id`` from 1 in random order, ``target`` 0 or 1.

    The same arguments give the same rows. About a quarter of the targets are 1; a good model reaches a ROC-AUC of
    about 0.80, because the rest is drawn.
    """
    rng = np.random.default_rng(seed)
    people = _people(count, rng)
    looking = rng.random(count) < 1.0 / (1.0 + np.exp(-people.odds))
    columns = {
        **people.columns,
        "enrollee_id": (rng.permutation(count) + 1).tolist(),
        "target": looking.astype(int).tolist(),
    }
    names = ("enrollee_id", *COLUMNS, "target")
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]


def _people(count: int, rng: np.random.Generator) -> _People:
    columns: dict[str, list[Any]] = {}
    effects = np.zeros(count)
    for column, levels in _LEVELS.items():
        columns[column], effect = _draw(levels, count, rng)
        effects += effect
    _blank_together(columns, rng)
    hours = rng.lognormal(_HOURS_LOG_MEAN, _HOURS_LOG_SPREAD, count)
    columns["training_hours"] = np.clip(hours, *_HOURS_RANGE).astype(int).tolist()
    cities = _cities()
    city = rng.choice(_CITY_COUNT, count, p=cities.shares)
    columns["city"] = [f"city_{code}" for code in cities.codes[city]]
    columns["city_development_index"] = cities.indices[city].tolist()
    return _People(columns, _odds(columns, effects + cities.effects[city]))


def _draw(levels: Sequence[_Level], count: int, rng: np.random.Generator) -> tuple[list[str | None], _Floats]:
    shares = np.array([level.share for level in levels])
    drawn = rng.choice(len(levels), count, p=shares / shares.sum())
    return [levels[index].value for index in drawn], np.array([level.effect for level in levels])[drawn]


def _blank_together(columns: dict[str, list[Any]], rng: np.random.Generator) -> None:
    """Blank what goes with another blank or level, as forms do."""
    without_type = rng.random(len(columns["company_size"])) < _NO_EMPLOYER_NO_TYPE
    columns["company_type"] = [
        None if size is None and blank else kind
        for size, kind, blank in zip(columns["company_size"], columns["company_type"], without_type, strict=True)
    ]
    columns["major_discipline"] = [
        None if education in _SCHOOL else major
        for education, major in zip(columns["education_level"], columns["major_discipline"], strict=True)
    ]


def _odds(columns: Mapping[str, list[Any]], effects: _Floats) -> _Floats:
    """Every person's log-odds of looking: where their situation starts, moved by their `effects`."""
    poor = np.array(columns["city_development_index"]) < _POOR
    idle = np.array([size is None for size in columns["company_size"]], dtype=bool)
    graduate = np.array([education in _GRADUATE for education in columns["education_level"]], dtype=bool)
    start = np.select(
        [poor, idle & graduate, idle],
        [_POOR_CITY_ODDS, _GRADUATE_NO_EMPLOYER_ODDS, _NO_EMPLOYER_ODDS],
        _EMPLOYED_ODDS,
    )
    return start + np.where(poor, _POOR_CITY_DAMPING, 1.0) * effects


def _cities() -> _Cities:
    """The same cities always: few large ones; every index and effect is a fixed function of the city's rank."""
    ranks = np.arange(_CITY_COUNT)
    shares = 1.0 / (ranks + 2.0) ** 1.3
    wiggle = np.sin(ranks * 2.4)
    indices = np.round(np.where(ranks % 6 == 1, 0.58 + 0.04 * wiggle, 0.84 + 0.1 * wiggle), 3)
    return _Cities(ranks + 1, shares / shares.sum(), indices, 0.35 * np.cos(ranks * 1.7))
