"""The dossier's pictures: inline SVG, each with a title and a description in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cli.dossier.axis import Axis, around, horizontal, vertical
from cli.dossier.figures import percent, plain, signed, tick
from cli.dossier.markup import Html, element

WIDTH: Final = 720
_LEFT, _RIGHT, _TOP, _ROW = 170, 700, 14, 38


class Bar(NamedTuple):
    """A named value with its interval, in the unit of the picture."""

    name: str
    value: float
    low: float
    high: float
    kind: str = ""


class Point(NamedTuple):
    """The effect at one look: units with an outcome, estimate, interval."""

    units: int
    effect: float
    low: float
    high: float


class Limit(NamedTuple):
    """A rate of both arms, and how much higher the challenger's may be; None where no margin is stated."""

    name: str
    champion: float
    challenger: float
    margin: float | None
    breached: bool


class Caption(NamedTuple):
    """What a picture is called, and what it shows to somebody who cannot see it. `name` is unique on the page."""

    name: str
    title: str
    description: str


def effect(found: Bar, smallest: float, caption: Caption) -> Html:
    """The difference with its interval, against no difference and the smallest that is worth having."""
    axis = around([found.low, found.high, 0.0, smallest, -smallest], 40, _RIGHT - 20)
    worth = element(
        "rect",
        x=axis.at(-smallest),
        y=26,
        width=axis.at(smallest) - axis.at(-smallest),
        height=52,
        class_="indifferent",
    )
    zero = element("line", x1=axis.at(0.0), x2=axis.at(0.0), y1=18, y2=86, class_="zero")
    ends = [
        element("text", "← worse", x=axis.at(0.0) - 8, y=14, text_anchor="end", class_="label"),
        element("text", "better →", x=axis.at(0.0) + 8, y=14, class_="label"),
    ]
    value = element("text", signed(found.value), x=axis.at(found.value), y=46, text_anchor="middle", class_="value")
    drawn = [
        worth,
        horizontal(axis, 26, 86, tick),
        zero,
        ends,
        _whisker(axis, found, 60),
        value,
    ]
    return _picture(caption, 110, drawn)


def bars(rows: Sequence[Bar], caption: Caption) -> Html:
    """One line a row: its value and interval."""
    axis = around([bound for row in rows for bound in (row.low, row.high)], _LEFT, _RIGHT - 20)
    bottom = _TOP + _ROW * len(rows)
    drawn: list[object] = [horizontal(axis, _TOP, bottom, plain)]
    for number, row in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        drawn += [element("text", row.name, x=_LEFT - 14, y=y + 4, text_anchor="end", class_="label")]
        drawn += [_whisker(axis, row, y)]
        drawn += [
            element("text", plain(row.value), x=axis.at(row.value), y=y - 9, text_anchor="middle", class_="value")
        ]
    return _picture(caption, bottom + 26, drawn)


def over_time(points: Sequence[Point], smallest: float, caption: Caption) -> Html:
    """The effect and its always-valid interval, look by look. Early intervals are cut off at the picture's edge."""
    across = Axis(0.0, max(point.units for point in points) * 1.04 or 1.0, 66, _RIGHT)
    up = _upward(points, smallest)
    seen = [(across.at(point.units), point) for point in points]
    outline = [(x, up.at(p.high)) for x, p in seen] + [(x, up.at(p.low)) for x, p in reversed(seen)]
    drawn = [
        element(
            "rect",
            x=66,
            y=up.at(smallest),
            width=_RIGHT - 66,
            height=up.at(-smallest) - up.at(smallest),
            class_="indifferent",
        ),
        horizontal(across, 20, 240, lambda units: f"{units:,.0f}"),
        vertical(up, 66, _RIGHT, tick),
        element("polygon", points=_path(outline), class_="band"),
        element("line", x1=66, x2=_RIGHT, y1=up.at(0.0), y2=up.at(0.0), class_="zero"),
        element("polyline", points=_path([(x, up.at(p.effect)) for x, p in seen]), class_="trend"),
        [element("line", x1=x, x2=x, y1=up.at(p.low), y2=up.at(p.high), class_="look") for x, p in seen],
        [element("circle", cx=x, cy=up.at(p.effect), r=3.5, class_="dot") for x, p in seen],
        element("text", "people with a known outcome", x=_RIGHT, y=276, text_anchor="end", class_="label"),
    ]
    return _picture(caption, 284, drawn)


def limits(rows: Sequence[Limit], caption: Caption) -> Html:
    """Each guardrail: champion (ring), challenger (dot), and the line that the challenger must not cross."""
    ends = [end for row in rows for end in (row.champion, row.challenger, row.champion + (row.margin or 0.0))]
    axis = Axis(0.0, max(*ends, 0.01) * 1.12, _LEFT, _RIGHT - 20)
    bottom = _TOP + _ROW * len(rows)
    drawn: list[object] = [horizontal(axis, _TOP, bottom, percent)]
    for number, row in enumerate(rows):
        drawn.append(_limit(axis, row, _TOP + _ROW * (number + 0.5)))
    return _picture(caption, bottom + 26, drawn)


def ratios(rows: Sequence[Bar], line: float, caption: Caption) -> Html:
    """Ratios to the best group, with their intervals and the line below which a group counts as adversely affected."""
    high = min(max([1.0, *(row.high for row in rows)]), 2.0) * 1.05
    axis = Axis(0.0, high, _LEFT, _RIGHT - 20)
    bottom = _TOP + _ROW * len(rows)
    drawn: list[object] = [
        element("rect", x=_LEFT, y=_TOP, width=axis.at(line) - _LEFT, height=bottom - _TOP, class_="below"),
        horizontal(axis, _TOP, bottom, plain),
        element("line", x1=axis.at(line), x2=axis.at(line), y1=_TOP, y2=bottom, class_="bound"),
    ]
    for number, row in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        name = element("text", row.name, x=_LEFT - 14, y=y + 4, text_anchor="end", class_="label")
        drawn += [name, _whisker(axis, row, y)]
    return _picture(caption, bottom + 26, drawn)


def _upward(points: Sequence[Point], smallest: float) -> Axis:
    """From the lowest bound to the highest, but no further than makes the last interval easy to see."""
    last = points[-1]
    reach = 2.0 * (last.high - last.low)
    low = max(min(point.low for point in points), last.low - reach)
    high = min(max(point.high for point in points), last.high + reach)
    return around([low, high, -smallest, smallest], 240, 20)


def _limit(axis: Axis, row: Limit, y: float) -> list[Html]:
    drawn = [element("text", row.name, x=_LEFT - 14, y=y + 4, text_anchor="end", class_="label")]
    if row.margin is not None:
        edge = axis.at(row.champion + row.margin)
        drawn.append(element("rect", x=_LEFT, y=y - 9, width=edge - _LEFT, height=18, class_="allowed"))
        drawn.append(element("line", x1=edge, x2=edge, y1=y - 13, y2=y + 13, class_="bound"))
    kind = "dot bad" if row.breached else "dot"
    drawn.append(element("circle", cx=axis.at(row.champion), cy=y, r=6, class_="ring"))
    drawn.append(element("circle", cx=axis.at(row.challenger), cy=y, r=4, class_=kind))
    return drawn


def _whisker(axis: Axis, row: Bar, y: float) -> list[Html]:
    low, high, kind = axis.at(row.low), axis.at(row.high), f" {row.kind}".rstrip()
    return [
        element("line", x1=low, x2=high, y1=y, y2=y, class_=f"whisker{kind}"),
        *(element("line", x1=x, x2=x, y1=y - 5, y2=y + 5, class_=f"whisker{kind}") for x in (low, high)),
        element("circle", cx=axis.at(row.value), cy=y, r=5, class_=f"dot{kind}"),
    ]


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in corners)


def _picture(caption: Caption, height: float, drawn: object) -> Html:
    title, description = f"{caption.name}-title", f"{caption.name}-text"
    drawing = element(
        "svg",
        element("title", caption.title, id=title),
        element("desc", caption.description, id=description),
        drawn,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_labelledby=f"{title} {description}",
    )
    return element("figure", drawing, element("figcaption", caption.description))
