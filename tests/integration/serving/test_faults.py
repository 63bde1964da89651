"""Processes that die, hang or answer for another version: nobody is left without an answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

DEADLINE_MS = 400


@pytest.fixture
def hung(stack: Any) -> Iterator[Callable[[str], None]]:
    """Hangs a process; lets it go on at the end."""
    stopped: list[str] = []

    def hang(name: str) -> None:
        stopped.append(name)
        stack.signal(name, signal.SIGSTOP)

    yield hang
    for name in stopped:
        stack.signal(name, signal.SIGCONT)


def answers(stack: Any, count: int) -> list[dict[str, Any]]:
    return [stack.one(f"u{index}") for index in range(count)]


def until(stack: Any, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for answer in answers(stack, 8):
            if wanted(answer):
                return answer
    raise AssertionError(what)


def test_a_killed_arm_costs_nobody_an_answer_and_comes_back(stack: Any) -> None:
    before = {f"u{index}": answer["assigned_to"] for index, answer in enumerate(answers(stack, 20))}
    stack.kill("green")
    for index, answer in enumerate(answers(stack, 20)):
        assert answer["assigned_to"] == before[f"u{index}"]
        assert answer["served_by"] == "champion"
        if answer["assigned_to"] == "challenger":
            assert answer["fallback_reason"] in ("unreachable", "ejected")
            assert answer["model_version"] == "7"
    stack.start("green")
    stack.wait_ready("green")
    back = until(stack, lambda a: a["served_by"] == "challenger", "green is admitted again")
    assert back["fallback_reason"] is None


def test_a_hung_arm_is_answered_for_within_the_deadline(stack: Any, hung: Callable[[str], None]) -> None:
    stack.route(deadline_ms=DEADLINE_MS)
    hung("blue")
    slowest, reasons = 0.0, set()
    for index in range(20):
        started = time.monotonic()
        answer = stack.one(f"u{index}")
        slowest = max(slowest, time.monotonic() - started)
        if answer["assigned_to"] == "champion":
            assert answer["served_by"] == "baseline"
            reasons.add(answer["fallback_reason"])
    assert reasons == {"timeout", "ejected"}
    assert slowest < DEADLINE_MS / 1000 + 0.1


def test_an_unsure_answer_goes_to_a_person_with_the_model_s_score(stack: Any) -> None:
    stack.route(min_confidence=1.0)
    answer = stack.one("u1")
    assert (answer["label"], answer["fallback_reason"]) == ("Review_Required", "low_confidence")
    assert answer["served_by"] == answer["assigned_to"]
    assert 0 <= answer["score"] <= 1


def test_a_slot_that_serves_another_version_is_not_believed(stack: Any) -> None:
    stack.kill("green")
    good, stack.artifacts = stack.artifacts, {**stack.artifacts, "green": stack.artifacts["baseline"]}
    try:
        stack.start("green")
        stack.wait_ready("green")
        until(stack, lambda a: a["fallback_reason"] == "wrong_version", "the wrong version is noticed")
        assert {a["model_version"] for a in answers(stack, 20)} == {"7"}
    finally:
        stack.artifacts = good
        stack.kill("green")
