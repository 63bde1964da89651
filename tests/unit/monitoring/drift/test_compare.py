"""Distances and p-values: against scipy, against tables in print, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contender.errors import InvalidInput
from monitoring.drift import compare
from monitoring.drift.compare import Compared

KOLMOGOROV = (
    # Smirnov, Annals of Mathematical Statistics 19 (1948), table of the limit distribution: lambda, 1 − L(lambda).
    (0.83, 0.4963),
    (1.00, 0.2700),
    (1.36, 0.0495),
    (1.63, 0.0099),
    (1.95, 0.0010),
)


@pytest.mark.parametrize(("scaled", "expected"), KOLMOGOROV)
def test_kolmogorov_s_law_is_that_in_print(scaled: float, expected: float) -> None:
    size = 1e12
    distance = scaled / np.sqrt(size / 2.0)
    assert compare.kolmogorov_p(distance, size, size) == pytest.approx(expected, abs=2e-4)


def test_numbers_agree_with_scipy(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=800).tolist(), rng.normal(0.1, size=500).tolist()
    found, expected = compare.numbers(first, second, 500), stats.ks_2samp(first, second, method="asymp")
    assert found.distance == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, rel=0.15)


def test_levels_agree_with_scipy(rng: np.random.Generator) -> None:
    first, second = rng.choice(list("abc"), 900).tolist(), rng.choice(list("abc"), 600, p=[0.4, 0.3, 0.3]).tolist()
    table = [[sample.count(level) for level in "abc"] for sample in (first, second)]
    found = compare.levels(first, second, 600)
    assert found.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    shares = np.array(table) / np.sum(table, axis=1, keepdims=True)
    assert found.distance == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)


def test_means_agree_with_welch(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=900).tolist(), rng.normal(0.05, 2.0, size=700).tolist()
    expected = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert compare.means(first, second, 700).p == pytest.approx(expected, rel=0.01)


def test_equal_samples_do_not_differ() -> None:
    for values in ([1, 2, 3] * 50, ["a", None, "b"] * 50, ["x; y", "x; z", "x;w", "q; r"] * 40, [None] * 100):
        found = compare.column(values, values, len(values))
        assert (found.distance, found.p) == (0.0, 1.0)


def test_constant_samples_that_differ_are_certain() -> None:
    assert compare.means([1.0] * 50, [2.0] * 50, 50).p == 0.0
    assert compare.means([1.0] * 50, [1.0] * 50, 50).p == 1.0


def test_blanks_are_a_signal_of_their_own() -> None:
    found = compare.column([1.0, 2.0, 3.0, 4.0] * 100, [1.0, 2.0, 3.0, 4.0] * 50 + [None] * 100, 300)
    assert found.what == "share of blanks"
    assert found.distance == pytest.approx(1 / 3)
    assert found.p < 1e-9


def test_a_column_that_went_blank_is_seen() -> None:
    found = compare.column([1.0, 2.0] * 100, [None] * 100, 100)
    assert (found.what, found.distance) == ("share of blanks", 1.0)


def test_lists_are_compared_by_their_words(rng: np.random.Generator) -> None:
    words = [f"skill {n}" for n in range(20)]
    lists = ["; ".join(rng.choice(words, 4, replace=False)) for _ in range(800)]
    more = [f"{text}; Rust" for text in lists[400:600]] + lists[600:]
    found = compare.column(lists[:400], more, 400)
    assert found.what == "share of a word"
    assert found.distance == pytest.approx(0.5)


def test_what_is_sure_but_small_hides_nothing_large() -> None:
    small, large = Compared(0.01, 1e-300, 0, 0, "small"), Compared(0.4, 1e-12, 0, 0, "large")
    assert compare.worst([small, large]).what == "large"


def test_p_values_are_corrected_for_their_number() -> None:
    assert compare.worst([Compared(0.1, 0.01, 0, 0, ""), Compared(0.2, 0.02, 0, 0, "")]).p == pytest.approx(0.02)


def test_copies_count_for_less() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0] * 100, [1.0, 2.0, 3.0, 3.0] * 100
    assert compare.numbers(first, second, 400).p < 1e-6 < compare.numbers(first, second, 4).p


@pytest.mark.parametrize("values", [["a", 1.0], [True, False], [float("nan"), 1.0], [float("inf")]])
def test_what_is_no_number_is_refused(values: list[object]) -> None:
    with pytest.raises(InvalidInput):
        compare.numbers([1.0, 2.0], values, 2)


def test_rare_levels_are_judged_together() -> None:
    reference = ["common"] * 1000 + [f"rare {n}" for n in range(20)]
    window = ["common"] * 1000 + [f"other {n}" for n in range(20)]
    assert compare.levels(reference, window, 1020).p == pytest.approx(1.0)


def test_the_median_that_is_told_is_nobody_s() -> None:
    found = compare.numbers([0.123456] * 300, [0.7654321] * 300, 300.0)
    assert (found.reference, found.window) == (0.123, 0.765)


def test_a_picture_holds_no_number_that_somebody_sent(rng: np.random.Generator) -> None:
    before, now = rng.normal(size=2_000).tolist(), [*rng.normal(size=500).tolist(), None, 1e6]
    drawn = compare.pictured(before, now)
    assert not set(drawn) & {value for value in now if value is not None}
    assert drawn[-2] is None
    assert len(set(drawn)) < 60
    there = [(one, other) for one, other in zip(drawn, now, strict=True) if isinstance(one, float) and other]
    assert max(abs(one - other) for one, other in there) <= 0.1


def test_a_picture_holds_only_levels_that_several_people_have() -> None:
    before = ["usual"] * 50 + ["few"] * 4
    assert compare.pictured(before, ["usual", "few", "new", None]) == ["usual", compare.OTHER, compare.OTHER, None]


def test_a_picture_of_lists_is_of_their_lengths() -> None:
    before = [f"a{n}; b{n}; c" for n in range(50)]
    assert compare.pictured(before, ["x; y", None]) == [2, None]
