"""Axes of the dossier's pictures: values to pixels, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cli.dossier.markup import Html, element

_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values from `low` to `high` onto pixels from `start` to `end`; values beyond lie on the edge."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of `value`, to a tenth."""
        inside = min(max(value, self.low), self.high)
        return round(self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside the axis, about as many as asked for."""
        step = _round_up((self.high - self.low) / about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def around(values: Sequence[float], start: float, end: float, margin: float = 0.08) -> Axis:
    """An axis that holds all `values` with some room on both sides."""
    low, high = min(values), max(values)
    room = (high - low) * margin or abs(high) * margin or 1.0
    return Axis(low - room, high + room, start, end)


def horizontal(axis: Axis, top: float, bottom: float, label: Callable[[float], str]) -> list[Html]:
    """Vertical grid lines from `top` to `bottom` with their values below."""
    drawn = []
    for tick in axis.ticks():
        x = axis.at(tick)
        drawn.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        drawn.append(element("text", label(tick), x=x, y=bottom + 16, text_anchor="middle", class_="tick"))
    return drawn


def vertical(axis: Axis, left: float, right: float, label: Callable[[float], str]) -> list[Html]:
    """Horizontal grid lines from `left` to `right` with their values before them."""
    drawn = []
    for tick in axis.ticks():
        y = axis.at(tick)
        drawn.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        drawn.append(element("text", label(tick), x=left - 8, y=y + 4, text_anchor="end", class_="tick"))
    return drawn


def _round_up(step: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(size * magnitude for size in _STEPS if size * magnitude >= step * (1 - 1e-9))
