"""The transformer as a KServe model: check → answer → record → mirror → reply."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import ContenderError, NotFound
from contender.routing import Routing
from contender.tasks.task import Task
from contender.values import LIVE, REHEARSAL, REVIEW_LABEL
from monitoring.metrics import ANSWERS, FALLBACKS, LATENCY, OUTCOMES, REQUESTS, Metrics
from serving import v2
from serving.front import Handler, Reply, Request, Routes, error_reply, parse_json
from serving.kserve_tensors import infer_response, request_columns
from serving.openapi import TRANSFORMER, described, document
from serving.rows import check
from serving.sdk import InferRequest, InferResponse, Model
from serving.tensors import inputs_of
from serving.transformer import codec, outcomes
from serving.transformer.answering import Answering
from serving.transformer.codec import Asked, Told
from serving.transformer.fallback import Reason
from serving.transformer.gathering import Answered
from serving.transformer.keeper import RoutingKeeper
from serving.transformer.listing import Listing
from serving.transformer.mirror import Mirror
from serving.transformer.preview import HEADER as PREVIEW_HEADER
from serving.transformer.preview import SOURCE as PREVIEWED
from serving.transformer.preview import Previews
from serving.transformer.recorder import Occasion, Recorder
from serving.transformer.unit_source import UnitSource

_ALONE: Final = 64
"""Batches of more rows are checked beside the event loop, so that single rows need not wait for them."""

_PREVIEW_HEADER: Final = PREVIEW_HEADER.lower().encode()
_SOURCE_HEADER: Final = b"x-source"
_SCHEDULED: Final = "scheduled"
_STATED: Final = {name.encode(): name for name in (_SCHEDULED, REHEARSAL)}
"""The sources that a client can state: nobody waits for these answers."""

_KEY_HEADER: Final = b"idempotency-key"
"""Names a batch of the source ``scheduled``; that of a person's request is not read."""

_Headers = Mapping[bytes, bytes]


def _source(headers: _Headers) -> str:
    return _STATED.get(headers.get(_SOURCE_HEADER, b""), LIVE)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is seconds since the epoch, `tick` seconds that only grow."""

    now: Callable[[], float]
    tick: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a transformer is put together from."""

    task: Task
    keeper: RoutingKeeper
    answering: Answering
    recorder: Recorder
    mirror: Mirror
    metrics: Metrics
    clock: Clock
    listing: Listing
    previews: Previews
    units: UnitSource = UnitSource.CLIENT


class Transformer(Model):
    """One task's door under `name`. Ready once a routing is in force; it answers even before that."""

    def __init__(self, name: str, parts: Parts) -> None:
        super().__init__(name)
        self._parts, self._task = parts, parts.task
        self.ready = True

    async def healthy(self) -> bool:
        """Whether this transformer routes as it is meant to."""
        return self.ready and self._parts.keeper.current is not None

    def routes(self) -> Routes:
        """Our own routes for this model."""
        base = f"models/{self.name}"
        return {
            ("POST", f"/v1/{base}:predict"): self._counted("predict", self._predict_v1),
            ("POST", f"/v2/{base}/infer"): self._counted("predict", self._predict_v2),
            ("POST", f"/v1/{base}:outcome"): self._counted("outcome", self._outcome),
            ("GET", f"/v1/{base}/predictions"): self._parts.listing.answer,
            ("GET", f"/v1/{base}/routing"): self._routing,
            **described(document(self._task, self.name, TRANSFORMER)),
        }

    async def predict(
        self,
        payload: Mapping[str, Any] | InferRequest,
        headers: Mapping[str, str | bytes] | None = None,
        response_headers: Mapping[str, str] | None = None,  # noqa: ARG002 - KServe's signature
    ) -> dict[str, Any] | InferResponse:
        """Answer a V1 body or a V2 request that came through KServe's own layers."""
        # gRPC hands out the metadata whose names end in -bin, such as a tracer's, as bytes.
        given = {n.encode(): v if isinstance(v, bytes) else v.encode() for n, v in (headers or {}).items()}
        if isinstance(payload, InferRequest):
            told = await self._answer(self._from_columns(request_columns(payload), given), given)
            return infer_response(self.name, codec.version_of(told), payload.id, codec.tensors(told))
        told = await self._answer(self._decode_v1(payload, given), given)
        return {"predictions": [one.fields() for one in told]}

    def get_input_types(self) -> list[dict[str, object]]:
        """V2 metadata: one tensor per field of the schema, and the unit."""
        return [*inputs_of(self._task.schema), {"name": codec.UNIT_FIELD, "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, object]]:
        """V2 metadata: the reply's fields."""
        return [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in codec.OUTPUTS]

    async def _predict_v1(self, request: Request) -> Reply:
        headers = request.headers
        told = await self._answer(self._decode_v1(parse_json(request.body), headers), headers)
        return Reply(codec.encode_v1(told), headers=codec.headers(told))

    async def _predict_v2(self, request: Request) -> Reply:
        asked = v2.read(request, self.name)
        told = await self._answer(self._from_columns(asked.columns, request.headers), request.headers)
        return v2.reply(asked, self.name, codec.version_of(told), codec.tensors(told), codec.headers(told))

    def _decode_v1(self, body: Any, headers: _Headers) -> Asked:
        header = self._parts.units.header(headers)
        return self._parts.units.hold(codec.decode_v1(body, header), header)

    def _from_columns(self, columns: dict[str, list[Any]], headers: _Headers) -> Asked:
        header = self._parts.units.header(headers)
        return self._parts.units.hold(codec.from_columns(columns, header), header)

    async def _outcome(self, request: Request) -> Reply:
        read = outcomes.read(parse_json(request.body), self._task, self._parts.clock.now())
        self._parts.recorder.outcomes(read)
        self._parts.metrics.add(OUTCOMES, self._task.name, amount=len(read))
        return Reply({"accepted": len(read)})

    async def _routing(self, request: Request) -> Reply:  # noqa: ARG002 - every handler gets the request
        routing = self._parts.keeper.current
        if routing is None:
            raise NotFound(f"no routing of {self._task.name} is in force yet")
        return Reply(routing.to_json().encode())

    async def _answer(self, asked: Asked, headers: _Headers) -> list[Told]:
        parts, started = self._parts, self._parts.clock.tick()
        rows = await self._checked(asked)
        asked.rows.clear()
        routing, preview = parts.keeper.current, self._preview(asked, headers)
        units = asked.units_of(routing)
        answers = await parts.answering.answer(routing, self._task.policy, rows, units, preview)
        seconds = parts.clock.tick() - started
        source = PREVIEWED if preview else _source(headers)
        key = headers.get(_KEY_HEADER) if source == _SCHEDULED else None
        occasion = Occasion(routing, seconds * 1000, source, key)
        told = parts.recorder.exposures(occasion, rows, units, answers)
        if routing is not None and preview is None:
            parts.mirror.after(Answered(routing, rows, units, told))
        parts.metrics.observe(LATENCY, self._task.name, value=seconds)
        self._count(routing, told)
        return told

    def _preview(self, asked: Asked, headers: _Headers) -> str | None:
        header = headers.get(_PREVIEW_HEADER)
        if header is None or len(asked.units) != 1:
            return None
        return self._parts.previews.arm(header, asked.units[0])

    async def _checked(self, asked: Asked) -> Sequence[Mapping[str, Any]]:
        if len(asked.rows) <= _ALONE:
            return check(self._task.schema, asked.rows, asked.path)
        return await asyncio.to_thread(check, self._task.schema, asked.rows, asked.path)

    def _count(self, routing: Routing | None, told: Sequence[Told]) -> None:
        review = routing.fallback.label if routing else REVIEW_LABEL
        kinds = [(a.assigned_to, a.served_by, a.label == review, a.fallback_reason) for a in (t.answer for t in told)]
        add, task = self._parts.metrics.add, self._task.name
        for (assigned_to, served_by, reviewed, reason), rows in _tally(kinds):
            add(ANSWERS, task, assigned_to, served_by, "review" if reviewed else "label", amount=rows)
            if reason:
                add(FALLBACKS, task, assigned_to, reason, amount=rows)

    def _counted(self, operation: str, handler: Handler) -> Handler:
        add, task = self._parts.metrics.add, self._task.name

        async def counted(request: Request) -> Reply:
            outcome = "error"
            try:
                reply = await handler(request)
                outcome = "ok"
            except ContenderError as error:
                outcome = "refused" if error_reply(error).status < 500 else "error"
                raise
            finally:
                add(REQUESTS, task, operation, outcome)
            return reply

        return counted


_Kind = tuple[str, str, bool, Reason | None]


def _tally(kinds: Sequence[_Kind]) -> Iterable[tuple[_Kind, int]]:
    return ((kinds[0], 1),) if len(kinds) == 1 else Counter(kinds).items()
