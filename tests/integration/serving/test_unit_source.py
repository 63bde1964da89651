"""A transformer behind a gateway: over V1, V2 and gRPC nobody gets another person's arm or record."""

from __future__ import annotations

from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import pytest
from kserve import InferRequest, InferResponse
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from contender.experiment.assignment import assign
from tests.integration.serving.test_doors import V2, inputs_of

PERSON = {"X-Unit-From": "header", "X-Unit-Id": "ada"}
SYSTEM = {"X-Unit-From": "body"}
ROW = {"name": "unit_id", "shape": [1], "datatype": "BYTES", "data": ["eve"]}


@pytest.fixture
def gated(alone: Any) -> Any:
    """A transformer that heeds the gateway; with no predictor running it falls back, and assigns all the same."""
    alone.environment["CONTENDER_UNIT_FROM"] = "gateway"
    alone.start("transformer")
    alone.route()
    alone.wait_ready("transformer")
    return alone


def test_the_body_names_nobody_else(gated: Any) -> None:
    (row,) = gated.rows(1)
    ours = assign(gated.route(), "ada").arm
    answered = gated.ask([row], PERSON)
    assert (answered.status, answered.body["predictions"][0]["assigned_to"]) == (200, ours)
    for instances, headers in (
        ([{**row, "unit_id": "eve"}], PERSON),
        ([{**row, "unit_id": "eve"}], {}),
        ([row], {"X-Unit-Id": "ada"}),
    ):
        refused = gated.ask(instances, headers)
        assert refused.status == 403, refused.body
        assert "eve" not in str(refused.body)
    assert gated.ask([{**row, "unit_id": "eve"}], SYSTEM).status == 200


def test_the_other_protocols_hold_to_it(gated: Any) -> None:
    columns = [item.to_dict() for item in inputs_of(gated.rows(1), binary=False)]
    assert gated.call("transformer", "POST", V2, {"inputs": [*columns, ROW]}, PERSON).status == 403
    assert gated.call("transformer", "POST", V2, {"inputs": columns}, PERSON).status == 200
    request = InferRequest("job-change", inputs_of(gated.rows(1), binary=True)).to_grpc()
    with grpc.insecure_channel(f"127.0.0.1:{gated.grpc_port('transformer')}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        reply = stub.ModelInfer(request, metadata=(("x-unit-from", "header"), ("x-unit-id", "ada")))
        assert InferResponse.from_grpc(reply).outputs
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(request, metadata=(("x-unit-id", "ada"),))
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
