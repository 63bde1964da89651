"""Business: what came of the answers."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import Board, Row, free_lines, lines, stat
from monitoring.promql import equal, of_task


def stage(name: str) -> str:
    """People of the last day at a stage, by arm."""
    return f"sum by (arm) ({of_task(m.FUNNEL, equal('stage', name))})"


def share(part: str, whole: str) -> str:
    """How many of the `whole` stage reached the `part` stage, by arm."""
    return f"{stage(part)} / ({stage(whole)} > 0)"


def overall(part: str, whole: str) -> str:
    """The same over all arms."""
    return f"sum({stage(part)}) / (sum({stage(whole)}) > 0)"


NOW: Final = Row(
    "The last day",
    (
        stat("Answered", "Predictions.", (f"sum({stage('answered')})", "answered")),
        stat(
            "Labelled",
            "Share answered with a model's label and not by a review.",
            (overall("labelled", "answered"), "labelled"),
            unit="percentunit",
        ),
        stat(
            "Click-through",
            "Share of the labelled of whom an outcome came back.",
            (overall("known", "labelled"), "known"),
            unit="percentunit",
        ),
        stat(
            "Acceptance",
            "Share of the known outcomes that are the label.",
            (overall("accepted", "known"), "accepted"),
            unit="percentunit",
        ),
        stat(
            "Review backlog",
            "Handed to a person in 7 days, and no outcome yet.",
            (of_task(m.REVIEW_BACKLOG), "waiting"),
        ),
        stat(
            "Not served as assigned",
            "Share of the predictions.",
            (of_task(m.FALLBACK_SHARE), "fell back"),
            unit="percentunit",
        ),
    ),
)

ARMS: Final = Row(
    "By arm",
    (
        lines(
            "Click-through",
            "Known outcomes of labelled predictions.",
            (share("known", "labelled"), "{{arm}}"),
            unit="percentunit",
        ),
        lines(
            "Acceptance", "Outcomes that are the label.", (share("accepted", "known"), "{{arm}}"), unit="percentunit"
        ),
        lines(
            "Conversion",
            "Accepted labels of all answered.",
            (share("accepted", "answered"), "{{arm}}"),
            unit="percentunit",
        ),
        lines("Funnel", "Predictions by stage.", (of_task(m.FUNNEL), "{{arm}} {{stage}}")),
        lines(
            "Outcomes by state",
            "Judged, waiting for their prediction, or refused.",
            (of_task(m.OUTCOMES_HELD), "{{state}}"),
        ),
        free_lines("Mean reward", "Of the experiment that runs.", (of_task(m.EXPERIMENT_REWARD), "{{arm}}")),
    ),
)

BOARD: Final = Board(
    "contender-business",
    "Contender / Business",
    "Click-through, acceptance and conversion from outcomes; what waits for people.",
    (NOW, ARMS),
    span="now-7d",
)
