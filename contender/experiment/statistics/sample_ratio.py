"""Did units (or failures) fall on the arms as the hash deals them? A test that may be read at every look.

Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022, arXiv 2011.03567): the Bayes
factor of a Dirichlet-multinomial against the shares that should hold. Exact at every n. The prior decides how large a
deviation it is quickest to find, so it is part of the plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contender.errors import InvalidInput
from contender.experiment.ranges import MOST, check, check_inside, check_shares, check_total


class RatioTest(NamedTuple):
    """What has been seen so far. `p_value` is the running minimum and may be compared with alpha at any look.

    `belief` is the Dirichlet posterior over shares. `log_alternative` and `log_null` are the log marginal likelihoods
    of all counts, batch by batch, under any shares and under the null shares; their difference is the log Bayes
    factor.
    """

    belief: tuple[float, ...]
    log_alternative: float = 0.0
    log_null: float = 0.0
    p_value: float = 1.0

    @property
    def log_bayes_factor(self) -> float:
        """Evidence against the null shares; above log(1 / alpha) they are rejected at level alpha."""
        return self.log_alternative - self.log_null


def prior(shares: Sequence[float], concentration: float) -> tuple[float, ...]:
    """A Dirichlet prior centred on `shares`; the larger `concentration`, the smaller the deviations it looks for.

    >>> prior((0.9, 0.1), 100)
    (90.0, 10.0)
    """
    _check_weight("concentration", concentration)
    for number, share in enumerate(shares):
        check(f"shares[{number}]", share, 0.0, 1.0)
    return tuple(concentration * share for share in shares)


def begin(belief: Sequence[float]) -> RatioTest:
    """The test before the first count, with a Dirichlet prior of positive parameters, one for each arm.

    >>> begin(prior((0.5, 0.5), 100)).p_value
    1.0
    """
    return RatioTest(_believed(belief))


def observe(test: RatioTest, counts: Sequence[int], shares: Sequence[float]) -> RatioTest:
    """The test after one more batch of `counts` by arm, dealt by `shares` (which sum to 1) if all is well.

    Somebody in an arm of share 0 is certain evidence: p is 0 from then on.

    Raises:
        InvalidInput: not one count and one share for each arm, a negative one, or shares that do not sum to 1.

    >>> first = observe(begin((1, 1, 1)), (20, 17, 9), (0.4, 0.4, 0.2))
    >>> round(first.log_alternative, 6), round(first.log_null, 6), first.p_value
    (-7.028201, -4.077641, 1.0)
    """
    _check_dealt(counts, shares)
    check_shares(counts, test.belief)
    check_total(shares)
    orders = _log_orders(counts)
    alternative = test.log_alternative + orders + _log_mixture(test.belief, counts)
    null = test.log_null + orders + _log_shares(counts, shares)
    belief = tuple(belief + count for belief, count in zip(test.belief, counts, strict=True))
    p_value = min(test.p_value, math.exp(min(0.0, null - alternative)))
    return RatioTest(belief, alternative, null, p_value)


def change_shares(test: RatioTest, belief: Sequence[float]) -> RatioTest:
    """The test at a step of a ramp: evidence so far is kept, the belief about shares starts again from `belief`.

    >>> small = observe(begin((90, 10)), (880, 120), (0.9, 0.1))
    >>> change_shares(small, (50, 50)).belief
    (50.0, 50.0)
    """
    return test._replace(belief=_believed(belief))


def evidence(phases: Iterable[tuple[Sequence[int], Sequence[float]]], concentration: float) -> float:
    """The log Bayes factor over (counts, shares) of each phase, each with a fresh `prior` of that concentration.

    It depends on each phase's total counts only, not on how they were batched. Arms of share 0 are left out while
    nobody is in them; somebody there is infinite evidence.

    Raises:
        InvalidInput: as `observe`; shares that are all 0, where nobody was counted, say nothing.

    >>> round(math.exp(-evidence([((500, 600), (0.5, 0.5))], 100)), 3)
    0.053
    """
    _check_weight("concentration", concentration)
    return sum(_phase_evidence(counts, shares, concentration) for counts, shares in phases)


def pooled_evidence(
    phases: Iterable[tuple[Sequence[int], Sequence[float]]], shares: Sequence[float], concentration: float
) -> float:
    """The log Bayes factor over (counts, shares) of all phases with one belief: the same loss in every phase.

    The alternative deals all counts by one share for each arm, of a Dirichlet prior around `shares`; the null deals
    each phase's by its own exact shares, so that their rounding to whole buckets costs nothing. For phases whose shares
    are the same but for that; a belief that began anew with each phase would have to learn the loss anew.

    Raises:
        InvalidInput: as `evidence`.

    >>> phases = [((500, 600), (0.5, 0.5)), ((500, 600), (0.5, 0.5))]
    >>> round(math.exp(-pooled_evidence(phases, (0.5, 0.5), 100)), 4), round(math.exp(-evidence(phases, 100)), 4)
    (0.0008, 0.0028)
    """
    _check_weight("concentration", concentration)
    totals, null = [0.0] * len(shares), 0.0
    for counts, dealt in phases:
        _check_dealt(counts, dealt)
        if any(count and share <= 0.0 for count, share in zip(counts, dealt, strict=True)):
            return math.inf
        null += _log_shares(counts, dealt)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    believed = [share for share in shares if share > 0.0]
    held = [total for total, share in zip(totals, shares, strict=True) if share > 0.0]
    return _log_mixture(prior(believed, concentration), held) - null if believed else 0.0


def smallest_loss(units: float, shares: Sequence[float], arm: int, concentration: float, alpha: float) -> float:
    """The smallest part of an arm's units whose loss would, on average, have been found among `units` units.

    `arm` is its place in `shares`; 1.0 where not even the loss of all of them would.

    Raises:
        InvalidInput: as `evidence`; a level outside (0, 1).

    >>> round(smallest_loss(100_000, (0.5, 0.5), 1, 100, 0.01), 3)
    0.025
    """
    check_inside("alpha", alpha, 0.0, 1.0)
    line = -math.log(alpha)

    def found(loss: float) -> bool:
        counts = [units * share * (1.0 - loss if at == arm else 1.0) for at, share in enumerate(shares)]
        return _phase_evidence(counts, shares, concentration) >= line

    if not found(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


_BISECTIONS = 20


def p_value(log_bayes_factor: float, smallest_before: float = 1.0) -> float:
    """The p-value of that evidence: the smallest 1 / Bayes factor of all looks, given the smallest of those before.

    >>> p_value(-3.0), round(p_value(3.0), 4), p_value(-3.0, smallest_before=0.2)
    (1.0, 0.0498, 0.2)
    """
    check("smallest_before", smallest_before, 0.0, 1.0)
    if math.isnan(log_bayes_factor):
        raise InvalidInput("log_bayes_factor", "must be a number, is nan")
    return min(smallest_before, math.exp(min(0.0, -log_bayes_factor)))


def _check_weight(name: str, weight: float) -> None:
    check_inside(name, weight)
    check(name, weight, 0.0, MOST)


def _check_dealt(counts: Sequence[float], shares: Sequence[float]) -> None:
    check_shares(counts, shares)
    check("counts", sum(counts), 0.0, MOST)


def _believed(belief: Sequence[float]) -> tuple[float, ...]:
    if not belief:
        raise InvalidInput("belief", "names no arm")
    for number, weight in enumerate(belief):
        _check_weight(f"belief[{number}]", weight)
    return tuple(map(float, belief))


def _phase_evidence(counts: Sequence[float], shares: Sequence[float], concentration: float) -> float:
    _check_dealt(counts, shares)
    if any(shares):
        check_total(shares)
    if any(count and share <= 0.0 for count, share in zip(counts, shares, strict=True)):
        return math.inf
    open_arms = [(count, share) for count, share in zip(counts, shares, strict=True) if share > 0.0]
    if not open_arms:
        return 0.0
    held, dealt = [count for count, _ in open_arms], [share for _, share in open_arms]
    return _log_mixture(prior(dealt, concentration), held) - _log_shares(held, dealt)


def _log_mixture(belief: Sequence[float], counts: Sequence[float]) -> float:
    mass = sum(belief)
    total = math.lgamma(mass) - math.lgamma(mass + sum(counts))
    for weight, count in zip(belief, counts, strict=True):
        total += math.lgamma(weight + count) - math.lgamma(weight)
    return total


def _log_shares(counts: Sequence[float], shares: Sequence[float]) -> float:
    if any(count and not share for count, share in zip(counts, shares, strict=True)):
        return -math.inf
    return sum(count * math.log(share) for count, share in zip(counts, shares, strict=True) if count)


def _log_orders(counts: Sequence[int]) -> float:
    return math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)
