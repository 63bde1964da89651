"""The exit codes of every command, each defined here and nowhere else."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
"""What was asked for did not come about."""

USAGE: Final = 2
"""What was handed in is wrong, or nothing to work on."""

REFUSED: Final = 3
"""A gate, an approval or a person's bounds say no; or the verdict is not promote."""

FAULT: Final = 4
"""Drift, a fault of the data, or something else that was looked for and found."""

UNREACHABLE: Final = 5
"""A service does not answer."""

INTERRUPTED: Final = 130
"""After Ctrl-C, as shells have it."""
