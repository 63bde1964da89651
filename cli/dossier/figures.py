"""Figures and moments as a reader of the dossier sees them."""

from __future__ import annotations

import math
from typing import Final

from contender.release.clock import utc

NOTHING: Final = "–"
_MINUS: Final = "\u2212"


def signed(value: float | None, digits: int = 4) -> str:
    """A difference, with its sign: ``+0.0123``."""
    return NOTHING if value is None else f"{value:+.{digits}f}".replace("-", _MINUS)


def tick(value: float) -> str:
    """A difference beside an axis: as few digits as tell it, and no sign for zero."""
    return "0" if abs(value) < 1e-12 else f"{value:+.4g}".replace("-", _MINUS)


def plain(value: object) -> str:
    """A value of any kind, numbers with at most four decimals."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if math.isfinite(value) else str(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(value: float | None, digits: int = 1) -> str:
    """A share: ``12.3 %``."""
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def probability(value: float | None) -> str:
    """A p-value: two significant digits, very small ones as a bound."""
    if value is None:
        return NOTHING
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def span(interval: tuple[float, float] | list[float] | None) -> str:
    """An interval of differences."""
    return NOTHING if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"


def moment(at: float | None) -> str:
    """A moment, given in seconds since the epoch, in UTC to the second."""
    return NOTHING if at is None else utc(at)
