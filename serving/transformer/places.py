"""What a place that serves a model version is to the transformer, and the strict reading of what it says. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from contender.errors import Unavailable
from contender.values import Prediction
from serving.transformer.fallback import Reason

MAX_REFUSAL: Final = 500
"""The most characters of a place's refusal that are handed on."""


class CallFailed(Unavailable):
    """A place did not answer as it should; `reason` says how, `refusal` in its own words what it finds wrong."""

    def __init__(self, reason: Reason, refusal: str = "") -> None:
        super().__init__(reason.value)
        self.reason, self.refusal = reason, refusal


@dataclass(frozen=True, slots=True)
class Said:
    """A place's predictions, row by row, and the version it answered with."""

    predictions: Sequence[Prediction]
    version: str


class Place(Protocol):
    """Somewhere a model version is served."""

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        """What the place says about `rows`.

        Raises:
            CallFailed: not within `timeout_s`, or not as it should.
        """
        ...


def read_reply(content: bytes, rows: int) -> Said:
    """The predictions in a V1 reply of a predictor to a request of `rows`.

    Raises:
        CallFailed: other than what our predictors say: not JSON, another count, numbers outside [0, 1].
    """
    try:
        body = orjson.loads(content)
        predictions = [_prediction(item) for item in body["predictions"]]
        version = body["model_version"]
    except (ValueError, TypeError, KeyError) as error:
        raise CallFailed(Reason.BAD_ANSWER) from error
    if len(predictions) != rows or not isinstance(version, str):
        raise CallFailed(Reason.BAD_ANSWER)
    return Said(predictions, version)


def read_refusal(content: bytes) -> CallFailed:
    """What a place's reply of 4xx says: the request is wrong, not the place."""
    try:
        told = orjson.loads(content)["error"]
    except (ValueError, TypeError, KeyError):
        told = ""
    return CallFailed(Reason.REFUSED, told[:MAX_REFUSAL] if isinstance(told, str) else "")


def _prediction(item: Mapping[str, Any]) -> Prediction:
    label, ranking = item["label"], item.get("ranking") or ()
    if not isinstance(label, str):
        raise TypeError("label")
    return Prediction(
        label,
        _probability(item["confidence"]),
        _probability(item["score"]),
        tuple((str(name), float(score)) for name, score in ranking),
    )


def _probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError("not a probability")
    return float(value)
