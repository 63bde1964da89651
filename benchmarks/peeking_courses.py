"""Courses of simulated experiments: what each of a hundred looks would see, without effect or with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contender.experiment.data import ArmData, ExperimentData, GroupData, Phase, Sample
from contender.values import CHALLENGER, CHAMPION

LOOKS: Final = 100
INCIDENT_RATES: Final = (0.01, 0.1, 0.002, 0.05, 0.7)
"""Of fallbacks, reviews, answers by nobody, slow answers, and of units that have an outcome already."""

GROUPS: Final = {"gender=a": (0.6, 0.40), "gender=b": (0.3, 0.29), "gender=c": (0.1, 0.36)}
"""Shares of protected groups, and the part of each that gets the favourable answer, in both arms alike: group b lies
under four fifths of group a, and that is no challenger's fault."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Rewards = Callable[[np.random.Generator, int], Floats]


class Scenario(NamedTuple):
    """A kind of experiment: one arm's rewards, what the challenger gains on them, units of both arms, the ramp.

    `gain` is the part of what a reward lacks to 1 that the challenger makes good; negative, the part of it that it
    loses. `ramp` lists (share of the challenger, looks at that share).
    """

    rewards: Rewards
    gain: float = 0.0
    units: int = 10_000
    ramp: tuple[tuple[float, int], ...] = ((0.5, LOOKS),)


class GroupCourse(NamedTuple):
    """One group's running totals at each look, arrays of shape (looks, 2), champion first."""

    units: Counts
    selected: Counts
    totals: Floats
    squares: Floats


@dataclass(frozen=True, slots=True)
class Course:
    """One experiment: running totals at each look, arrays of shape (looks,) or (looks, 2), champion first."""

    shares: Floats
    units: Counts
    totals: Floats
    squares: Floats
    fallbacks: Counts
    reviews: Counts
    errors: Counts
    slow: Counts
    outcomes: Counts
    groups: dict[str, GroupCourse]

    def looks(self) -> Iterator[ExperimentData]:
        """What each look sees."""
        ends = [*np.flatnonzero(np.diff(self.shares)).tolist(), LOOKS - 1]
        for at in range(LOOKS):
            arms = {name: self._arm(at, arm) for arm, name in enumerate((CHAMPION, CHALLENGER))}
            yield ExperimentData(arms, crossed_units=0, phases=tuple(self._phases(at, ends)))

    def _arm(self, at: int, arm: int) -> ArmData:
        units = int(self.units[at, arm])
        incidents = (self.fallbacks, self.reviews, self.errors, self.slow, self.outcomes)
        fallbacks, reviews, errors, slow, outcomes = (int(counts[at, arm]) for counts in incidents)
        reward = Sample(units, float(self.totals[at, arm]), float(self.squares[at, arm]))
        return ArmData(
            units,
            units,
            fallbacks,
            reviews,
            reward,
            fallbacks,
            reviews,
            errors,
            slow,
            outcomes,
            groups={name: _group(course, at, arm) for name, course in self.groups.items()},
        )

    def _phases(self, at: int, ends: list[int]) -> Iterator[Phase]:
        """The steps of the ramp up to this look; `ends` are the last looks of each step."""
        before = None
        for end in ends:
            last = min(end, at)
            share = float(self.shares[last])
            yield Phase(
                {CHAMPION: 1.0 - share, CHALLENGER: share},
                *(
                    _since(counts, before, last)
                    for counts in (self.units, self.fallbacks, self.errors, self.slow, self.outcomes)
                ),
            )
            if end >= at:
                return
            before = end


def course(scenario: Scenario, rng: np.random.Generator) -> Course:
    """One experiment of that kind, drawn anew."""
    batch = scenario.units // LOOKS
    shape = (LOOKS, batch)
    shares = np.repeat([share for share, _ in scenario.ramp], [looks for _, looks in scenario.ramp])
    challenger = rng.random(shape) < shares[:, None]
    rewards = scenario.rewards(rng, LOOKS * batch).reshape(shape)
    room = 1.0 - rewards if scenario.gain > 0.0 else rewards
    rewards = rewards + np.where(challenger, scenario.gain, 0.0) * room
    incidents = [_counts(rng.random(shape) < rate, challenger) for rate in INCIDENT_RATES]
    fallbacks, reviews, errors, slow, outcomes = incidents
    return Course(
        shares,
        _counts(np.ones(shape), challenger),
        _by_arm(rewards, challenger),
        _by_arm(rewards**2, challenger),
        fallbacks,
        reviews,
        errors,
        slow,
        outcomes,
        dict(_groups(rewards, challenger, rng)),
    )


def _groups(
    rewards: Floats, challenger: NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[tuple[str, GroupCourse]]:
    place, chance = rng.random(rewards.shape), rng.random(rewards.shape)
    low = 0.0
    for name, (share, rate) in GROUPS.items():
        inside = (place >= low) & (place < low + share)
        low += share
        yield (
            name,
            GroupCourse(
                _counts(inside, challenger),
                _counts(inside & (chance < rate), challenger),
                _by_arm(rewards * inside, challenger),
                _by_arm(rewards**2 * inside, challenger),
            ),
        )


def _group(course: GroupCourse, at: int, arm: int) -> GroupData:
    units, selected = int(course.units[at, arm]), int(course.selected[at, arm])
    return GroupData(units, selected, Sample(units, float(course.totals[at, arm]), float(course.squares[at, arm])))


def _by_arm(values: NDArray[Any], challenger: NDArray[np.bool_]) -> Floats:
    """Running totals by look: shape (looks, 2), champion first."""
    split = np.stack([(values * ~challenger).sum(axis=1), (values * challenger).sum(axis=1)], axis=1)
    return np.asarray(split.cumsum(axis=0), dtype=np.float64)


def _counts(values: NDArray[Any], challenger: NDArray[np.bool_]) -> Counts:
    return _by_arm(values, challenger).astype(np.int64)


def _since(totals: Counts, before: int | None, last: int) -> dict[str, int]:
    counts = totals[last] if before is None else totals[last] - totals[before]
    return {CHAMPION: int(counts[0]), CHALLENGER: int(counts[1])}
