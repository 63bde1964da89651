"""Calls to predictors over KServe's V1 protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import orjson

from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Said, read_refusal, read_reply
from serving.transformer.wire import Wire

_REFUSALS: Final = (400, 413, 422)
"""The request is wrong, whoever is asked. Other codes of 4xx are about the place: not there, not now, too many."""


class Pool:
    """The connections to all predictors, kept open between requests. Left inside the event loop that used them."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self._wires:
            wire.close()

    def wire(self, url: str) -> Wire:
        """Connections to `url`, closed with this pool."""
        wire = Wire(url)
        self._wires.append(wire)
        return wire


class PredictorClient:
    """A `Place` that is a KServe predictor at `url` serving the model `name`."""

    def __init__(self, pool: Pool, url: str, name: str) -> None:
        self._wire = pool.wire(url)
        self._path = f"/v1/models/{name}:predict".encode()

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        """What the predictor says about `rows`; see `Place`."""
        try:
            replied = await self._wire.post(self._path, orjson.dumps({"instances": rows}), timeout_s)
        except TimeoutError as error:
            raise CallFailed(Reason.TIMEOUT) from error
        except OSError as error:
            raise CallFailed(Reason.UNREACHABLE) from error
        if replied.status in _REFUSALS:
            raise read_refusal(replied.content)
        if replied.status != 200:
            raise CallFailed(Reason.ERROR)
        return read_reply(replied.content, len(rows))
