"""More published numbers, from textbooks, manuals and regulators, through the public functions."""

from collections.abc import Sequence

import pytest

from contender.experiment.data import PairedSample, Sample
from contender.experiment.fairness import impact_ratios
from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.effect import difference, lift
from contender.experiment.statistics.fixed import chi_square, welch, z_test
from contender.experiment.statistics.moments import mean_of, proportion_of
from contender.experiment.statistics.multiplicity import benjamini_hochberg, holm
from contender.experiment.statistics.paired import paired_difference
from contender.experiment.statistics.power import Design, Goal, fixed_power, fixed_units

# Student 1908, Biometrika 6, hours of sleep gained by ten people with two drugs; R's data set `sleep`.
FIRST_DRUG = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SECOND_DRUG = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)

# Benjamini & Hochberg 1995, JRSS B 57, section 3.2: fifteen hypotheses of a trial of thrombolysis.
THROMBOLYSIS = (
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
)

# Physicians' Health Study, as in Agresti, Categorical Data Analysis, 3rd edition, table 2.3: heart attacks.
PLACEBO, ASPIRIN = Count(189, 11_034), Count(104, 11_037)

# EEOC, questions and answers on the Uniform Guidelines (44 FR 11996, 1979), on the four-fifths rule: hiring rates in
# per cent, impact ratios, whether adverse impact is indicated.
HIRING = [("White", 60, 1.0, False), ("American Indian", 45, 0.75, True), ("Hispanic", 48, 0.8, False)]
HIRING += [("Black", 51, 0.85, False)]

# Chow, Shao & Wang, Sample Size Calculations in Clinical Research, 2nd edition, chapters 3 and 4, as computed at
# powerandsamplesize.com: variances and effect, alternative, the units of each arm that 80 % power at 5 % takes.
SIZES = [
    ((100.0, 100.0), 5.0, "two-sided", 63),  # two means, 5 and 10, deviation 10
    ((0.65 * 0.35, 0.85 * 0.15), 0.2, "two-sided", 70),  # two proportions, 0.65 and 0.85
    ((0.65 * 0.35, 0.85 * 0.15), 0.3, "greater", 25),  # the same, not worse by a margin of 0.1
]


def sample(values: Sequence[float]) -> Sample:
    return Sample(len(values), sum(values), sum(value * value for value in values))


def test_welch_as_r_prints_it() -> None:
    # R, example(t.test): t = -1.8608, df = 17.776, p = 0.07939, interval -3.3654832 to 0.2054832, first minus second.
    found = difference(mean_of(sample(FIRST_DRUG)), mean_of(sample(SECOND_DRUG)))
    tested = welch(found)
    assert found.freedom == pytest.approx(17.776, abs=5e-4)
    assert tested.estimate / tested.standard_error == pytest.approx(1.8608, abs=5e-5)
    assert (tested.low, tested.high) == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)
    assert tested.p_value == pytest.approx(0.07939, abs=5e-6)


def test_a_paired_test_as_r_prints_it() -> None:
    # The same with paired = TRUE: t = -4.0621, df = 9, p = 0.002833, interval -2.4598858 to -0.7001142.
    products = sum(one * other for one, other in zip(FIRST_DRUG, SECOND_DRUG, strict=True))
    found = paired_difference(PairedSample(sample(FIRST_DRUG), sample(SECOND_DRUG), products))
    tested = welch(found)
    assert found.estimate == pytest.approx(1.58)
    assert found.freedom == 9
    assert tested.estimate / tested.standard_error == pytest.approx(4.0621, abs=5e-5)
    assert (tested.low, tested.high) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    assert tested.p_value == pytest.approx(0.002833, abs=5e-7)


def test_corrections_reject_as_many_as_published() -> None:
    # Same paper: the false discovery rate rejects four hypotheses at 5 %, procedures for the familywise error three.
    assert sum(p <= 0.05 for p in benjamini_hochberg(THROMBOLYSIS)) == 4
    assert sum(p <= 0.05 for p in holm(THROMBOLYSIS)) == 3


def test_a_difference_of_proportions_as_in_the_textbook() -> None:
    # Agresti, section 2.2: 0.0077, standard error 0.0015, interval 0.005 to 0.011; pooled z = 5.0.
    found = welch(difference(proportion_of(*ASPIRIN), proportion_of(*PLACEBO)))
    rounded = [round(found.estimate, 4), round(found.standard_error, 4), round(found.low, 3), round(found.high, 3)]
    assert rounded == [0.0077, 0.0015, 0.005, 0.011]
    assert z_test(ASPIRIN, PLACEBO).z == pytest.approx(5.0, abs=0.005)


def test_a_relative_risk_as_in_the_textbook() -> None:
    # Agresti, same section: relative risk 1.82, interval 1.43 to 2.30 (Katz); the lift is the risk less one.
    assert lift(proportion_of(*ASPIRIN), proportion_of(*PLACEBO)).estimate == pytest.approx(0.82, abs=0.005)
    row = impact_ratios({"placebo": PLACEBO, "aspirin": ASPIRIN}).groups[1]
    assert row.ratio is not None
    assert row.interval is not None
    found = [1 / figure for figure in (row.ratio, row.interval[1], row.interval[0])]
    assert found == pytest.approx([1.82, 1.43, 2.30], abs=0.01)  # the book computes from rounded logarithms


def test_a_sample_ratio_as_published() -> None:
    # Kohavi, Tang & Xu, Trustworthy Online Controlled Experiments, 2020, chapter 3: 821 588 and 815 482, p = 1.8e-6.
    assert chi_square([821_588, 815_482], [1, 1]) == pytest.approx(1.8e-6, abs=5e-8)


def test_four_fifths_as_the_regulators_say() -> None:
    table = impact_ratios({group: Count(rate, 100) for group, rate, _, _ in HIRING})
    found = [(row.group, round(row.ratio or 0.0, 4), row.below_four_fifths) for row in table.groups]
    assert found == [(group, ratio, adverse) for group, _, ratio, adverse in HIRING]


@pytest.mark.parametrize(("variances", "effect", "alternative", "units"), SIZES)
def test_sample_sizes_as_published(variances: tuple[float, float], effect: float, alternative: str, units: int) -> None:
    def power(n: int) -> float:
        design = Design(0.0, variances[0], n, n, challenger_variance=variances[1])
        return fixed_power(design, effect, 0.05, alternative)  # type: ignore[arg-type]

    assert power(units - 1) < 0.8 <= power(units)


def test_units_of_both_arms_as_published() -> None:
    assert fixed_units(5.0, 100.0, Goal()) == 126  # twice the 63 of `SIZES`
