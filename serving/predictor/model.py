"""A model version as a KServe model: V1 and V2 in, predictions out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contender.values import Prediction
from serving import v2
from serving.front import Reply, Request, Routes, parse_json
from serving.kserve_tensors import infer_response, request_columns
from serving.openapi import PREDICTOR, described, document
from serving.predictor.artifact import LoadedModel
from serving.rows import check, listed
from serving.sdk import InferRequest, InferResponse, Model
from serving.tensors import inputs_of, rows_of, tensor

_ALONE: Final = 64
"""Batches of more rows are computed beside the event loop, so that single rows and probes need not wait for them."""

_OUTPUTS: Final = (("label", "BYTES"), ("confidence", "FP64"), ("score", "FP64"))


class Predictor(Model):
    """Serves `loaded` under `name`; ready from the start, since loading comes first."""

    def __init__(self, name: str, loaded: LoadedModel) -> None:
        super().__init__(name)
        self._loaded = loaded
        self.ready = True

    def routes(self) -> Routes:
        """Our own routes for this model: the hot ones, and the version it serves."""
        base = f"models/{self.name}"
        return {
            ("POST", f"/v1/{base}:predict"): self._predict_v1,
            ("POST", f"/v2/{base}/infer"): self._predict_v2,
            ("GET", f"/v1/{base}/version"): self._version,
            **described(document(self._loaded.task, self.name, PREDICTOR)),
        }

    async def predict(
        self,
        payload: Mapping[str, Any] | InferRequest,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - KServe's signature
        response_headers: Mapping[str, str] | None = None,  # noqa: ARG002 - KServe's signature
    ) -> dict[str, Any] | InferResponse:
        """Answer a V1 body or a V2 request that came through KServe's own layers."""
        if isinstance(payload, InferRequest):
            outputs = _tensors(await self._answer(rows_of(request_columns(payload)), "inputs"))
            return infer_response(self.name, self._loaded.manifest.version, payload.id, outputs)
        return self._v1(await self._answer(listed(payload, "instances"), "instances"))

    def get_input_types(self) -> list[dict[str, object]]:
        """V2 metadata: one tensor per field of the schema."""
        return inputs_of(self._loaded.task.schema)

    def get_output_types(self) -> list[dict[str, object]]:
        """V2 metadata: label, confidence, score."""
        return [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in _OUTPUTS]

    async def _predict_v1(self, request: Request) -> Reply:
        rows = listed(parse_json(request.body), "instances")
        return Reply(self._v1(await self._answer(rows, "instances")))

    async def _predict_v2(self, request: Request) -> Reply:
        asked = v2.read(request, self.name)
        outputs = _tensors(await self._answer(rows_of(asked.columns), "inputs"))
        return v2.reply(asked, self.name, self._loaded.manifest.version, outputs, {})

    async def _version(self, request: Request) -> Reply:  # noqa: ARG002 - every handler gets the request
        manifest = self._loaded.manifest
        return Reply(
            {
                "task": manifest.task,
                "version": manifest.version,
                "digest": self._loaded.digest,
                "schema_digest": manifest.schema_digest,
            }
        )

    async def _answer(self, rows: Sequence[object], path: str) -> list[Prediction]:
        if len(rows) <= _ALONE:
            return self._compute(rows, path)
        return await asyncio.to_thread(self._compute, rows, path)

    def _compute(self, rows: Sequence[object], path: str) -> list[Prediction]:
        return self._loaded.predict(check(self._loaded.task.schema, rows, path))

    def _v1(self, predictions: Sequence[Prediction]) -> dict[str, Any]:
        return {
            "predictions": [_plain(prediction) for prediction in predictions],
            "model_version": self._loaded.manifest.version,
        }


def _plain(prediction: Prediction) -> dict[str, object]:
    plain: dict[str, object] = {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "score": prediction.score,
    }
    if prediction.ranking:
        plain["ranking"] = prediction.ranking
    return plain


def _tensors(predictions: Sequence[Prediction]) -> list[dict[str, object]]:
    return [tensor(name, datatype, [getattr(p, name) for p in predictions]) for name, datatype in _OUTPUTS]
