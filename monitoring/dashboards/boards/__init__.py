"""What is shown: one module a dashboard, `BOARDS` the list of them."""

from __future__ import annotations

from typing import Final

from monitoring.dashboards.boards import business, data, experiment, release, serving
from monitoring.dashboards.panel import Board

BOARDS: Final[tuple[Board, ...]] = (experiment.BOARD, serving.BOARD, data.BOARD, release.BOARD, business.BOARD)
"""Every dashboard."""
