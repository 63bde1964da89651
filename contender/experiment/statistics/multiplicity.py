"""p-values and e-values of several questions asked at once, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from contender.errors import InvalidInput
from contender.experiment.ranges import check, check_alpha, check_p_values


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted so that the chance of *any* false alarm stays under alpha, in the order given.

    Holm 1979, Scandinavian Journal of Statistics 6; holds whatever the dependence between the questions.

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03, 0.005, 0.55, 0.6])]
    [0.05, 0.12, 0.12, 0.03, 1.0, 1.0]
    """
    check_p_values(p_values)
    count = len(p_values)
    order = sorted(range(count), key=p_values.__getitem__)
    adjusted, floor = [1.0] * count, 0.0
    for rank, index in enumerate(order):
        floor = max(floor, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = floor
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted so that the expected share of false alarms among all alarms stays under alpha.

    Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57; for independent or positively dependent
    questions; in the order given.

    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.005])]
    [0.02, 0.04, 0.04, 0.02]
    """
    check_p_values(p_values)
    count = len(p_values)
    order = sorted(range(count), key=p_values.__getitem__, reverse=True)
    adjusted, ceiling = [1.0] * count, 1.0
    for rank, index in enumerate(order):
        ceiling = min(ceiling, p_values[index] * count / (count - rank))
        adjusted[index] = ceiling
    return tuple(adjusted)


def e_benjamini_hochberg(e_values: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Which questions are discoveries: the expected share of false ones among them stays under `alpha`.

    Wang and Ramdas 2022, Journal of the Royal Statistical Society B 84: the k largest e-values are discoveries for the
    largest k whose k-th is at least (number of questions) / (k alpha); whatever the dependence between the questions.
    The e-values must be of one moment: a running maximum is no e-value.

    Raises:
        InvalidInput: a negative e-value, or a level outside (0, 1).

    >>> e_benjamini_hochberg([100.0, 30.0, 1.0], 0.05)
    (True, True, False)
    """
    check_alpha(alpha)
    for number, value in enumerate(e_values):
        check(f"e_values[{number}]", value, 0.0)
    count = len(e_values)
    ordered = sorted(e_values, reverse=True)
    enough = [value for rank, value in enumerate(ordered, start=1) if rank * value * alpha >= count]
    line = min(enough, default=math.inf)
    return tuple(value >= line for value in e_values)


def e_by_level(selected: int, total: int, alpha: float) -> float:
    """The level at which intervals of the `selected` among `total` questions miss their truth in few cases on average.

    Xu, Wang and Ramdas 2024, "Post-selection inference for e-value based confidence intervals", Electronic Journal of
    Statistics 18: alpha times the selected part, whatever the selection, for intervals that are made of e-values.

    Raises:
        InvalidInput: more are selected than there are, or none.

    >>> round(e_by_level(2, 10, 0.05), 4)
    0.01
    """
    check_alpha(alpha)
    if not 0 < selected <= total:
        raise InvalidInput("selected", f"must be 1 to {total}, is {selected}")
    return alpha * selected / total
