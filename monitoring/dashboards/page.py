"""Every dashboard as one HTML page that needs nothing else: for looking, where there is no Grafana."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from contender.plain_text import shown
from monitoring.dashboards.draw import Line, named, number, picture
from monitoring.dashboards.reading import Scope, Shown, Written
from monitoring.prometheus import Found, Span

FULL_WIDTH: Final = 24
PIXELS: Final = 1200
"""How wide a panel of the full width is drawn; the page scales it."""


class Answering(Protocol):
    """What is needed of a Prometheus."""

    def over(self, expression: str, span: Span) -> list[Found]:
        """See `monitoring.prometheus.Prometheus`."""
        ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with its picture."""

    title: str
    about: str
    width: int
    body: Markup


@dataclass(frozen=True, slots=True)
class Sheet:
    """A dashboard with its pictures, by row."""

    uid: str
    title: str
    about: str
    rows: dict[str, list[Drawn]]


def page(boards: Iterable[Written], server: Answering, scope: Scope, span: Span) -> str:
    """The page. What has no figures says so.

    Raises:
        Unavailable: the server does not answer.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    sheets = [
        Sheet(
            board.uid,
            board.title,
            board.about,
            {title: [_drawn(one, server, scope, span) for one in row] for title, row in board.rows.items()},
        )
        for board in boards
    ]
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(span.until))
    minutes = round((span.until - span.since) / 60)
    return environment.get_template("page.html").render(sheets=sheets, task=scope.task, until=moment, minutes=minutes)


def _drawn(panel: Shown, server: Answering, scope: Scope, span: Span) -> Drawn:
    lines = [
        line for target in panel.targets for line in named(server.over(scope.fill(target.expr), span), target.legend)
    ]
    current = lines if panel.kind == "timeseries" else list(_current(lines, span))
    body = Markup('<p class="none">no data</p>') if not current else _body(panel, current, span)
    return Drawn(panel.title, panel.about, panel.width, body)


def _current(lines: Iterable[Line], span: Span) -> Iterator[Line]:
    """Those that still have a value at the end."""
    return (line for line in lines if line.points[-1][0] >= span.until - 2 * span.step_s)


def _body(panel: Shown, lines: list[Line], span: Span) -> Markup:
    if panel.kind == "stat":
        return Markup("").join(_figure(panel, line) for line in lines)
    if panel.kind == "table":
        return Markup('<ul class="list">{}</ul>').format(
            Markup("").join(Markup("<li>{}</li>").format(line.name) for line in lines)
        )
    width = PIXELS * panel.width // FULL_WIDTH
    # Everything that came from a label was escaped when it was drawn.
    return Markup(picture(lines, span, panel.unit, panel.least, width))  # noqa: S704 - see above


def _figure(panel: Shown, line: Line) -> Markup:
    if panel.names:
        return Markup('<p class="figure">{}</p>').format(line.name)
    text, colour = panel.states.get(f"{line.newest:g}", (number(panel.unit)(line.newest), "text"))
    return Markup('<p class="figure {}">{}</p>').format(escape(colour), text)
