"""Taking out of a metric what was known of a unit before its answer, however the two depend on each other.

A covariate in bins is a flexible function of itself: what units of a bin are worth on average is learnt from one half
of all units and taken out of the other (cross-fitting: Chernozhukov and others 2018, Econometrics Journal 21; for
sequential use Waudby-Smith and others, arXiv 2103.06476, section 3). Then as CUPED, with one slope (Deng, Xu, Kohavi
and Walker 2013), so that a useless covariate costs nothing. Units whose covariate is unknown are a bin of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from contender.experiment.data import Sample, Stratum
from contender.experiment.ranges import check, check_sample
from contender.experiment.statistics.cuped import Adjusted
from contender.experiment.statistics.moments import Estimate

_NOISE = 1e-12
"""Squares of residuals that are this small a part of those of the values are rounding."""

UNKNOWN = -1
"""The bin of units whose covariate is unknown."""

SHRINKAGE = 10.0
"""A bin's mean is drawn towards that of all as if so many units more of it were average: small bins carry noise."""


class Stratified(NamedTuple):
    """An arm's values by stratum. Each answered unit stands for `answered_weight` units: those without a value, too."""

    strata: Mapping[Stratum, Sample]
    answered_weight: float = 1.0

    def weight(self, stratum: Stratum) -> float:
        """How many units one unit of the stratum stands for."""
        return 1.0 if stratum.reviewed else self.answered_weight


class _Term(NamedTuple):
    """A stratum of an arm: its weight, its values, and what was expected of each of its units."""

    weight: float
    sample: Sample
    expected: float


class _Sums(NamedTuple):
    """Weighted sums of an arm: units, values, expectations, and their products."""

    units: float
    value: float
    expected: float
    squared: float
    product: float

    @property
    def spread(self) -> float:
        """The sum of squares of the expectations around their mean."""
        return self.squared - self.expected**2 / self.units

    @property
    def shared(self) -> float:
        """The sum of products of values and expectations around their means."""
        return self.product - self.expected * self.value / self.units


def adjust_by_strata(champion: Stratified, challenger: Stratified) -> Adjusted:
    """Both arms adjusted by what was expected of their units: compare them by `difference` like any others.

    `saving` is the fall of the variance of the difference: the part of the units that the covariate spares, slightly
    below 0 by chance where it knows nothing.

    Raises:
        InvalidInput: sums that no values have, a weight that is not positive, or an arm without units.

    >>> arm = Stratified({Stratum(f, b): Sample(50, 50.0 * b, 50.0 * b) for f in (0, 1) for b in (0, 1)})
    >>> adjusted = adjust_by_strata(arm, arm)
    >>> round(adjusted.champion.mean, 3), round(adjusted.saving, 3)
    (0.5, 1.0)
    """
    arms = (champion, challenger)
    for arm in arms:
        _check(arm)
    expected = _expectations(arms)
    terms = [list(_terms(arm, expected)) for arm in arms]
    sums = [_sums(one) for one in terms]
    spread = sum(one.spread for one in sums)
    slope = sum(one.shared for one in sums) / spread if spread > 1e-12 else 0.0
    centre = sum(one.expected for one in sums) / sum(one.units for one in sums)
    plain, adjusted = (
        [_estimate(term, total, by, centre) for term, total in zip(terms, sums, strict=True)] for by in (0.0, slope)
    )
    before, after = (sum(one.variance / one.n for one in pair) for pair in (plain, adjusted))
    return Adjusted(adjusted[0], adjusted[1], slope, 1.0 - after / before if before else 0.0)


def _expectations(arms: tuple[Stratified, ...]) -> dict[tuple[int, int], float]:
    """How much more than its arm's mean a unit of that fold and bin is expected to be worth, by the other fold.

    Above its own arm's: what the arm did must not look like what its bins knew. Drawing small bins towards nothing
    moves the mean of all known units, which is put back: unknown ones, expected to be average, would be favoured.
    """
    folds = {stratum.fold for arm in arms for stratum in arm.strata}
    bins = {stratum.bin for arm in arms for stratum in arm.strata}
    found: dict[tuple[int, int], float] = {}
    for fold in folds:
        units, excess = _excess(arms, fold)
        drawn = {number: excess[number] / (units[number] + SHRINKAGE) for number in bins}
        known = [number for number in bins if number != UNKNOWN]
        lost = sum(excess[number] - units[number] * drawn[number] for number in known)
        shift = lost / max(sum(units[number] for number in known), 1.0)
        found |= {(fold, number): drawn[number] + (shift if number != UNKNOWN else 0.0) for number in bins}
    return found


def _excess(arms: tuple[Stratified, ...], fold: int) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Units by bin, and by how much their values together exceed those of as many average units of their arm."""
    units, excess = defaultdict[int, float](float), defaultdict[int, float](float)
    for arm in arms:
        others = [(key, arm.weight(key), sample) for key, sample in arm.strata.items() if key.fold != fold]
        counted = sum(weight * sample.n for _, weight, sample in others)
        mean = sum(weight * sample.total for _, weight, sample in others) / counted if counted else 0.0
        for stratum, weight, sample in others:
            units[stratum.bin] += weight * sample.n
            excess[stratum.bin] += weight * (sample.total - mean * sample.n)
    return units, excess


def _terms(arm: Stratified, expected: Mapping[tuple[int, int], float]) -> Iterator[_Term]:
    for stratum, sample in arm.strata.items():
        if sample.n:
            yield _Term(arm.weight(stratum), sample, expected[stratum.fold, stratum.bin])


def _sums(terms: list[_Term]) -> _Sums:
    return _Sums(
        sum(term.weight * term.sample.n for term in terms),
        sum(term.weight * term.sample.total for term in terms),
        sum(term.weight * term.sample.n * term.expected for term in terms),
        sum(term.weight * term.sample.n * term.expected**2 for term in terms),
        sum(term.weight * term.sample.total * term.expected for term in terms),
    )


def _estimate(terms: list[_Term], sums: _Sums, slope: float, centre: float) -> Estimate:
    """The arm's mean less what was expected otherwise than of all; its variance is that of the weighted residuals."""
    units = sum(term.sample.n for term in terms)
    middle = (sums.value - slope * sums.expected) / sums.units
    squares = whole = 0.0
    for weight, sample, expected in terms:
        total = sample.total - slope * expected * sample.n
        square = sample.squares - 2.0 * slope * expected * sample.total + slope**2 * expected**2 * sample.n
        squares += weight**2 * (square - 2.0 * middle * total + middle**2 * sample.n)
        whole += weight**2 * (sample.squares + (slope**2 * expected**2 + middle**2) * sample.n)
    freedom = units / (units - 1.0) if units > 1 else 1.0
    # Of what cancels to nothing, rounding is left over.
    variance = (squares if squares > _NOISE * whole else 0.0) / sums.units**2 * units * freedom
    return Estimate(units, middle + slope * centre, variance, unadjusted=sums.value / sums.units)


def _check(arm: Stratified) -> None:
    check("answered_weight", arm.answered_weight, 1e-9)
    for sample in arm.strata.values():
        check_sample(sample)
    check("strata.n", sum(sample.n for sample in arm.strata.values()), 1.0)
