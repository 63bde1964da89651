"""Exact evidence about rates: tables of small counts, against a search of the null, and its errors at every look."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from contender.experiment.statistics.bernoulli import Count, difference_bounds, excess_p_value, ratio_p_value

# Selected of the best group and of the other, each of so many people; p against a ratio of at least four fifths.
FOUR_FIFTHS = [
    (9, 0, 20, 0.0802),
    (20, 0, 20, 5.02e-9),
    (9, 9, 20, 1.0),
    (18, 0, 40, 2.81e-4),
    (23, 0, 50, 9.59e-6),
    (45, 0, 100, 3.88e-12),
    (45, 1, 100, 2.03e-10),
    (45, 10, 100, 1.81e-3),
    (450, 200, 1000, 1.09e-13),
    (450, 340, 1000, 1.0),
    (900, 0, 2000, 2.91e-272),
    (900, 1, 2000, 3.02e-269),
]


@pytest.mark.parametrize(("best", "selected", "people", "p_value"), FOUR_FIFTHS)
def test_small_groups_prove_what_they_can(best: int, selected: int, people: int, p_value: float) -> None:
    found = ratio_p_value(Count(best, people), Count(selected, people), 0.8)
    assert found == pytest.approx(p_value, rel=0.01, abs=0.0)
    if found < 1.0:
        assert found == pytest.approx(searched(Count(best, people), Count(selected, people), 0.8), rel=1e-3, abs=0.0)


def searched(best: Count, group: Count, ratio: float) -> float:
    """The same from SciPy's distributions: the largest likelihood of the null, by trying its rates."""
    rates = np.geomspace(1e-7, min(1.0, 1.0 / ratio), 200_001)[:-1]
    null = max(
        stats.binom.logpmf(best.events, best.trials, rates)
        + stats.binom.logpmf(group.events, group.trials, ratio * rates)
    )
    mixtures = sum(stats.betabinom.logpmf(count.events, count.trials, 0.5, 0.5) for count in (best, group))
    return math.exp(null - mixtures)


counts = st.integers(1, 100_000).flatmap(lambda n: st.builds(Count, st.floats(0.0, n), st.just(n)))


@given(counts, counts, st.floats(-0.99, 0.99))
@settings(max_examples=200, deadline=None)
def test_the_null_is_at_its_best(champion: Count, challenger: Count, margin: float) -> None:
    found = excess_p_value(champion, challenger, margin)
    if not 1e-300 < found < 1.0:  # smaller ones have lost their digits
        return

    def surprise(rate: float) -> float:
        return -log_likelihood(champion, rate) - log_likelihood(challenger, rate + margin)

    rates = (max(0.0, -margin), min(1.0, 1.0 - margin))
    best = optimize.minimize_scalar(surprise, bounds=rates, method="bounded", options={"xatol": 1e-12})
    expected = -best.fun - sum(map(log_mixture, (champion, challenger)))
    # SciPy's bounded search stops a little beside a maximum at the edge; what it misses grows with the figures.
    assert math.log(found) == pytest.approx(expected, abs=1e-3, rel=1e-5)


def log_likelihood(count: Count, rate: float) -> float:
    inside = min(max(rate, 1e-12), 1.0 - 1e-12)
    return count.events * math.log(inside) + (count.trials - count.events) * math.log1p(-inside)


def log_mixture(count: Count) -> float:
    hits, misses = count.events + 0.5, count.trials - count.events + 0.5
    return math.lgamma(hits) + math.lgamma(misses) - math.lgamma(count.trials + 1.0) - math.log(math.pi)


def looks(values: np.ndarray) -> list[Count]:
    """What is seen of a stream of values after every tenth."""
    return [Count(float(values[:n].sum()), n) for n in range(10, len(values) + 1, 10)]


def alarms(draw: Callable[[], np.ndarray], test: Callable[[Count, Count], float], runs: int = 200) -> int:
    """How many of so many pairs of streams are rejected at a level of .05 at any look."""
    return sum(any(test(*pair) <= 0.05 for pair in zip(looks(draw()), looks(draw()), strict=True)) for _ in range(runs))


def test_a_true_ratio_is_rarely_rejected_at_any_look() -> None:
    rng, rates = np.random.default_rng(5), iter([0.1, 0.08] * 200)
    assert alarms(lambda: (rng.random(400) < next(rates)) * 1.0, lambda a, b: ratio_p_value(a, b, 0.8)) <= 10


def test_a_true_difference_is_rarely_outside_its_bounds_at_any_look() -> None:
    rng, rates = np.random.default_rng(6), iter([0.02, 0.05] * 200)

    def missed(first: Count, second: Count) -> float:
        low, high = difference_bounds(first, second, 0.1)
        return 1.0 if low <= 0.03 <= high else 0.0

    assert alarms(lambda: (rng.random(200) < next(rates)) * 1.0, missed, runs=60) <= 3


def test_values_between_0_and_1_raise_no_more_alarms() -> None:
    """A skewed metric of which most units have nothing, in both arms alike."""
    rng = np.random.default_rng(7)

    def draw() -> np.ndarray:
        return np.minimum(rng.lognormal(-2.0, 1.5, 400), 1.0) * (rng.random(400) < 0.05)

    assert alarms(draw, lambda a, b: min(excess_p_value(a, b), excess_p_value(b, a))) <= 10
