"""A request that the models themselves call wrong, and an arm that the operator chose."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import InvalidInput, NotFound
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import UNASSIGNED, FallbackPolicy, Prediction
from monitoring.metrics import Metrics
from serving.transformer.answering import Answer, Answering, Surroundings
from serving.transformer.fallback import Reason
from serving.transformer.places import MAX_REFUSAL, CallFailed, Said, read_refusal

ARMS = (Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0))
ROUTING = Routing("t", 1, ExperimentRef("e", "e"), ARMS, None, FallbackPolicy(150, 0.0))
VERSIONS = {"blue": "7", "green": "8", "baseline": "1"}


class Choosy:
    """Answers, or says that the request is wrong."""

    def __init__(self, version: str, *, refuses: bool = False) -> None:
        self.version, self.refuses = version, refuses

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        if self.refuses:
            raise CallFailed(Reason.REFUSED, "instances[0].city: is wrong")
        return Said([Prediction("a", 0.9, 0.9)] * len(rows), self.version)


def answering(*refusing: str) -> Answering:
    places = {name: Choosy(version, refuses=name in refusing) for name, version in VERSIONS.items()}
    return Answering("t", places, Metrics(CollectorRegistry()), Surroundings(lambda: 0.0))


def ask(one: Answering, count: int = 1, preview: str | None = None) -> list[Answer]:
    return asyncio.run(one.answer(ROUTING, ROUTING.fallback, [{"n": 1}] * count, [None] * count, preview))


def test_what_every_model_refuses_is_the_client_s_fault() -> None:
    with pytest.raises(InvalidInput, match=r"^instances\[0\].city: is wrong$"):
        ask(answering("blue", "baseline"))
    with pytest.raises(InvalidInput, match=r"^no model takes what was sent$"):
        ask(answering("blue", "baseline"), 2)


def test_what_one_model_refuses_another_answers() -> None:
    (answer,) = ask(answering("blue"))
    assert (answer.served_by, answer.fallback_reason) == ("baseline", Reason.REFUSED)


def test_a_client_cannot_eject_a_place_by_what_it_sends() -> None:
    one = answering("blue")
    for _ in range(20):
        (answer,) = ask(one)
        assert answer.fallback_reason is Reason.REFUSED


def test_a_previewed_arm_answers_unassigned() -> None:
    (answer,) = ask(answering(), preview="challenger")
    assert (answer.assigned_to, answer.served_by, answer.model_version) == (UNASSIGNED, "challenger", "8")
    (fallen,) = ask(answering("green"), preview="challenger")
    assert (fallen.assigned_to, fallen.served_by) == (UNASSIGNED, "champion")
    with pytest.raises(NotFound):
        ask(answering(), preview="nobody")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"error": "a: is wrong"}', "a: is wrong"),
        (b'{"error": "' + b"x" * 9_999 + b'"}', "x" * MAX_REFUSAL),
        (b'{"error": 5}', ""),
        (b'{"detail": 5}', ""),
        (b"[]", ""),
        (b"<html>", ""),
    ],
)
def test_a_refusal_s_words_are_read_with_care(content: bytes, words: str) -> None:
    failure = read_refusal(content)
    assert (failure.reason, failure.refusal) == (Reason.REFUSED, words)
