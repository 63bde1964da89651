from __future__ import annotations

from typing import Any

import orjson
import pytest

from contender.values import Prediction
from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, read_reply

GOOD: dict[str, Any] = {"label": "a", "confidence": 0.9, "score": 1, "ranking": [["a", 0.9], ["b", 0.1]]}


def reply(*predictions: object, **rest: object) -> bytes:
    return orjson.dumps({"predictions": predictions, "model_version": "7", **rest})


def test_a_good_reply_is_read() -> None:
    said = read_reply(reply(GOOD, {"label": "b", "confidence": 0.5, "score": 0.5}), 2)
    assert said.version == "7"
    assert said.predictions == [Prediction("a", 0.9, 1.0, (("a", 0.9), ("b", 0.1))), Prediction("b", 0.5, 0.5)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"predictions": [{"label": "a", "confidence": NaN, "score": 0.5}], "model_version": "7"}',
        reply(),
        reply(GOOD, GOOD),
        reply(GOOD, model_version=7),
        reply(GOOD, model_version=None),
        reply("a"),
        reply({**GOOD, "label": 1}),
        reply({**GOOD, "confidence": 1.2}),
        reply({**GOOD, "confidence": "0.9"}),
        reply({**GOOD, "score": -0.1}),
        reply({**GOOD, "score": True}),
        reply({**GOOD, "score": None}),
        reply({**GOOD, "ranking": [["a"]]}),
        reply({**GOOD, "ranking": 5}),
        reply({"label": "a"}),
    ],
)
def test_anything_else_is_a_bad_answer(content: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        read_reply(content, 1)
    assert caught.value.reason is Reason.BAD_ANSWER
