"""`contender release wait`, against rounds that are told beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cli.waiting import Pace, until_known
from contender.errors import Unavailable

HOLD = {"phase": "experimenting", "verdict": {"decision": "hold"}}
PROMOTE = {"phase": "experimenting", "verdict": {"decision": "promote"}}
BUSY = {"phase": "promoting", "busy": True, "waits_for": "job-change-reconcile is held by ada"}
PROMOTING, PROMOTED = {"phase": "promoting"}, {"phase": "promoted"}

USUAL: dict[str, Any] = {"did": [], "waits_for": "", "busy": False, "rolled_back": False, "verdict": None}


class Rounds:
    """Rounds that are told beforehand, and a clock that is only moved by sleeping."""

    def __init__(self, *rounds: dict[str, Any]) -> None:
        self._rounds: Iterator[dict[str, Any]] = iter(rounds)
        self.played, self.now = 0, 0.0

    def play(self) -> dict[str, Any]:
        self.played += 1
        return USUAL | next(self._rounds)

    def decision(self, wait_s: float = 0.0) -> str:
        ended = until_known(self.play, Pace(wait_s, 60.0, 7.0), lambda: self.now, self._sleep)
        return str(ended["decision"])

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("round_", "decision"),
    [
        (PROMOTE, "promote"),
        (PROMOTING, "promote"),
        (PROMOTED, "promote"),
        ({"phase": "prepared"}, "rolled-back"),
        ({"phase": "idle"}, "rolled-back"),
        ({"phase": "prepared", "rolled_back": True}, "rolled-back"),
        ({"phase": "experimenting", "rolled_back": True}, "rolled-back"),
        (HOLD, "hold"),
        ({"phase": "experimenting"}, "hold"),
    ],
)
def test_one_round_may_tell(round_: dict[str, Any], decision: str) -> None:
    rounds = Rounds(round_)
    assert (rounds.decision(), rounds.played) == (decision, 1)


def test_rounds_are_played_until_the_verdict_is_known() -> None:
    rounds = Rounds(HOLD, HOLD, PROMOTE)
    assert (rounds.decision(3_600.0), rounds.now) == ("promote", 120.0)


def test_the_time_is_over_when_no_other_round_fits_into_it() -> None:
    rounds = Rounds(HOLD, HOLD, PROMOTE)
    assert (rounds.decision(100.0), rounds.played) == ("hold", 2)


def test_a_round_that_finds_another_one_at_work_is_played_again() -> None:
    rounds = Rounds(BUSY, BUSY, PROMOTED)
    assert (rounds.decision(), rounds.played, rounds.now) == ("promote", 3, 10.0)


def test_whoever_is_at_work_for_ever_ends_the_wait() -> None:
    rounds = Rounds(*[BUSY] * 100)
    assert rounds.decision() == "hold"
    assert rounds.now == pytest.approx(70.0)  # its bake and its lease


def test_a_round_that_fails_ends_it() -> None:
    def play() -> dict[str, Any]:
        raise Unavailable("the store does not answer")

    with pytest.raises(Unavailable):
        until_known(play, Pace(3_600.0, 60.0, 7.0), lambda: 0.0, lambda seconds: None)
