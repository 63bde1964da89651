"""Proof without a Grafana: every question of every dashboard, asked of a Prometheus that scrapes the real servers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal, Protocol

from contender.errors import InvalidInput
from monitoring.dashboards.reading import Scope, Shown, Written
from monitoring.prometheus import Found, Span

State = Literal["ok", "empty", "nan", "broken"]
WORDS: Final = {
    "ok": "",
    "empty": "no series: nothing exports it yet, or its name is wrong",
    "nan": "not a number at any time: nothing happened yet, or it is divided by nothing",
}


class Answering(Protocol):
    """What is needed of a Prometheus."""

    def over(self, expression: str, span: Span) -> list[Found]:
        """See `monitoring.prometheus.Prometheus`."""
        ...

    def values(self, selector: str, label: str, span: Span) -> list[str]:
        """See `monitoring.prometheus.Prometheus`."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """How one question went: of which dashboard and panel (or variable, or mark), and how many series came."""

    board: str
    panel: str
    ref: str
    state: State
    series: int
    reason: str

    def to_document(self) -> dict[str, object]:
        """The finding with stable keys."""
        return asdict(self)


def check(boards: Iterable[Written], server: Answering, scope: Scope, span: Span) -> list[Finding]:
    """A finding for each variable, each query of each panel and each mark, in reading order.

    Raises:
        Unavailable: the server does not answer.
    """
    return [finding for board in boards for finding in _board(board, server, scope, span)]


def _board(board: Written, server: Answering, scope: Scope, span: Span) -> Iterator[Finding]:
    for variable in board.variables:
        values = server.values(scope.fill(variable.selector), variable.label, span)
        state: State = "ok" if values else "empty"
        yield Finding(board.title, f"variable {variable.name}", "", state, len(values), WORDS[state])
    for panel in board.panels:
        yield from _panel(board, panel, server, scope, span)
    for title, expression in board.marks.items():
        finding = _asked((board.title, f"mark {title}", ""), expression, server, scope, span)
        # That nothing happened is no fault of the question.
        quiet = finding.state == "empty"
        yield Finding(board.title, finding.panel, "", "ok", 0, "nothing to mark") if quiet else finding


def _panel(board: Written, panel: Shown, server: Answering, scope: Scope, span: Span) -> Iterator[Finding]:
    for target in panel.targets:
        yield _asked((board.title, panel.title, target.ref), target.expr, server, scope, span)


def _asked(where: tuple[str, str, str], expression: str, server: Answering, scope: Scope, span: Span) -> Finding:
    try:
        found = server.over(scope.fill(expression), span)
    except InvalidInput as error:
        return Finding(*where, "broken", 0, error.message)
    state = _state(found)
    return Finding(*where, state, len(found), WORDS[state])


def _state(found: list[Found]) -> State:
    if not found:
        return "empty"
    values = (value for series in found for _, value in series.points)
    return "ok" if any(math.isfinite(value) for value in values) else "nan"
