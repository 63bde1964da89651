"""Service objectives, watched by how fast their error budget burns, over a long and a short window at once.

Windows and factors are those of "The Site Reliability Workbook", chapter 5, table 5-8: a page at 14.4 times the
sustainable rate over 1 h (2 % of a month's budget gone) or 6 times over 6 h, a ticket at 3 times over 1 d or once over
3 d. The short window, a twelfth of the long one, lets the alert end soon after the trouble does.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from monitoring import metrics as m
from monitoring.alerts.rule import Alert, Group, Recording
from monitoring.metrics import LATENCY_OBJECTIVE_S
from monitoring.promql import equal, series

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PREDICT: Final = equal("operation", "predict")


class Objective(NamedTuple):
    """A share of good requests to be kept over 30 days."""

    name: str
    target: float
    bad: str
    all: str

    def burnt(self, window: str) -> str:
        """The name of the series of the bad share over `window`."""
        return f"contender:{self.name}:bad_share_{window}"

    def recordings(self) -> tuple[Recording, ...]:
        """The bad share over each window, by task; 0 where nothing was bad, nothing where nothing was asked."""
        return tuple(Recording(self.burnt(window), self._share(window)) for window in WINDOWS)

    def burns(self, pairs: tuple[tuple[float, str, str], ...]) -> str:
        """That the budget burns at one of the paces (factor, long window, short window)."""
        return "\nor\n".join(
            f"({self._over(factor, long)} and {self._over(factor, short)})" for factor, long, short in pairs
        )

    def _over(self, factor: float, window: str) -> str:
        return f"{self.burnt(window)} > {factor * (1 - self.target):.6g}"

    def _share(self, window: str) -> str:
        every = f"sum by (task) (rate({self.all}[{window}]))"
        bad = self.bad.replace("WINDOW", window)
        return f"(({bad}) or {every} * 0) / ({every} > 0)"


ANSWERED: Final = Objective(
    "answered",
    0.999,
    f"sum by (task) (rate({series(m.REQUESTS, PREDICT, equal('outcome', 'error'))}[WINDOW]))",
    series(m.REQUESTS, PREDICT),
)
"""999 of 1000 prediction requests do not end in an error of ours."""

_COUNT: Final = series(m.LATENCY, part="_count")
_IN_TIME: Final = series(m.LATENCY, equal("le", LATENCY_OBJECTIVE_S), part="_bucket")
IN_TIME: Final = Objective(
    "in_time",
    0.99,
    f"sum by (task) (rate({_COUNT}[WINDOW])) - sum by (task) (rate({_IN_TIME}[WINDOW]))",
    _COUNT,
)
"""99 of 100 prediction requests are answered within 150 ms."""

FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
SLOW: Final = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))


def _alerts(objective: Objective, word: str, said: str) -> tuple[Alert, Alert]:
    share = "{{ $value | humanizePercentage }}"
    return (
        Alert(
            f"Contender{word}BurnFast",
            "page",
            objective.burns(FAST),
            "2m",
            "{{ $labels.task }}: " + said + ", the month's budget will be gone within days",
            f"{share} of the prediction requests; the objective allows {1 - objective.target:.1%}.",
        ),
        Alert(
            f"Contender{word}BurnSlow",
            "ticket",
            objective.burns(SLOW),
            "15m",
            "{{ $labels.task }}: " + said + ", the month's budget will not last",
            f"{share} of the prediction requests over a day or more; the objective allows {1 - objective.target:.1%}.",
        ),
    )


GROUP: Final = Group(
    "contender-objectives",
    (
        *_alerts(ANSWERED, "Errors", "requests end in errors"),
        *_alerts(IN_TIME, "Latency", "answers take longer than 150 ms"),
    ),
    (*ANSWERED.recordings(), *IN_TIME.recordings()),
)
