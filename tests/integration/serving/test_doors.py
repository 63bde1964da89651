"""The other doors to the same answers: gRPC, binary tensors, previews, past predictions, the description."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import numpy as np
import pytest
from kserve import InferInput, InferRequest, InferResponse
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from serving.transformer.preview import sign

V1 = "/v1/models/job-change:predict"
V2 = "/v2/models/job-change/infer"
LISTING = "/v1/models/job-change/predictions"
KEY = b"a key of the operator, 32 bytes or more"
DTYPES: dict[str, Any] = {"BYTES": np.object_, "FP64": np.float64, "INT64": np.int64}


@pytest.fixture(params=["transformer", "blue"])
def stub(stack: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port(request.param)}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        stub.server = request.param
        yield stub


def inputs_of(rows: list[dict[str, Any]], *, binary: bool) -> list[InferInput]:
    kinds = {"city_development_index": "FP64", "training_hours": "INT64"}
    found = []
    for name in rows[0]:
        kind = kinds.get(name, "BYTES")
        values = ["" if row[name] is None else row[name] for row in rows]
        found.append(InferInput(name, [len(rows)], kind))
        found[-1].set_data_from_numpy(np.array(values, dtype=DTYPES[kind]), binary_data=binary)
    return found


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("binary", [True, False])
def test_grpc_says_the_same_as_rest(stack: Any, stub: Any, binary: bool) -> None:
    rows = stack.rows(20, seed=3)
    reply = InferResponse.from_grpc(
        stub.ModelInfer(InferRequest("job-change", inputs_of(rows, binary=binary), request_id="mine").to_grpc())
    )
    expected = stack.call(stub.server, "POST", V1, {"instances": rows}).body["predictions"]
    assert reply.id == "mine"
    outputs = {output.name: output.as_numpy().tolist() for output in reply.outputs}
    assert outputs["score"] == pytest.approx([p["score"] for p in expected], abs=1e-6)
    assert [label.decode() for label in outputs["label"]] == [p["label"] for p in expected]


def test_grpc_takes_the_unit_as_a_tensor_or_as_metadata(stack: Any) -> None:
    rows = stack.rows(1)
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port('transformer')}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        for index in range(6):
            units = InferInput("unit_id", [1], "BYTES")
            units.set_data_from_numpy(np.array([f"u{index}"], dtype=np.object_))
            by_tensor = InferRequest("job-change", [*inputs_of(rows, binary=True), units]).to_grpc()
            by_metadata = InferRequest("job-change", inputs_of(rows, binary=True)).to_grpc()
            expected = stack.one(f"u{index}")["assigned_to"]
            for reply in (
                stub.ModelInfer(by_tensor),
                stub.ModelInfer(by_metadata, metadata=(("x-unit-id", f"u{index}"),)),
            ):
                said = {o.name: o.as_numpy().tolist() for o in InferResponse.from_grpc(reply).outputs}
                assert said["assigned_to"] == [expected.encode()]


def test_what_a_tracer_adds_to_a_grpc_call_disturbs_nobody(stack: Any, stub: Any) -> None:
    asked = InferRequest("job-change", inputs_of(stack.rows(1), binary=True)).to_grpc()
    assert stub.ModelInfer(asked, metadata=(("grpc-trace-bin", b"\x00\xff"), ("own-bin", b"\x00\xff"))).outputs


def test_grpc_tells_what_it_serves(stub: Any) -> None:
    assert stub.ServerLive(messages.ServerLiveRequest()).live
    assert stub.ServerReady(messages.ServerReadyRequest()).ready
    assert stub.ModelReady(messages.ModelReadyRequest(name="job-change")).ready
    metadata = stub.ModelMetadata(messages.ModelMetadataRequest(name="job-change"))
    assert {item.name: item.datatype for item in metadata.inputs}["training_hours"] == "INT64"
    assert "score" in {item.name for item in metadata.outputs}


def test_grpc_refuses_in_its_own_codes(stack: Any, stub: Any) -> None:
    rows = stack.rows(1)
    good = InferRequest("job-change", inputs_of(rows, binary=True)).to_grpc()
    wrong = InferRequest("job-change", inputs_of([{**rows[0], "experience": "a secret"}], binary=True)).to_grpc()
    torn = InferRequest("job-change", inputs_of(rows, binary=True)).to_grpc()
    torn.raw_input_contents[0] = b"\xff\xff\xff\xff"
    nobody = InferRequest("nobody", inputs_of(rows, binary=True)).to_grpc()
    for call, request, code, words in (
        (stub.ModelInfer, wrong, grpc.StatusCode.INVALID_ARGUMENT, "inputs[0].experience"),
        (stub.ModelInfer, torn, grpc.StatusCode.INVALID_ARGUMENT, "inputs"),
        (stub.ModelInfer, messages.ModelInferRequest(model_name="job-change"), grpc.StatusCode.INVALID_ARGUMENT, ""),
        (stub.ModelInfer, nobody, grpc.StatusCode.NOT_FOUND, ""),
        (stub.ModelMetadata, messages.ModelMetadataRequest(name="no"), grpc.StatusCode.NOT_FOUND, ""),
        (
            stub.RepositoryModelUnload,
            messages.RepositoryModelUnloadRequest(model_name="job-change"),
            grpc.StatusCode.PERMISSION_DENIED,
            "",
        ),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(request)
        assert caught.value.code() is code
        assert words in caught.value.details()
        assert "secret" not in caught.value.details()
    assert stub.ModelInfer(good).outputs


@pytest.mark.parametrize("server", ["transformer", "blue"])
def test_broken_binary_tensors_are_refused(stack: Any, server: str) -> None:
    rows = stack.rows(2)
    body, size = InferRequest("job-change", inputs_of(rows, binary=True)).to_rest()
    assert isinstance(body, bytes)
    for content, length in (
        (body[:-5], str(size)),
        (body, str(size - 1)),
        (body, "nonsense"),
        (body, str(len(body) + 1)),
        (body[:size].replace(b'"binary_data_size":', b'"binary_data_size":-') + body[size:], None),
        (body[:size].replace(b"[2]", b"[3]") + body[size:], str(size)),
        (body[:size] + b"\xff" * (len(body) - size), str(size)),
    ):
        headers = {"inference-header-content-length": length or str(size)}
        answered = stack.call(server, "POST", V2, content, headers)
        assert answered.status == 400, answered.body
        assert answered.body["error"]


def test_outputs_come_in_binary_if_asked_for(stack: Any) -> None:
    rows = stack.rows(3)
    asked = InferRequest("job-change", inputs_of(rows, binary=True), parameters={"binary_data_output": True})
    body, size = asked.to_rest()
    answered = stack.call("transformer", "POST", V2, body, {"inference-header-content-length": str(size)})
    assert answered.status == 200
    reply = InferResponse.from_bytes(answered.body, int(answered.headers["inference-header-content-length"]))
    scores = next(output for output in reply.outputs if output.name == "score").as_numpy()
    expected = stack.call("transformer", "POST", V1, {"instances": rows}).body["predictions"]
    assert scores == pytest.approx([p["score"] for p in expected], abs=1e-6)


def test_a_client_does_not_choose_its_arm_but_the_operator_may(stack: Any) -> None:
    expires = int(time.time()) + 60
    unit = next(f"u{index}" for index in range(50) if stack.one(f"u{index}")["assigned_to"] == "champion")
    row = [{**stack.rows(1)[0], "unit_id": unit}]
    signed = sign(KEY, "job-change", unit, "challenger", expires)
    for header in ("challenger", signed[:-1], sign(b"x" * 32, "job-change", unit, "challenger", expires)):
        assert stack.ask(row, {"X-Preview-Arm": header}).body["predictions"][0]["assigned_to"] == "champion"
    seen = stack.ask(row, {"X-Preview-Arm": signed}).body["predictions"][0]
    assert (seen["assigned_to"], seen["served_by"], seen["model_version"]) == ("unassigned", "challenger", "8")
    nowhere = stack.ask(row, {"X-Preview-Arm": sign(KEY, "job-change", unit, "gone", expires)})
    assert nowhere.status == 404
    listed = wait_for(
        lambda: stack.call("transformer", "GET", f"{LISTING}?source=preview&unit={unit}").body["predictions"], "listed"
    )
    assert [one["prediction_id"] for one in listed] == [seen["prediction_id"]]


def test_past_predictions_are_listed_in_pages(stack: Any) -> None:
    began = time.time()
    told = [p["prediction_id"] for p in stack.ask([{**r, "unit_id": f"page {i}"} for i, r in enumerate(stack.rows(30))])
            .body["predictions"]]  # fmt: skip
    single = stack.one("page single")["prediction_id"]

    def pages(**query: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            asked = {**query, "cursor": cursor} if cursor else query
            page = stack.call("transformer", "GET", f"{LISTING}?{urlencode(asked)}").body
            found += page["predictions"]
            cursor = page["next"]
            if cursor is None:
                return found

    wait_for(lambda: len(pages(since=began)) == 31, "shipped")
    listed = pages(since=began, limit=7)
    assert listed[0]["prediction_id"] == single
    assert sorted(one["prediction_id"] for one in listed) == sorted([*told, single])
    assert {one["assigned_to"] for one in pages(since=began, arm="challenger")} == {"challenger"}
    assert [one["prediction_id"] for one in pages(unit="page single", since=began)] == [single]
    assert pages(since=began, until=began) == []
    refused = stack.call("transformer", "GET", f"{LISTING}?limit=100000")
    assert (refused.status, refused.body["error"].partition(":")[0]) == (400, "limit")


@pytest.mark.parametrize("server", ["transformer", "blue"])
def test_the_description_is_the_model_s_own(stack: Any, server: str) -> None:
    schemas = stack.call(server, "GET", "/openapi.json").body["components"]["schemas"]
    (example,) = schemas["V1Request"]["examples"]
    answered = stack.call(server, "POST", V1, example)
    assert answered.status == 200
    (example,) = schemas["V2Request"]["examples"]
    assert stack.call(server, "POST", V2, example).status == 200


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/models/nobody:predict", 404),
        ("POST", "/v2/models/nobody/infer", 404),
        ("POST", "/v1/models/job-change:explain", 404),
        ("GET", "/v1/models/nobody", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", V2, 405),
        ("GET", V1, 405),
    ],
)
def test_every_refusal_has_the_same_shape(stack: Any, server: str, method: str, path: str, status: int) -> None:
    body = {"inputs": []} if "infer" in path and method == "POST" else {"instances": [1]}
    answered = stack.call(server, method, path, body if method == "POST" else None)
    assert answered.status == status
    assert answered.body.keys() == {"error"}
    assert ("allow" in answered.headers) == (status == 405)


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize(
    "path", ["/openapi.json", "/v2/health/ready", "/v1/models/job-change", "/v2/models/job-change"]
)
def test_what_can_be_read_can_be_looked_at_by_its_head(stack: Any, server: str, path: str) -> None:
    assert stack.call(server, "GET", path).status == 200
    assert stack.call(server, "HEAD", path).status == 200
    options = stack.call(server, "OPTIONS", path)
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_outcomes_may_come_early_late_twice_and_against_each_other(stack: Any) -> None:
    store = stack.store
    before = store.outcome_counts("job-change")
    told = stack.one("an outcome of mine")["prediction_id"]
    events = [
        {"event_id": "early", "prediction_id": "not yet known", "value": 1},
        {"event_id": "second", "prediction_id": told, "value": 0, "at": time.time()},
        {"event_id": "first", "prediction_id": told, "value": 1, "at": time.time() - 10.0},
    ]
    for event in (*events, events[1]):
        assert stack.tell(event).status == 200
    wait_for(lambda: store.outcome_counts("job-change")["judged"] == before["judged"] + 2, "judged")
    assert store.outcome_counts("job-change")["pending"] == before["pending"] + 1
    store.close()
