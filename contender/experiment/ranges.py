"""What the statistics may be handed: the rest is refused by name, before it becomes a NaN or a wrong answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from contender.errors import InvalidInput
from contender.experiment.data import PairedSample, Sample

ALTERNATIVES: Final = ("two-sided", "greater", "less")

_ROUNDING = 1e-6
"""Sums over many units carry rounding errors; this part of a unit, or of a sum, each is none."""


MOST: Final = 1e12
"""Above this many units log-gamma functions lose digits that matter: at it, evidence is right to 0.03."""


def check(name: str, value: float, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse a number that is not finite, or not in [low, high].

    Raises:
        InvalidInput: naming it.
    """
    if not math.isfinite(value):
        raise InvalidInput(name, f"must be a finite number, is {value}")
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
        raise InvalidInput(name, f"must be {bounds}, is {value:g}")


def check_inside(name: str, value: float, low: float = 0.0, high: float = math.inf) -> None:
    """Refuse a number that is not finite, or not above `low` and under `high`.

    Raises:
        InvalidInput: naming it.
    """
    check(name, value)
    if not low < value < high:
        under = "" if high == math.inf else f" and under {high:g}"
        raise InvalidInput(name, f"must be above {low:g}{under}, is {value:g}")


def check_alpha(alpha: float, *, one_sided: bool = False) -> None:
    """Refuse a level outside (0, 1); of one-sided mixtures, which double it, outside (0, 0.5)."""
    check_inside("alpha", alpha, 0.0, 0.5 if one_sided else 1.0)


def check_test(effect: tuple[float, float, float, float], alternative: str = "two-sided", null: float = 0.0) -> None:
    """Refuse an effect (estimate, error, units, freedom) that no test can be made of; infinite errors are fine."""
    estimate, error, n, freedom = effect
    check("effect.estimate", estimate)
    check("effect.n", n, 0.0)
    check("null", null)
    for name, value in {"standard_error": error, "freedom": freedom}.items():
        if not value >= 0.0:
            raise InvalidInput(f"effect.{name}", f"must be at least 0, is {value}")
    if alternative not in ALTERNATIVES:
        raise InvalidInput("alternative", f"must be one of: {', '.join(ALTERNATIVES)}")


def check_count(name: str, events: float, trials: float) -> None:
    """Refuse more events than trials, fewer than none, and what is no number."""
    check(f"{name}.trials", trials, 0.0)
    check(f"{name}.events", events, 0.0)
    if events > trials:
        raise InvalidInput(f"{name}.events", f"{events:g} of {trials:g} cannot be")


def check_shares(counts: Sequence[float], shares: Sequence[float]) -> None:
    """Refuse counts or shares that are negative or no numbers, and shares for other arms than were counted."""
    if len(counts) != len(shares):
        raise InvalidInput("shares", f"are {len(shares)}, for {len(counts)} counts")
    for number, (count, share) in enumerate(zip(counts, shares, strict=True)):
        check(f"counts[{number}]", count, 0.0)
        check(f"shares[{number}]", share, 0.0)


def check_total(shares: Iterable[float]) -> None:
    """Refuse shares that do not sum to 1."""
    if abs((total := sum(shares)) - 1.0) > _ROUNDING:
        raise InvalidInput("shares", f"must sum to 1, sum to {total:g}")


def check_p_values(p_values: Sequence[float]) -> None:
    """Refuse what is not in [0, 1]."""
    for number, p_value in enumerate(p_values):
        check(f"p_values[{number}]", p_value, 0.0, 1.0)


def check_sample(sample: Sample) -> None:
    """Refuse sums that no `n` values have: by Cauchy and Schwarz total² is at most n times the squares."""
    n, total, squares = sample
    for name, value in sample._asdict().items():
        check(f"sample.{name}", value)
    check("sample.n", n, 0.0)
    slack = _ROUNDING * (n + 1.0)
    if squares < -slack or total * total > (1.0 + _ROUNDING) * n * squares + slack * (n + 1.0):
        raise InvalidInput("sample", f"no {n:g} values have the sum {total:g} and the sum of squares {squares:g}")


def check_pairs(pairs: PairedSample) -> None:
    """Refuse two values of different units, and products that no such pairs have."""
    for sample in pairs[:2]:
        check_sample(sample)
    check("sample.products", pairs.products)
    if pairs.first.n != pairs.second.n:
        raise InvalidInput("sample", f"{pairs.first.n:g} values are paired with {pairs.second.n:g}")
    # A product of floats may be infinite, a power of them raises.
    if pairs.products * pairs.products > (1.0 + _ROUNDING) * pairs.first.squares * pairs.second.squares + (
        _ROUNDING * (pairs.first.n + 1.0)
    ) * (pairs.first.n + 1.0):
        raise InvalidInput("sample", f"the sum of products {pairs.products:g} is larger than the squares allow")
