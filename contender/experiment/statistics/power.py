"""How many units an experiment needs, and what it can see with those it has."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInput
from contender.experiment.ranges import check, check_alpha, check_inside
from contender.experiment.statistics.effect import Alternative, difference, lift
from contender.experiment.statistics.moments import Estimate
from contender.experiment.statistics.sequential import critical_value

_NORMAL = NormalDist()
_PATHS, _LOOKS = 10_000, 256
_BISECTIONS = 100
_LARGEST_EFFECT = 2.0**60
_MOST_UNITS = 2.0**60
_ABOUT = 1e-3
_LARGEST_NUMBER = 1e100


class Design(NamedTuple):
    """A fixed-horizon comparison: the champion's `mean`, one unit's `variance`, units in each arm.

    With `relative` effects are parts of the mean, otherwise in the metric's unit. `challenger_variance` is for metrics
    whose variance the effect changes; the champion's serves otherwise.
    """

    mean: float
    variance: float
    champion_units: float
    challenger_units: float
    relative: bool = False
    challenger_variance: float | None = None


class Goal(NamedTuple):
    """What a sequential experiment must reach: `power` at level `alpha`, tuned to `tuning_units`.

    Looks begin at `least_units`; the challenger gets `challenger_share` of them. Units are of both arms.
    """

    alpha: float = 0.05
    power: float = 0.8
    tuning_units: float = 5000
    least_units: float = 500
    challenger_share: float = 0.5


class Duration(NamedTuple):
    """Units of both arms: enough for the planned power; used on average when stopped by verdict; fixed-horizon need."""

    units: int
    expected_units: int
    fixed_units: int


def fixed_power(design: Design, effect: float, alpha: float = 0.05, alternative: Alternative = "two-sided") -> float:
    """The chance that a z-test at the end finds a true `effect`; both tails count when two-sided.

    Chow, Shao, Wang and Lokhnygina 2017, "Sample Size Calculations in Clinical Research", section 3.2; relative
    effects have the delta method's error at the effect.

    Raises:
        InvalidInput: a level, a variance or a number of units out of range; a relative effect of a mean of 0; no
            variance at all, which needs no test.

    >>> round(fixed_power(Design(10, 3910, 400_000 / 3, 400_000 / 3, relative=True), 0.05), 4)
    0.5214
    """
    check_alpha(alpha)
    score = effect / _standard_error(design, effect)
    if alternative == "two-sided":
        critical = -_NORMAL.inv_cdf(alpha / 2.0)
        return _NORMAL.cdf(score - critical) + _NORMAL.cdf(-score - critical)
    critical = -_NORMAL.inv_cdf(alpha)
    return _NORMAL.cdf((score if alternative == "greater" else -score) - critical)


def smallest_effect(
    design: Design, power: float = 0.8, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> float:
    """The smallest positive effect (for ``less``: drop) that `fixed_power` finds with probability `power`.

    Infinite when no effect is large enough, which happens to relative effects on few units.

    Raises:
        InvalidInput: as `fixed_power`.

    >>> round(smallest_effect(Design(10, 3910, 400_000 / 3, 400_000 / 3, relative=True)), 4)
    0.0703
    """
    check_inside("power", power, 0.0, 1.0)
    sign = -1.0 if alternative == "less" else 1.0
    high = 1.0
    while fixed_power(design, sign * high, alpha, alternative) < power:
        high *= 2.0
        if high > _LARGEST_EFFECT:
            return math.inf
    low = 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if fixed_power(design, sign * middle, alpha, alternative) < power:
            low = middle
        else:
            high = middle
    return high


def fixed_units(effect: float, variance: float, goal: Goal) -> int:
    """The smallest number of units of both arms with which a z-test at the end finds an absolute `effect`.

    The inverse of `fixed_power`, whole, for the share and the power of `goal`.

    Raises:
        InvalidInput: a goal or a variance out of range, or an effect that no number of units shows.

    >>> fixed_units(0.5, 1.0, Goal())
    126
    """

    _check_goal(goal)

    def enough(units: int) -> bool:
        arms = (units * (1.0 - goal.challenger_share), units * goal.challenger_share)
        return fixed_power(Design(0.0, variance, *arms), effect, goal.alpha) >= goal.power

    low, high = 0, 1
    while not enough(high):
        if high > _MOST_UNITS:
            raise InvalidInput("effect", f"{effect:g} is too small to be seen")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def sequential_units(effect: float, variance: float, goal: Goal, seed: int = 0) -> Duration:
    """Units of both arms after which an always-valid interval has left 0 out, on the side of `effect`, with `power`.

    Simulated: seeded Brownian paths with the drift of `effect`, looked at 256 times between `least_units` and the
    number at which one single look would do; `units` is the planned quantile of the first crossing, two simulation
    errors to the safe side. (Inflating the variance of a fixed-horizon answer ignores that looks are many.)

    Raises:
        InvalidInput: as `fixed_units`.

    >>> answer = sequential_units(0.05, 0.25, Goal())
    >>> answer.fixed_units < answer.expected_units < answer.units
    True
    """
    fixed = fixed_units(effect, variance, goal)
    error = math.sqrt(variance / (goal.challenger_share * (1.0 - goal.challenger_share)))
    most = last_look_units(effect, error, goal._replace(power=min(0.999, goal.power + (1.0 - goal.power) * 0.9)))
    looks = np.geomspace(min(goal.least_units, most / 2.0), most, _LOOKS)
    crossing = _first_crossings(looks, abs(effect) / error, goal, seed)
    safe = goal.power + 2.0 * math.sqrt(goal.power * (1.0 - goal.power) / _PATHS)
    enough = float(np.quantile(crossing, min(safe, 1.0), method="higher"))
    return Duration(math.ceil(enough), math.ceil(float(crossing.mean())), fixed)


def last_look_units(effect: float, unit_error: float, goal: Goal) -> int:
    """Units of both arms at which a single look at the always-valid interval has the power: a quick upper bound.

    `unit_error` is the standard error of the effect times √n. Earlier looks only add chances. Good to one in a
    thousand; 2**60 for no effect, or for one that would need more.

    Raises:
        InvalidInput: a goal or a `unit_error` out of range.

    >>> last_look_units(0.05, 1.0, Goal())
    6021
    """
    _check_goal(goal)
    check("effect", effect)
    check_inside("unit_error", unit_error)
    reach = _NORMAL.inv_cdf(goal.power)
    if unit_error * (1.0 + reach) >= abs(effect) * math.sqrt(_MOST_UNITS):
        return int(_MOST_UNITS)
    # Every critical value is above 1, so the answer is not below this.
    low = high = max(1.0, (unit_error * max(0.0, 1.0 + reach) / effect) ** 2)
    while not _decided(high, effect, unit_error, goal, reach):
        low, high = high, 2.0 * high
    while high - low > max(1.0, _ABOUT * high):
        middle = (low + high) / 2.0
        if _decided(middle, effect, unit_error, goal, reach):
            high = middle
        else:
            low = middle
    return math.ceil(high)


def _check_goal(goal: Goal) -> None:
    check_alpha(goal.alpha)
    check_inside("goal.power", goal.power, 0.0, 1.0)
    check_inside("goal.tuning_units", goal.tuning_units)
    check("goal.least_units", goal.least_units, 0.0)
    check_inside("goal.challenger_share", goal.challenger_share, 0.0, 1.0)


def _decided(n: float, effect: float, unit_error: float, goal: Goal, reach: float) -> bool:
    return abs(effect) * math.sqrt(n) / unit_error >= critical_value(n, goal.alpha, goal.tuning_units) + reach


def _first_crossings(looks: NDArray[np.float64], drift: float, goal: Goal, seed: int) -> NDArray[np.float64]:
    """The units at which each path first crosses; the last look for those that never do."""
    bounds = np.array([critical_value(n, goal.alpha, goal.tuning_units) for n in looks])
    rng = np.random.default_rng(seed)
    steps = np.sqrt(np.diff(looks, prepend=0.0))
    paths = np.cumsum(rng.standard_normal((_PATHS, len(looks)), dtype=np.float32) * steps.astype(np.float32), axis=1)
    crossed = paths + drift * looks >= bounds * np.sqrt(looks)
    first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(looks) - 1)
    return looks[first]


def _standard_error(design: Design, effect: float) -> float:
    spread = design.variance if design.challenger_variance is None else design.challenger_variance
    mean = design.mean * (1.0 + effect) if design.relative else design.mean + effect
    champion = Estimate(design.champion_units, design.mean, design.variance)
    challenger = Estimate(design.challenger_units, mean, spread)
    for number in design[:4]:
        check("design", number, -_LARGEST_NUMBER, _LARGEST_NUMBER)
    error = (lift if design.relative else difference)(champion, challenger).standard_error
    check_inside("design", error)
    return error
