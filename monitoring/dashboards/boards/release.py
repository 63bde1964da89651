"""The release: who is where, what is under way, and whether the trail of it holds."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import YES_IS_BAD, YES_IS_GOOD, Board, Mark, Row, lines, listed, stat, word
from monitoring.promql import of_task

STATE: Final = Row(
    "Now",
    (
        word(
            "Phase",
            "idle, prepared, experimenting, promoting or promoted.",
            f"{of_task(m.RELEASE_STATE)} == 1",
            "{{phase}}",
        ),
        stat(
            "Suspended",
            "Whether everybody is handed to a person.",
            (of_task(m.RELEASE_SUSPENDED), "suspended"),
            states=YES_IS_BAD,
        ),
        stat(
            "Unfinished for",
            "A transition that was begun and not ended.",
            (of_task(m.RELEASE_UNFINISHED), "unfinished"),
            unit="s",
        ),
        stat("Audit trail holds", "Chain and anchors.", (of_task(m.AUDIT_VALID), "holds"), states=YES_IS_GOOD),
        stat("Champion since", "How long it has served everyone.", (of_task(m.MODEL_AGE), "age"), unit="s"),
        stat("Audit records", "Those that were not pruned.", (of_task(m.AUDIT_RECORDS), "records")),
    ),
)

SLOTS: Final = Row(
    "Slots",
    (
        listed(
            "Versions in place",
            "Arm, slot and version.",
            of_task(m.RELEASE_VERSION),
            "{{arm}}: version {{version}} in {{slot}}",
            width=12,
        ),
        listed(
            "Versions that predictors answer with",
            "Must agree with what is in place.",
            of_task(m.MODEL),
            "version {{version}} at {{instance}}",
            width=12,
        ),
    ),
)

STORY: Final = Row(
    "Over time",
    (
        lines("Phase", "1 while the release is in it.", (of_task(m.RELEASE_STATE), "{{phase}}"), width=12),
        lines(
            "Versions", "1 while a version is in place.", (of_task(m.RELEASE_VERSION), "{{arm}} {{version}}"), width=12
        ),
        lines("Routing generation", "Only grows: one write a switch.", (of_task(m.ROUTING_GENERATION), "obeyed")),
        lines("Audit records", "One before each action.", (of_task(m.AUDIT_RECORDS), "records")),
        lines(
            "Records that could be read",
            "By part; 0 means that its figures are missing.",
            (of_task(m.EXPORTED), "{{part}}"),
        ),
    ),
)

BOARD: Final = Board(
    "contender-release",
    "Contender / Release",
    "State, slots, audit trail; every audit record and routing write is a mark.",
    (STATE, SLOTS, STORY),
    marks=(
        Mark("audit record", f"delta({of_task(m.AUDIT_RECORDS)}[2m]) > 0", "purple"),
        Mark("routing changed", f"changes({of_task(m.ROUTING_GENERATION)}[2m]) > 0", "blue"),
    ),
    span="now-24h",
)
