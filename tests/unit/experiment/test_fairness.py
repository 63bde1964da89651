"""Impact ratios against published cases, and what is counted apart."""

import math

import numpy as np
import pytest

from contender.experiment.fairness import UNKNOWN, impact_ratios, scoring_counts
from contender.experiment.statistics.bernoulli import Count, Interval, ratio_p_value

# Selected and all applicants by sex, then by race or ethnicity, with the ratios to two decimals that an audit under
# New York City's Local Law 144 must report for them.
SEX = [("Male", 50, 92, 1.00), ("Female", 34, 76, 0.82)]
RACE = [("a", 18, 28, 1.00), ("b", 15, 40, 0.58), ("c", 16, 32, 0.78), ("d", 5, 8, 0.97), ("e", 10, 24, 0.65)]


@pytest.mark.parametrize("case", [SEX, RACE])
def test_ratios_are_as_published(case: list[tuple[str, int, int, float]]) -> None:
    table = impact_ratios({group: Count(selected, total) for group, selected, total, _ in case})
    assert [(row.group, round(row.ratio or 0.0, 2)) for row in table.groups] == [(row[0], row[3]) for row in case]
    assert [row.below_four_fifths for row in table.groups] == [row[3] < 0.8 for row in case]
    assert not any(row.surely_below for row in table.groups)


def test_small_groups_are_apart_and_unknown_is_counted() -> None:
    table = impact_ratios({"a": Count(50, 100), "b": Count(2, 2), "c": Count(30, 100), UNKNOWN: Count(3, 40)})
    assert [row.group for row in table.groups] == ["a", "c"]
    assert [(row.group, row.people, row.ratio) for row in table.small] == [("b", Count(2, 2), None)]
    assert table.unknown == Count(3, 40)
    assert table.ratio("c") == pytest.approx(0.6)
    assert table.ratio("b") is None


def test_two_per_cent_is_enough() -> None:
    assert len(impact_ratios({"a": Count(50, 98), "b": Count(1, 2)}).groups) == 2
    assert len(impact_ratios({"a": Count(50, 99), "b": Count(1, 2)}).groups) == 1


def test_nobody_is_no_ratio() -> None:
    assert impact_ratios({}).groups == ()
    assert impact_ratios({"a": Count(0, 0)}).groups == ()
    nobody = impact_ratios({"a": Count(0, 10), "b": Count(0, 10)})
    assert [(row.ratio, row.interval, row.below_four_fifths, row.surely_below) for row in nobody.groups] == [
        (None, None, False, False)
    ] * 2


def test_the_fixed_interval_is_katzs() -> None:
    # Katz et al. 1978: exp(ln(RR) ± 1.96 √(1/15 - 1/40 + 1/18 - 1/28)).
    error = math.sqrt(1 / 15 - 1 / 40 + 1 / 18 - 1 / 28)
    row = impact_ratios({"a": Count(18, 28), "b": Count(15, 40)}).groups[1]
    assert row.interval == pytest.approx(
        (0.375 / (18 / 28) * math.exp(-1.959964 * error), 0.375 / (18 / 28) * math.exp(1.959964 * error)), rel=1e-6
    )


def test_the_always_valid_interval_is_wider() -> None:
    counts = {"a": Count(500, 1000), "b": Count(300, 1000), "c": Count(0, 1000)}
    fixed, always = impact_ratios(counts).groups, impact_ratios(counts, 0.05, 2000).groups
    assert fixed[1].interval is not None
    assert always[1].interval is not None
    assert always[1].interval.low < fixed[1].interval.low < 0.6 < fixed[1].interval.high < always[1].interval.high
    assert always[1].surely_below
    assert always[0].interval == Interval(1.0, 1.0)
    assert always[2].interval is not None
    assert (always[2].interval.low, always[2].interval.high) == pytest.approx((0.0, 0.0214), abs=1e-4)


def test_scores_above_the_median_of_all_count() -> None:
    # The median of 0.1, 0.2, 0.3, 0.4 is 0.25; the unknown person's score does not move it.
    counts = scoring_counts({"a": [0.1, 0.4], "b": [0.2, 0.3], UNKNOWN: [0.9]})
    assert counts == {"a": Count(1, 2), "b": Count(1, 2), UNKNOWN: Count(1, 1)}
    assert scoring_counts({"a": [0.5, 0.5, 0.5]})["a"] == Count(0, 3)
    assert scoring_counts({}) == {}


def ends(counts: dict[str, Count], alpha: float, tuning_units: float | None = 5000) -> tuple[float, float]:
    interval = impact_ratios(counts, alpha, tuning_units).groups[1].interval
    assert interval is not None
    return interval.low, interval.high


@pytest.mark.parametrize(
    ("best", "group", "low", "high"),
    [
        (Count(9, 20), Count(0, 20), 0.0, 0.874),
        (Count(900, 2000), Count(0, 2000), 0.0, 0.0127),
        (Count(900, 2000), Count(19, 2000), 0.00568, 0.0528),
        (Count(18, 28), Count(15, 40), 0.1975, 1.524),
        (Count(10, 10), Count(3, 3), 0.1401, 1.803),
    ],
)
def test_few_selected_have_the_exact_interval(best: Count, group: Count, low: float, high: float) -> None:
    counts = {"m": best, "f": group}
    assert ends(counts, 0.05) == pytest.approx((low, high), rel=1e-2)
    found = ends(counts, 0.05)
    assert ratio_p_value(best, group, found[1] * 1.001) <= 0.05 < ratio_p_value(best, group, found[1] / 1.01)
    if low:
        assert ratio_p_value(group, best, 1.001 / found[0]) <= 0.05 < ratio_p_value(group, best, 1.0 / 1.01 / found[0])


@pytest.mark.parametrize(("selected", "exact"), [(81, True), (80, False), (20, False), (19, True)])
def test_twenty_selected_and_twenty_not_are_enough_for_the_normal_interval(selected: int, exact: bool) -> None:
    best, group = Count(900, 1000), Count(selected, 100)
    high = ends({"m": best, "f": group}, 0.05)[1]
    assert (ratio_p_value(best, group, high) == pytest.approx(0.05, rel=0.01)) is exact


def test_a_ratio_that_nobody_can_bound_is_open() -> None:
    assert ends({"m": Count(1, 1), "f": Count(0, 1)}, 1e-7) == (0.0, math.inf)


def test_the_exact_interval_rarely_misses_at_any_look() -> None:
    rng, missed = np.random.default_rng(13), 0
    for _ in range(100):
        best, group = ((rng.random(300) < rate).cumsum() for rate in (0.1, 0.05))
        for at in range(19, 300, 40):
            counts = Count(best[at], at + 1), Count(group[at], at + 1)
            if counts[0].rate > counts[1].rate and ends(dict(zip("mf", counts, strict=True)), 0.05)[1] < 0.5:
                missed += 1
                break
    assert missed <= 5
