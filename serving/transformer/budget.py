"""The retry budget: a part of all calls instead of a number per request, so retries cannot multiply a load. Pure."""

from __future__ import annotations

from typing import Final

RETRY_SHARE: Final = 0.1
"""Further calls that each request which a place answered pays for: while nobody answers, nothing is earned."""

BURST: Final = 50.0
"""Further calls that may be made at once: what is in flight when a place dies."""


class RetryBudget:
    """Tokens that answered requests earn and further calls spend."""

    def __init__(self, share: float = RETRY_SHARE, burst: float = BURST) -> None:
        self._share, self._burst, self._tokens = share, burst, burst

    def earn(self) -> None:
        """A place has answered a request."""
        self._tokens = min(self._burst, self._tokens + self._share)

    def spend(self) -> bool:
        """Whether a further call may be made; if so, it is paid for."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
