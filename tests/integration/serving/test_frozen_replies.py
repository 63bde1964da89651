"""What the servers reply stays as it is, over HTTP and gRPC: whoever changes a key names it in the changelog.

`pytest tests/integration/serving/test_frozen_replies.py --snapshot-update` writes the new form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # protobuf ships no types
from kserve import InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from syrupy.assertion import SnapshotAssertion

from tests.frozen.normal import normal

TASK = "job-change"
V1 = f"/v1/models/{TASK}"
V2 = f"/v2/models/{TASK}"
ANY_SERVER = {
    "live": ("GET", "/v2/health/live"),
    "ready": ("GET", "/v2/health/ready"),
    "server": ("GET", "/v2"),
    "models": ("GET", "/v1/models"),
    "model": ("GET", V1),
    "metadata": ("GET", V2),
    "ready model": ("GET", f"{V2}/ready"),
    "unknown path": ("GET", "/nowhere"),
    "unknown model": ("POST", "/v1/models/another:predict"),
    "wrong method": ("DELETE", f"{V1}:predict"),
}


def said(answered: Any) -> Mapping[str, Any]:
    """Status, body and headers of a reply; of the headers their names, but what says of which form the body is."""
    form = answered.headers.get("content-type")
    body: Any = answered.body.decode() if isinstance(answered.body, bytes) else answered.body
    return {
        "status": answered.status,
        "form": form,
        "headers": sorted(map(str.lower, answered.headers)),
        "body": normal(body),
    }


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize("name", ANY_SERVER)
def test_a_look_at(name: str, server: str, stack: Any, snapshot: SnapshotAssertion) -> None:
    method, path = ANY_SERVER[name]
    body: object = {"instances": []} if method == "POST" else None
    assert said(stack.call(server, method, path, body)) == snapshot


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("no JSON", b"{"),
        ("no instances", {"rows": []}),
        ("an empty list", {"instances": []}),
        ("an unknown field", {"instances": [{"shoe_size": 43}]}),
        ("a wrong type", {"instances": [{"city_development_index": "high"}]}),
    ],
)
def test_what_is_wrong_with(name: str, body: object, server: str, stack: Any, snapshot: SnapshotAssertion) -> None:
    assert said(stack.call(server, "POST", f"{V1}:predict", body)) == snapshot(name=name)


def test_answers(stack: Any, snapshot: SnapshotAssertion) -> None:
    row = stack.rows(1)[0]
    assert said(stack.ask([{**row, "unit_id": "u1"}])) == snapshot(name="of one unit")
    assert said(stack.ask([row])) == snapshot(name="of nobody known")
    assert said(stack.ask([{**row, "unit_id": f"u{at}"} for at in range(8)])) == snapshot(name="of many")
    assert said(stack.call("blue", "POST", f"{V1}:predict", {"instances": [row]})) == snapshot(name="of a slot")


def test_outcomes(stack: Any, snapshot: SnapshotAssertion) -> None:
    known = stack.one()["prediction_id"]
    good = {"event_id": "e1", "prediction_id": known, "value": 1}
    assert said(stack.tell({"outcomes": [good]})) == snapshot(name="taken")
    assert said(stack.tell({"outcomes": [good | {"value": "perhaps"}]})) == snapshot(name="refused")
    assert said(stack.tell({"outcomes": []})) == snapshot(name="none")


@pytest.mark.parametrize("server", ["transformer", "blue"])
def test_grpc(server: str, stack: Any, snapshot: SnapshotAssertion) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port(server)}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        metadata = MessageToDict(stub.ModelMetadata(messages.ModelMetadataRequest(name=TASK)))
        assert normal(metadata) == snapshot(name="metadata")
        reply = MessageToDict(
            stub.ModelInfer(InferRequest(TASK, _inputs(stack.rows(1)[0]), request_id="mine").to_grpc())
        )
        assert {name: shaped(value) for name, value in reply.items()} == snapshot(name="answer")
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(InferRequest(TASK, [], request_id="mine").to_grpc())
        assert (refused.value.code().name, normal(refused.value.details())) == snapshot(name="refusal")


def shaped(value: Any) -> Any:
    """Of a list of tensors how they are called and what is in them, not the bytes."""
    if not isinstance(value, list):
        return normal(value)
    return [{name: sorted(one[name]) if name == "contents" else one[name] for name in sorted(one)} for one in value]


def _inputs(row: Mapping[str, Any]) -> list[InferInput]:
    kinds = {"city_development_index": "FP64", "training_hours": "INT64"}
    inputs = []
    for name, value in row.items():
        inputs.append(InferInput(name, [1], kinds.get(name, "BYTES"), ["" if value is None else value]))
    return inputs
