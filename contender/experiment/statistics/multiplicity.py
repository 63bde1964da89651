"""p-values of several questions asked at once, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

from contender.experiment.ranges import check_p_values


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
