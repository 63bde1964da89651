"""The experiment: who gets what, how they fare, whether it may be believed, what follows."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import YES_OR_NO, Board, Panel, Row, free_lines, lines, stat, word
from monitoring.metrics import MetricSpec
from monitoring.promql import TASK, of_task, rate, series

WHICH: Final = 'experiment=~"$experiment"'

CHOSEN: Final = f"and on (task) {series(m.EXPERIMENT_INFO, TASK, WHICH)}"
"""Only while the experiment that was chosen ran."""


def chosen(spec: MetricSpec, *matchers: str) -> str:
    """A metric of the experiment that was chosen."""
    return f"{of_task(spec, *matchers)} {CHOSEN}"


VERDICT: Final = Row(
    "Verdict",
    (
        word(
            "Verdict",
            "What the last look said: promote, roll_back, hold or error. Hold means: go on.",
            f"({of_task(m.EXPERIMENT_VERDICT)} == 1) {CHOSEN}",
            "{{decision}}",
        ),
        stat(
            "Running",
            "Whether an experiment runs now.",
            (of_task(m.EXPERIMENT_RUNNING), "running"),
            states=YES_OR_NO,
        ),
        stat("Age", "How long the experiment has been running.", (chosen(m.EXPERIMENT_AGE), "age"), unit="s"),
        stat(
            "Days left",
            "About how many more days a hold waits for, at the rate so far; none when the verdict is there.",
            (f"(({of_task(m.EXPERIMENT_TIME_LEFT)} / 86400 or {of_task(m.EXPERIMENT_RUNNING)} * 0)) {CHOSEN}", "days"),
        ),
        stat(
            "Since the last look",
            "Nobody has judged the experiment for this long.",
            (chosen(m.EXPERIMENT_LOOK_AGE), "age"),
            unit="s",
        ),
        word("Experiment", "The experiment that runs.", chosen(m.EXPERIMENT_INFO), "{{experiment}}"),
    ),
)

REWARD: Final = Row(
    "Reward",
    (
        free_lines(
            "Effect with its always-valid interval",
            "Each arm minus the champion. Once low is above zero the arm is better, however often one looks.",
            (chosen(m.EXPERIMENT_EFFECT), "{{arm}} {{bound}}"),
            width=12,
        ),
        free_lines(
            "Mean reward by arm",
            "Of the units that have an outcome.",
            (chosen(m.EXPERIMENT_REWARD), "{{arm}}"),
            width=12,
        ),
    ),
)

TRAFFIC: Final = Row(
    "Traffic by arm",
    (
        lines(
            "Answers by assigned arm",
            "Rows answered, by the arm they were assigned to, whoever answered in the end.",
            (f"sum by (assigned_to) ({rate(of_task(m.ANSWERS))})", "{{assigned_to}}"),
            unit="ops",
        ),
        lines(
            "Share of the units", "What each arm gets now.", (chosen(m.EXPERIMENT_SHARE), "{{arm}}"), unit="percentunit"
        ),
        lines(
            "Units by arm and stage",
            "People assigned, and those of whom the outcome is known.",
            (chosen(m.EXPERIMENT_UNITS), "{{arm}} {{stage}}"),
        ),
    ),
)

BELIEF: Final = Row(
    "May it be believed",
    (
        lines(
            "Sample ratio p",
            "Below 0.01 the arms do not have the people they should have, and no effect may be believed.",
            (chosen(m.EXPERIMENT_RATIO_P), "p"),
        ),
        lines(
            "Guardrails breached",
            "1 while a guardrail is breached.",
            (chosen(m.EXPERIMENT_GUARDRAIL), "{{guardrail}}"),
        ),
        Panel(
            "Guardrail rates",
            "What each guardrail compares, by arm.",
            lines("", "", (chosen(m.EXPERIMENT_RATE), "{{guardrail}} {{arm}}")).queries,
            "lines",
            "short",
        ),
    ),
)

BOARD: Final = Board(
    "contender-experiment",
    "Contender / Experiment",
    "Champion against challenger: effect, sample ratio, guardrails, verdict.",
    (VERDICT, REWARD, TRAFFIC, BELIEF),
    experiments=True,
    span="now-7d",
)
