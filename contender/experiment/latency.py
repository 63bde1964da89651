"""Bins of latency: enough of them that a quantile is read off within a fifth, few enough to be kept for every arm."""

from __future__ import annotations

import math
from typing import Final

from contender.experiment.data import LATENCY_BINS

LOWEST_MS: Final = 1.0
"""The upper edge of the first bin; what is faster is in it."""

_ROUNDING = 1e-9
"""What is on an edge is in the bin that it ends, whatever the logarithm rounds it to."""

PER_OCTAVE: Final = 4
"""Bins from a latency to twice that: 64 of them reach from a millisecond to more than half a minute."""


def latency_bin(latency_ms: float) -> int:
    """The bin of a latency, 0 to `LATENCY_BINS` - 1; whatever is slower than the last edge is in the last one.

    >>> latency_bin(0.4), latency_bin(1.5), latency_bin(150.0), latency_bin(1e9)
    (0, 3, 29, 63)
    """
    if latency_ms <= LOWEST_MS:
        return 0
    return min(math.ceil(PER_OCTAVE * math.log2(latency_ms / LOWEST_MS) - _ROUNDING), LATENCY_BINS - 1)


def upper_edge_ms(number: int) -> float:
    """The slowest latency of that bin, in milliseconds.

    >>> upper_edge_ms(0), upper_edge_ms(4)
    (1.0, 2.0)
    """
    return LOWEST_MS * math.pow(2.0, number / PER_OCTAVE)
