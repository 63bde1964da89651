from __future__ import annotations

from serving.transformer.budget import RetryBudget


def test_retries_are_a_part_of_the_calls() -> None:
    budget = RetryBudget(share=0.1, burst=5)
    made = 0
    for _ in range(1_000):
        budget.earn()
        made += budget.spend()
    assert 100 <= made <= 105


def test_a_burst_is_paid_from_what_was_saved() -> None:
    budget = RetryBudget(share=0.1, burst=3)
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]
    for _ in range(1_000):
        budget.earn()
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]
