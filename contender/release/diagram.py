"""The release machine drawn from its own table: a Mermaid state diagram and the list of its rows, as Markdown."""

from __future__ import annotations

from typing import Final

from contender.release.machine import TABLE, Kind
from contender.release.state import Action, Phase

_ANY_PHASE: Final = frozenset({Kind.SUSPEND, Kind.RESUME})
"""Drawn once: they are possible in every phase and lead to the same one."""


def document() -> str:
    """The whole page, ending with a line break."""
    return "\n".join([*_HEAD, "```mermaid", *_diagram(), "```", "", *_rows(), ""])


_HEAD: Final = (
    "# The release machine",
    "",
    "Generated from `contender/release/machine.py` by `contender release diagram`; do not edit.",
    "",
    "`suspend` and `resume` are possible in every phase and lead back to it.",
    "",
)


def _diagram() -> list[str]:
    edges = [f"    {start} --> {row.to}: {kind}" for (start, kind), row in TABLE.items() if kind not in _ANY_PHASE]
    return ["stateDiagram-v2", f"    [*] --> {Phase.IDLE}", *edges]


def _rows() -> list[str]:
    head = ["| in phase | event | leads to | actions, in order |", "|---|---|---|---|"]
    return head + [
        f"| {start} | {kind} | {row.to} | {', '.join((Action.RECORD, *row.actions))} |"
        for (start, kind), row in TABLE.items()
    ]
