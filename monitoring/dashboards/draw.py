"""Pictures of panels as SVG: the same questions that Grafana asks, drawn without it."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from contender.moments import DAY_S
from monitoring.prometheus import Found, Span

COLOURS: Final = (
    "#3b7dd8", "#d9722e", "#3f9a5b", "#b0449c", "#8a6d1f", "#2a9d9d", "#c43b3b", "#6b6bd1", "#7a8b2e", "#888888",
)  # fmt: skip
MOST_LINES: Final = 12
"""More lines than this nobody can tell apart: those with the largest newest values are drawn, the rest is counted."""
HEIGHT: Final = 190
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 22
GRID: Final = 4

Number = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A named series of finite values by time."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def newest(self) -> float:
        """Its last value."""
        return self.points[-1][1]


class Frame(NamedTuple):
    """The part of the plane that a picture shows, and its width in pixels."""

    span: Span
    low: float
    high: float
    width: int

    def x(self, at: float) -> float:
        """Where a moment lies."""
        share = (at - self.span.since) / max(self.span.until - self.span.since, 1.0)
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Where a value lies."""
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def named(found: Iterable[Found], legend: str) -> list[Line]:
    """The series that have a finite value, named as `legend` says, without the values that are none."""
    lines = []
    for one in found:
        points = tuple((at, value) for at, value in one.points if math.isfinite(value))
        if points:
            lines.append(Line(filled(legend, one.labels), points))
    return sorted(lines, key=lambda line: line.name)


def filled(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with the labels' values in it."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend).strip()


def number(unit: str) -> Number:
    """How a value of that unit is written."""
    return _UNITS.get(unit, _short)


def picture(lines: Sequence[Line], span: Span, unit: str, least: float | None, width: int) -> str:
    """The lines over time, as one SVG element with its legend below it as HTML."""
    shown = sorted(lines, key=lambda line: -abs(line.newest))[:MOST_LINES]
    shown.sort(key=lambda line: line.name)
    frame = Frame(span, *_ends(shown, least), width)
    parts = [*_grid(frame, number(unit)), *(_path(line, frame, colour) for line, colour in _coloured(shown))]
    label = html.escape(", ".join(line.name for line in shown))
    svg = f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return svg + _legend(shown, len(lines) - len(shown), number(unit))


def _ends(lines: Sequence[Line], least: float | None) -> tuple[float, float]:
    """Round numbers below and above every value; no lower than `least` if the values are not."""
    values = [value for line in lines for _, value in line.points]
    low, high = min(values), max(values)
    low = min(low, least) if least is not None else low
    step = _step((high - low) / GRID or abs(high) / GRID or 1.0)
    bottom = math.floor(low / step) * step
    return bottom, max(math.ceil(high / step), math.floor(low / step) + 1) * step


def _step(rough: float) -> float:
    """The next round number above `rough`: 1, 2, 2.5 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= rough * (1 - 1e-9))


def _ticks(frame: Frame) -> Iterator[float]:
    step = _step((frame.high - frame.low) / (GRID + 1))
    count = round((frame.high - frame.low) / step)
    return (round(frame.low + step * place, 12) for place in range(count + 1))


def _grid(frame: Frame, write: Number) -> Iterator[str]:
    for value in _ticks(frame):
        y = frame.y(value)
        yield f'<line class="g" x1="{LEFT}" x2="{frame.width - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="t" x="{LEFT - 6}" y="{y + 3}" text-anchor="end">{html.escape(write(value))}</text>'
    for step in range(GRID + 1):
        at = frame.span.since + (frame.span.until - frame.span.since) * step / GRID
        anchor = "start" if step == 0 else "end" if step == GRID else "middle"
        yield f'<text class="t" x="{frame.x(at)}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_clock(at)}</text>'


def _path(line: Line, frame: Frame, colour: str) -> str:
    """A line, broken where values are missing; a lonely value is a dot."""
    gap, words, before = frame.span.step_s * 1.5, list[str](), -math.inf
    for at, value in line.points:
        word = "L" if at - before <= gap else "M"
        words.append(f"{word}{frame.x(at)} {frame.y(value)}" + ("h0" if word == "M" else ""))
        before = at
    return f'<path d="{"".join(words)}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linecap="round"/>'


def _legend(lines: Sequence[Line], hidden: int, write: Number) -> str:
    words = [
        f'<span><i style="background:{colour}"></i>{html.escape(line.name)} <b>{html.escape(write(line.newest))}</b>'
        for line, colour in _coloured(lines)
    ]
    more = [f"<span>and {hidden} more</span>"] if hidden else [""]
    return f'<div class="legend">{"</span>".join([*words, *more])}</div>'


def _coloured(lines: Sequence[Line]) -> Iterator[tuple[Line, str]]:
    return ((line, COLOURS[place % len(COLOURS)]) for place, line in enumerate(lines))


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at))


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _seconds(value: float) -> str:
    if 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    for size, word in ((DAY_S, "d"), (3_600.0, "h"), (60.0, "min")):
        if abs(value) >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:.3g} s"


def _bytes(value: float) -> str:
    for size, word in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(value) >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:.0f} B"


_UNITS: Final[Mapping[str, Number]] = {
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "s": _seconds,
    "bytes": _bytes,
    "ops": lambda value: f"{_short(value)}/s",
    "reqps": lambda value: f"{_short(value)}/s",
}
