from __future__ import annotations

import pytest

from contender.routing import Arm
from contender.values import FallbackPolicy, Prediction
from serving.transformer.fallback import FLOOR, Reason, Rung, budget_ms, judge, ladder, share_of

CHAMPION, CHALLENGER = Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0)
POLICY = FallbackPolicy(deadline_ms=150, min_confidence=0.6, label="Review_Required")


def test_a_challenger_falls_to_the_champion_and_then_to_the_baseline() -> None:
    assert ladder(CHALLENGER, CHAMPION) == (
        Rung("challenger", "green", "8"),
        Rung("champion", "blue", "7"),
        Rung("baseline", "baseline", None),
    )


def test_a_champion_falls_to_the_baseline() -> None:
    assert ladder(CHAMPION, CHAMPION) == (Rung("champion", "blue", "7"), FLOOR)


def test_arms_in_the_same_slot_are_asked_once() -> None:
    assert len(ladder(Arm("challenger", "blue", "7", 0.5, 1.0), CHAMPION)) == 2


def test_every_rung_gets_its_share_of_what_is_left() -> None:
    left, shares = 150.0, []
    for below in (2, 1, 0):
        shares.append(share_of(left, below))
        left -= shares[-1]
    assert shares == pytest.approx([90, 36, 24])
    assert left == 0


@pytest.mark.parametrize(("rows", "budget"), [(1, 150), (3, 151), (10_000, 5149.5)])
def test_a_batch_has_more_time(rows: int, budget: float) -> None:
    assert budget_ms(POLICY, rows) == budget


@pytest.mark.parametrize(
    ("confidence", "label", "reason"),
    [(0.6, "looking", None), (0.599, "Review_Required", Reason.LOW_CONFIDENCE), (1.0, "looking", None)],
)
def test_an_unsure_answer_goes_to_a_person(confidence: float, label: str, reason: Reason | None) -> None:
    assert judge(Prediction("looking", confidence, 0.5), POLICY) == (label, reason)
