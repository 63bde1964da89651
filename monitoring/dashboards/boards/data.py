"""Data: what came in at the door, how far people have moved from those trained on, and what was done about it."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import BAD, DOUBTFUL, GOOD, PLAIN, YES_IS_BAD, Board, Row, States, lines, stat
from monitoring.promql import equal, of_task

DRIFT_STATES: Final[States] = {
    -1: ("not enough data", PLAIN),
    0: ("ok", GOOD),
    1: ("warn", DOUBTFUL),
    2: ("drift", BAD),
    3: ("error", BAD),
}

VERDICT: Final = Row(
    "Now",
    (
        stat(
            "Drift",
            "The newest verdict over all kinds.",
            (of_task(m.DRIFT_VERDICT, equal("kind", "all")), "drift"),
            states=DRIFT_STATES,
        ),
        stat("Drift judged", "How long ago.", (of_task(m.DRIFT_AGE), "age"), unit="s"),
        stat("Faults in the newest file", "Over all types.", (f"sum({of_task(m.QUALITY_FAULTS)})", "faults")),
        stat("File checked", "How long ago.", (of_task(m.QUALITY_AGE), "age"), unit="s"),
        stat(
            "Retraining failed",
            "Whether the newest run failed.",
            (of_task(m.RETRAINING_FAILED), "failed"),
            states=YES_IS_BAD,
        ),
        stat("Retraining budget left", "Runs that may still begin.", (of_task(m.RETRAINING_BUDGET), "runs")),
    ),
)

DRIFT: Final = Row(
    "Drift",
    (
        lines(
            "Distance by signal",
            "From the training reference; 1 is where drift begins.",
            (of_task(m.DRIFT_DISTANCE), "{{signal}}"),
            width=12,
        ),
        lines(
            "Smallest corrected p by kind",
            "Small means: hardly chance.",
            (of_task(m.DRIFT_P), "{{kind}}"),
            unit="short",
            width=12,
        ),
        lines(
            "Verdict by kind",
            "-1 not enough data, 0 ok, 1 warn, 2 drift, 3 error.",
            (of_task(m.DRIFT_VERDICT), "{{kind}}"),
            unit="none",
        ),
        lines("Signals by state", "Of the newest window.", (of_task(m.DRIFT_COLUMNS), "{{state}}")),
        lines("Rows judged", "In the newest window.", (of_task(m.DRIFT_ROWS), "rows")),
    ),
)

QUALITY: Final = Row(
    "Quality",
    (
        lines("Faults by type", "In the newest file.", (of_task(m.QUALITY_FAULTS), "{{type}}")),
        lines("Rows by result", "Of the newest file.", (of_task(m.QUALITY_ROWS), "{{result}}")),
        lines("Files by result", "Of the last 7 days.", (of_task(m.QUALITY_FILES), "{{result}}")),
    ),
)

RETRAINING: Final = Row(
    "Retraining",
    (
        lines(
            "Runs by reason and result",
            "Of the last 30 days.",
            (f"{of_task(m.RETRAINING_RUNS)}", "{{reason}} {{result}}"),
            width=12,
        ),
        lines(
            "Since the newest run", "It began this long ago.", (of_task(m.RETRAINING_AGE), "age"), unit="s", width=12
        ),
    ),
)

BOARD: Final = Board(
    "contender-data",
    "Contender / Data quality and drift",
    "Files at the door, drift and decay of what is served, retraining.",
    (VERDICT, DRIFT, QUALITY, RETRAINING),
    span="now-7d",
)
