"""People who come back, drawn for many experiments at once, and what happens to each until their value is final.

Pure numpy. An experiment runs for `Cell.days`; people come at random times in it. A person is covered from that step of
the ramp on that reaches their bucket, and opens their window with the first visit after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.peeking_cells import Cell

LOOKS: Final = 100
BUCKETS: Final = 10_000
BINS: Final = 20
UNKNOWN: Final = BINS
"""Where people without a covariate are counted: the last bin here, -1 in the product."""

GRACE_DAYS: Final = 1.0 / 24.0

STEPS: Final = {1: (0.0,), 2: (0.0, 0.4), 3: (0.0, 0.3, 0.6)}
"""When each step of a ramp begins, as parts of the days."""

FALLBACKS, ERRORS, SLOW = 0.01, 0.002, 0.05
"""Parts of all requests, in every arm."""

CAP: Final = 20.0
"""Amounts are cut here, and counted in units of it."""

GROUPS: Final = {"a": (0.6, 0.50), "b": (0.3, 0.36), "c": (0.1, 0.45)}
"""Shares of protected groups, and the part of each that gets the favourable answer: group b, unless its cell says
otherwise, lies under four fifths of group a in every arm, and that is no challenger's fault."""

ACCEPTANCE: Final = 0.1
"""Rate of the event that the user's guardrail counts."""

UNKNOWN_PART: Final = 0.03
"""The part of the people of whom the covariate is not known."""

NEVER: Final = LOOKS
"""The look at which things are seen that never happen."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dealt:
    """How buckets are dealt: the arm of each, 0 for the champion, and the step of the ramp that covers it.

    `shares` has for each step the arms' parts of all covered buckets.
    """

    arm: NDArray[np.int8]
    step: NDArray[np.int8]
    shares: Floats


@dataclass(frozen=True, slots=True)
class People:
    """Everybody with a counted exposure, one element each.

    `look` is the first look that sees the person's first counted exposure, `final` the first that sees the value;
    `fallback`, `error` and `slow` the first that sees one, `NEVER` if none does. `reviewed` people were only ever
    referred to a person, `review_weight` is the part of the answers that were reviews. `value` is NaN where it is
    missing, and the price of a review for the reviewed. `came` is the look at which an outcome came that was counted as
    it came.
    """

    experiment: Ints
    arm: Ints
    step: Ints
    look: Ints
    final: Ints
    fallback: Ints
    error: Ints
    slow: Ints
    reviewed_first: Bools
    reviewed: Bools
    review_weight: Singles
    value: Floats
    came: Ints
    fold: Ints
    bin: Ints
    group: Ints
    selected: Bools
    accepted: Bools


def deal(cell: Cell) -> Dealt:
    """The buckets of fixed ranges, covered from the beginning of each range on, as the product covers them."""
    top = BUCKETS - round(cell.share * BUCKETS)
    edges = [0, *(top + (BUCKETS - top) * number // cell.challengers for number in range(cell.challengers + 1))]
    arm, step = np.zeros(BUCKETS, np.int8), np.zeros(BUCKETS, np.int8)
    shares = [[round(coverage * (high - low)) for low, high in pairwise(edges)] for coverage in cell.ramp]
    for number, (low, high) in enumerate(pairwise(edges)):
        arm[low:high] = number
        for later in range(1, len(cell.ramp)):
            step[low + shares[later - 1][number] : high] = later
    counts = np.array(shares, dtype=np.float64)
    return Dealt(arm, step, counts / counts.sum(axis=1, keepdims=True))


def draw(cell: Cell, experiments: int, rng: np.random.Generator, *, growing: bool = False) -> People:
    """The people of that many experiments; `growing`: as arms were dealt before, of people who come once."""
    world = _World(cell, rng, experiments)
    experiment, arm, step, at, others = world.growing_exposures() if growing else world.exposures()
    size = len(at)
    score = rng.random(size, dtype=np.float32)
    first, weight, only = world.reviews(arm, at, score, others)
    value = world.values(arm, at, score, (first, weight, only), others)
    group = np.searchsorted(np.cumsum([share for share, _ in GROUPS.values()])[:-1], rng.random(size)).astype(np.int64)
    number = np.where(rng.random(size, dtype=np.float32) < UNKNOWN_PART, UNKNOWN, (score * BINS).astype(np.int64))
    return People(
        experiment,
        arm,
        step,
        world.look_of(at),
        world.look_of(at + cell.window_days + GRACE_DAYS),
        world.incident(at, others, FALLBACKS + cell.fallback * (arm > 0)),
        world.incident(at, others, np.asarray(ERRORS)),
        world.incident(at, others, SLOW + cell.slow * (arm > 0)),
        first,
        only,
        weight,
        value,
        world.look_of(at + world.delays(arm, value)),
        (rng.random(size, dtype=np.float32) < 0.5).astype(np.int64),
        number,
        group,
        world.selections(arm, at, group),
        rng.random(size, dtype=np.float32) < ACCEPTANCE,
    )


@dataclass(frozen=True, slots=True)
class _World:
    """One cell's random numbers."""

    cell: Cell
    rng: np.random.Generator
    experiments: int

    def look_of(self, at: NDArray[Any]) -> Ints:
        """The first look that sees a moment; the last look is when everything is final."""
        days = self.cell.days + self.cell.window_days + GRACE_DAYS
        return np.minimum((at * (LOOKS / days)).astype(np.int64), LOOKS - 1)

    def exposures(self) -> tuple[Ints, Ints, Ints, Singles, Ints]:
        """Experiment, arm, phase, moment of the first counted exposure, and how many visits follow it."""
        cell, rng = self.cell, self.rng
        dealt = deal(cell)
        size = self.experiments * cell.people
        buckets = rng.integers(0, BUCKETS, size, dtype=np.int16)
        arm, begins = dealt.arm[buckets], dealt.step[buckets]
        starts = np.array([part * cell.days for part in STEPS[len(cell.ramp)]], dtype=np.float32)
        opened = starts[begins]
        left = 1.0 - opened / cell.days
        visits = (rng.random(size) < left).astype(np.int64) if cell.visits == 1 else rng.binomial(cell.visits, left)
        # The earliest of several visits at random times.
        part = 1.0 - rng.random(size, dtype=np.float32) ** (1.0 / np.maximum(visits, 1)).astype(np.float32)
        at = opened + (cell.days - opened) * part
        kept = visits > 0
        if cell.loss:
            kept &= (arm == 0) | (rng.random(size, dtype=np.float32) >= cell.loss)
        experiment = np.repeat(np.arange(self.experiments), cell.people)
        step = np.searchsorted(starts, at, side="right") - 1
        return (
            experiment[kept],
            arm[kept].astype(np.int64),
            step[kept],
            at[kept].astype(np.float32),
            visits[kept] - 1,
        )

    def drift(self, at: Singles) -> Floats:
        """How far what drifts has got, in [0, 1]: from step to step of the ramp, without one with time."""
        starts = STEPS[len(self.cell.ramp)]
        if len(starts) == 1:
            return np.asarray(at / self.cell.days, dtype=np.float64)
        step = np.searchsorted(np.array([part * self.cell.days for part in starts]), at, side="right") - 1
        return step / (len(starts) - 1.0)

    def growing_exposures(self) -> tuple[Ints, Ints, Ints, Singles, Ints]:
        """As `exposures`, everybody counted, and the challenger's range growing from the top as the share grows."""
        cell, rng = self.cell, self.rng
        size = self.experiments * cell.people
        at = (cell.days * rng.random(size, dtype=np.float32)).astype(np.float32)
        step = np.searchsorted(np.array([part * cell.days for part in STEPS[len(cell.ramp)]]), at, side="right") - 1
        shares = np.round(np.array(cell.ramp) * cell.share * BUCKETS).astype(np.int64)
        arm = (rng.integers(0, BUCKETS, size) >= BUCKETS - shares[step]).astype(np.int64)
        kept = (arm == 0) | (rng.random(size, dtype=np.float32) >= cell.loss)
        experiment = np.repeat(np.arange(self.experiments), cell.people)
        return experiment[kept], arm[kept], step[kept], at[kept], np.zeros(int(kept.sum()), np.int64)

    def incident(self, at: Singles, others: Ints, rate: NDArray[Any]) -> Ints:
        """The look that sees the first request of the person to which it happens; the others come at random times."""
        size = len(at)
        at_once = self.rng.random(size, dtype=np.float32) < rate
        if self.cell.visits == 1:
            return np.where(at_once, self.look_of(at), NEVER)
        # None by the part f of the time left: (1 - rate f) ** others.
        chance = self.rng.random(size, dtype=np.float32)
        part = np.where(others > 0, (1.0 - chance ** (1.0 / np.maximum(others, 1))) / rate, 2.0)
        later = np.where(part <= 1.0, self.look_of(at + np.minimum(part, 1.0) * (self.cell.days - at)), NEVER)
        return np.where(at_once, self.look_of(at), later)

    def reviews(self, arm: Ints, at: Singles, score: Singles, others: Ints) -> tuple[Bools, Singles, Bools]:
        """Whether the first answer is a review, which part of the answers in the window are, and whether all are.

        Hard cases, of low scores, are reviewed more often; not where the arms agree differently with the baseline,
        which would make an effect of it.
        """
        cell, rng, size = self.cell, self.rng, len(at)
        if not cell.observed or not cell.reviews + cell.review_drift:
            nobody = np.zeros(size, bool)
            first = rng.random(size, dtype=np.float32) < cell.reviews if cell.reviews else nobody
            return first, np.zeros(size, np.float32), nobody
        rate = cell.reviews + cell.review_drift * self.drift(at) + cell.review * (arm > 0)
        if not cell.follow:
            rate = rate * 2.0 * (1.0 - score)
        first = rng.random(size, dtype=np.float32) < rate
        answers = 1 + self._within(at, others)
        rest = rng.random(size, dtype=np.float32) < np.where(first, 0.5, 0.3 * rate)
        reviewed = first.astype(np.int64) + np.where(rest, answers - 1, 0)
        only = reviewed == answers
        return first, (reviewed / answers).astype(np.float32), only

    def values(
        self, arm: Ints, at: Singles, score: Singles, reviews: tuple[Bools, Singles, Bools], others: Ints
    ) -> Floats:
        """Each person's final value: NaN where the truth never comes, the price for who was only reviewed."""
        cell, rng, size = self.cell, self.rng, len(at)
        _, weight, only = reviews
        earned = self._earned(arm, at, score)
        if cell.visits > 1 and cell.observed:
            # The other answers of half of the people are judged by the same truth, those of the rest by another.
            again = np.where(rng.random(size, dtype=np.float32) < 0.5, earned, self._earned(arm, at, score))
            answers = 1 + self._within(at, others)
            earned = (earned + (answers - 1) * again) / answers
        if not cell.observed:
            return earned
        earned = np.where(rng.random(size, dtype=np.float32) < cell.missing + cell.silent * (arm > 0), np.nan, earned)
        return np.where(only, cell.mean_price, weight * cell.mean_price + (1.0 - weight) * earned)

    def _within(self, at: Singles, others: Ints) -> Ints:
        """How many of the visits after the first are within the window."""
        cell = self.cell
        if cell.visits == 1:
            return np.zeros(len(at), np.int64)
        left = np.maximum(cell.days - at, 1e-6)
        return self.rng.binomial(others, np.minimum(cell.window_days / left, 1.0))

    def _earned(self, arm: Ints, at: Singles, score: Singles) -> Floats:
        """What an answer earns.

        The higher the score the more: as far as the arm agrees with the baseline (eight tenths and two tenths where
        people follow answers, else alike), and only of those who do not follow.
        """
        cell, rng, size = self.cell, self.rng, len(at)
        agreement = (1.0 - cell.follow) * np.where(arm > 0, 0.2, 0.8) if cell.follow else np.float64(cell.tilt)
        tilt = agreement * (2.0 * score - 1.0)
        if cell.reward == "brier":
            return self._brier(arm, score)
        rate = np.where(arm > 0, cell.rate + cell.effect, cell.rate)
        growth = 1.0 + cell.rate_drift * self.drift(at)
        small = rate < 0.5
        chance = np.where(small, rate * growth * (1.0 + tilt), 1.0 - (1.0 - rate) * growth * (1.0 - tilt))
        happened = (rng.random(size, dtype=np.float32) < chance).astype(np.float64)
        if cell.reward == "lognormal":
            return happened * np.minimum(rng.lognormal(0.0, 1.5, size), CAP) / CAP
        return happened

    def _brier(self, arm: Ints, score: Singles) -> Floats:
        """One minus the squared error of a calibrated probability, which the score tells in part."""
        cell, rng, size = self.cell, self.rng, len(arm)
        known = rng.random(size, dtype=np.float32) < (0.2 if cell.follow else cell.tilt)
        place = np.where(known, score, rng.random(size, dtype=np.float32))
        probability = _QUANTILES[(place * len(_QUANTILES)).astype(np.int64)]
        reward = 1.0 - np.square(probability - (rng.random(size, dtype=np.float32) < probability))
        return reward + np.where(arm > 0, cell.effect, 0.0) * (1.0 - reward)

    def delays(self, arm: Ints, value: Floats) -> Singles:
        """Days until an outcome comes; all of them within the window."""
        cell = self.cell
        days = np.full(len(arm), 2.0)
        if cell.late.startswith("arm"):
            days = np.where(arm > 0, 3.0, 1.0)
        if cell.late == "one arm":
            days = np.where(arm > 0, 9.0, 1.0)
        if cell.late.endswith("value"):
            days = np.where(value > 0.5, days, 2.5)
        scale = cell.window_days / 14.0
        return (days * scale * (0.5 + self.rng.random(len(arm), dtype=np.float32))).astype(np.float32)

    def selections(self, arm: Ints, at: Singles, group: Ints) -> Bools:
        """Whether the first answer is the favourable one."""
        cell = self.cell
        rates = np.array([rate for _, rate in GROUPS.values()])[group]
        second = group == 1
        if cell.group_rate:
            rates = np.where(second, cell.group_rate + cell.group_drift * self.drift(at), rates)
        rates = np.where(second & (arm > 0), rates * cell.selected, rates)
        return self.rng.random(len(arm), dtype=np.float32) < rates


def _beta_quantiles(a: float, b: float, count: int) -> Floats:
    """Quantiles of a beta distribution in the middle of `count` equal parts, by its sampled density."""
    grid = np.linspace(0.0, 1.0, 200_001)
    density = grid ** (a - 1.0) * (1.0 - grid) ** (b - 1.0)
    mass = np.cumsum(density)
    return np.interp((np.arange(count) + 0.5) / count, mass / mass[-1], grid)


_QUANTILES: Final = _beta_quantiles(2.0, 5.0, 4_096)
