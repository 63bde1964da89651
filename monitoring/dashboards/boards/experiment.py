"""The experiment: who gets what, how they fare, whether it may be believed, what follows."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import YES_OR_NO, Board, Panel, Row, free_lines, lines, stat, word
from monitoring.metrics import MetricSpec
from monitoring.promql import TASK, equal, of_task, rate, series

WHICH: Final = 'experiment=~"$experiment"'

CHOSEN: Final = f"and on (task) {series(m.EXPERIMENT_INFO, TASK, WHICH)}"
"""Only while the experiment that was chosen ran."""


def chosen(spec: MetricSpec, *matchers: str) -> str:
    """A metric of the experiment that was chosen."""
    return f"{of_task(spec, *matchers)} {CHOSEN}"


LEFT: Final = of_task(m.EXPERIMENT_TIME_LEFT)
RUNNING: Final = of_task(m.EXPERIMENT_RUNNING)
SETTLING: Final = 'decision=~"promote|roll_back"'
DECIDED: Final = f"max by (task) ({of_task(m.EXPERIMENT_VERDICT, SETTLING)} == 1)"
NO_LOOK: Final = f'label_replace({RUNNING} == 1, "decision", "no look yet", "", "")'
"""What is not known is said so: how long it takes before a look could tell, and what nobody looked for."""

SETTLED: Final = 'stage=~"assigned|matured|with_outcome"'

WAITING: Final = (
    f"({of_task(m.EXPERIMENT_UNITS, equal('stage', 'assigned'))} "
    f"- ignoring (stage) {of_task(m.EXPERIMENT_UNITS, equal('stage', 'matured'))}) {CHOSEN}"
)
"""Units less those whose window has closed."""


VERDICT: Final = Row(
    "Verdict",
    (
        word(
            "Verdict",
            "What the last look said: promote, roll_back, hold or error, if anybody looked. Hold means: go on.",
            f"({of_task(m.EXPERIMENT_VERDICT)} == 1 or on (task) {NO_LOOK}) {CHOSEN}",
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
            "About how many more days a hold waits for, at the rate so far; 0 when the verdict is there.",
            (f"({LEFT} / 86400 or on (task) {DECIDED} * 0 or on (task) {RUNNING} * -1) {CHOSEN}", "days"),
            states={-1: ("not known", "text")},
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
            "Of the units whose window has closed.",
            (chosen(m.EXPERIMENT_REWARD), "{{arm}}"),
            width=12,
        ),
        free_lines(
            "Other metrics by arm",
            "Means of the secondary and guardrail metrics. Secondary metrics inform and decide nothing.",
            (chosen(m.EXPERIMENT_METRIC), "{{metric}} {{arm}}"),
            width=24,
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
            "People assigned, those whose window has closed, and those with a final value.",
            (chosen(m.EXPERIMENT_UNITS, SETTLED), "{{arm}} {{stage}}"),
        ),
        lines(
            "Waiting for their window",
            "People whose window is still open. Their values are not final and do not count yet.",
            (WAITING, "{{arm}}"),
            width=12,
        ),
        lines(
            "Missing outcomes",
            "People answered by a model whose window closed without an outcome that had to be observed.",
            (chosen(m.EXPERIMENT_UNITS, equal("stage", "missing")), "{{arm}}"),
            width=12,
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
            "State of the guardrails",
            "0 passed (the harm is surely within the margin), 1 open, 2 breached (surely beyond it).",
            (chosen(m.EXPERIMENT_GUARDRAIL_STATE), "{{guardrail}}"),
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
