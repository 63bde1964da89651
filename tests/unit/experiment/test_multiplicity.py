"""Many questions at once: discoveries by e-values, and intervals of what was selected."""

import numpy as np
import pytest
from scipy import stats

from contender.experiment.statistics.multiplicity import benjamini_hochberg, e_benjamini_hochberg, e_by_level

# Benjamini and Hochberg 1995: fifteen p-values of thrombolysis in heart attacks; 4 are discoveries at .05.
HEART = (
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
    *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
)


def test_reciprocal_p_values_are_discovered_as_published() -> None:
    """Wang and Ramdas 2022: Benjamini and Hochberg's procedure is a special case of theirs, on reciprocal p-values."""
    found = e_benjamini_hochberg([1.0 / p for p in HEART], 0.05)
    assert found == (True,) * 4 + (False,) * 11
    assert found == tuple(p <= 0.05 for p in benjamini_hochberg(HEART))


# eClosure 0.9.4 on CRAN (GPL-3), tests/testthat/test_ceBH.R: cases whose closed procedure finds no more; figures only.
@pytest.mark.parametrize(
    ("e_values", "discoveries"),
    [([20.0], 1), ([20.0 - 1e-6], 0), ([100.0], 1), ([0.0], 0), ([1.0] * 20, 0), ([20.0] * 10, 10), ([], 0)],
)
def test_as_many_as_published_are_discovered(e_values: list[float], discoveries: int) -> None:
    assert sum(e_benjamini_hochberg(e_values, 0.05)) == discoveries


def test_the_order_of_questions_does_not_matter() -> None:
    assert e_benjamini_hochberg([1.0, 500.0, 1.0, 80.0], 0.05) == (False, True, False, True)


def likelihood_ratios(values: np.ndarray, mean: float = 2.5) -> np.ndarray:
    """E-values of normal values against a mean of 0."""
    return np.exp(mean * values - mean**2 / 2.0)


def test_few_discoveries_are_false_even_of_dependent_questions() -> None:
    rng, parts = np.random.default_rng(8), []
    for _ in range(2000):
        common, truth = rng.normal(), np.array([0.0] * 8 + [4.0] * 2)
        values = truth + 0.9 * common + (1 - 0.9**2) ** 0.5 * rng.normal(size=10)
        found = np.array(e_benjamini_hochberg(likelihood_ratios(values).tolist(), 0.1))
        parts.append((found & (truth == 0.0)).sum() / max(1, found.sum()))
    assert 0.0 < np.mean(parts) <= 0.1


def test_few_intervals_of_the_selected_miss_on_average() -> None:
    """Of ten effects the largest are reported: at the level asked for they would miss far too often."""
    rng, adjusted, plain = np.random.default_rng(9), [], []
    for _ in range(4000):
        values = rng.normal(size=10)
        chosen = values[values > 1.5]
        if len(chosen):
            reach = stats.norm.isf(e_by_level(len(chosen), 10, 0.05) / 2.0)
            adjusted.append(float(np.mean(chosen > reach)))
            plain.append(float(np.mean(chosen > stats.norm.isf(0.025))))
        else:
            adjusted.append(0.0)
            plain.append(0.0)
    assert np.mean(adjusted) <= 0.05 < np.mean(plain)


def test_the_level_is_that_of_benjamini_and_yekutieli() -> None:
    """Of m questions R are selected: R alpha / m, as in Benjamini and Yekutieli 2005 (JASA 100)."""
    assert e_by_level(3, 20, 0.05) == pytest.approx(0.0075)
    assert e_by_level(20, 20, 0.05) == pytest.approx(0.05)
