"""V1 and V2 through real processes: answers, batches, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

V1 = "/v1/models/job-change:predict"
V2 = "/v2/models/job-change/infer"
FIELDS = {
    "label", "confidence", "score", "ranking", "assigned_to", "served_by", "fallback_reason", "model_version",
    "prediction_id",
}  # fmt: skip


def tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = {str: "BYTES", int: "INT64", float: "FP64"}
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "FP64" if name == "city_development_index" else kinds.get(type(rows[0][name]), "BYTES"),
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]


def test_one_row_is_answered_with_everything_about_how(stack: Any) -> None:
    answered = stack.ask([{**stack.rows(1)[0], "unit_id": "u1"}])
    assert answered.status == 200
    (prediction,) = answered.body["predictions"]
    assert prediction.keys() == FIELDS
    assert prediction["served_by"] == prediction["assigned_to"]
    assert prediction["model_version"] == {"champion": "7", "challenger": "8"}[prediction["assigned_to"]]
    assert prediction["fallback_reason"] is None
    assert answered.headers["x-prediction-id"] == prediction["prediction_id"]
    assert answered.headers["x-assigned-to"] == prediction["assigned_to"]


def test_the_unit_may_stand_in_a_header_and_stays_with_its_arm(stack: Any) -> None:
    (row,) = stack.rows(1)
    for index in range(12):
        by_header = stack.ask([row], {"X-Unit-Id": f"person {index}"}).body["predictions"][0]
        assert by_header["assigned_to"] == stack.one(f"person {index}")["assigned_to"]


def test_without_a_unit_the_champion_answers_unassigned(stack: Any) -> None:
    prediction = stack.one(None)
    assert (prediction["assigned_to"], prediction["served_by"]) == ("unassigned", "champion")


def test_a_batch_is_split_by_unit_and_merged_in_order(stack: Any) -> None:
    rows = stack.rows(200, seed=5)
    answered = stack.ask([{**row, "unit_id": f"u{index}"} for index, row in enumerate(rows)])
    batch = answered.body["predictions"]
    assert {p["served_by"] for p in batch} == {"champion", "challenger"}
    assert len({p["prediction_id"] for p in batch}) == 200
    assert "x-assigned-to" not in answered.headers
    for index in (0, 1, 2, 57, 199):
        single = stack.ask([{**rows[index], "unit_id": f"u{index}"}]).body["predictions"][0]
        for name in ("assigned_to", "label", "model_version"):
            assert single[name] == batch[index][name]
        assert single["score"] == pytest.approx(batch[index]["score"], abs=1e-6)


def test_v2_says_the_same_as_v1(stack: Any) -> None:
    rows = stack.rows(20, seed=9)
    columns = [
        *tensors(rows),
        {"name": "unit_id", "shape": [20], "datatype": "BYTES", "data": [f"u{i}" for i in range(20)]},
    ]
    v2 = stack.call("transformer", "POST", V2, {"id": "mine", "inputs": columns})
    assert v2.status == 200, v2.body
    assert v2.body["id"] == "mine"
    outputs = {output["name"]: output["data"] for output in v2.body["outputs"]}
    v1 = stack.ask([{**row, "unit_id": f"u{index}"} for index, row in enumerate(rows)]).body["predictions"]
    assert outputs["assigned_to"] == [p["assigned_to"] for p in v1]
    assert outputs["score"] == pytest.approx([p["score"] for p in v1], abs=1e-6)
    assert [json.loads(text)[0][0] for text in outputs["ranking"]] == [p["label"] for p in v1]


def test_v2_with_binary_tensors_goes_through_kserve_itself(stack: Any) -> None:
    from kserve import InferInput, InferRequest

    rows = stack.rows(3)
    inputs = [InferInput(c["name"], c["shape"], c["datatype"], c["data"]) for c in tensors(rows)]
    numbers = InferInput("city_development_index", [3], "FP64")
    import numpy as np

    numbers.set_data_from_numpy(np.array([row["city_development_index"] for row in rows]), binary_data=True)
    inputs = [numbers if item.name == numbers.name else item for item in inputs]
    body, size = InferRequest("job-change", inputs).to_rest()
    assert isinstance(body, bytes)
    for server in ("transformer", "blue"):
        headers = {"inference-header-content-length": str(size), "content-type": "application/octet-stream"}
        answered = stack.call(server, "POST", V2, body, headers)
        assert answered.status == 200, answered.body
        outputs = {output["name"]: output["data"] for output in answered.body["outputs"]}
        expected = stack.call(server, "POST", V1, {"instances": rows}).body["predictions"]
        assert outputs["score"] == pytest.approx([p["score"] for p in expected], abs=1e-6)


def test_a_predictor_answers_alone(stack: Any) -> None:
    answered = stack.call("blue", "POST", V1, {"instances": stack.rows(100)})
    assert answered.status == 200
    assert answered.body["model_version"] == "7"
    assert len(answered.body["predictions"]) == 100
    version = stack.call("blue", "GET", "/v1/models/job-change/version").body
    assert (version["task"], version["version"], version["digest"]) == (
        "job-change",
        "7",
        stack.artifacts["blue"].digest,
    )


@pytest.mark.parametrize("server", ["transformer", "blue"])
def test_metadata_comes_from_the_schema(stack: Any, server: str) -> None:
    metadata = stack.call(server, "GET", "/v2/models/job-change").body
    inputs = {item["name"]: item["datatype"] for item in metadata["inputs"]}
    assert inputs["city"] == "BYTES"
    assert inputs["city_development_index"] == "FP64"
    assert inputs["training_hours"] == "INT64"
    assert {"label", "score"} <= {item["name"] for item in metadata["outputs"]}
    assert stack.call(server, "GET", "/v1/models/job-change").body == {"name": "job-change", "ready": True}


def changed(row: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**row, **changes}


REFUSED: list[tuple[str, Any, str]] = [
    ("unknown field", lambda row: [changed(row, salary=1)], "instances[0].salary: "),
    ("wrong type", lambda row: [changed(row, training_hours="many")], "instances[0].training_hours: "),
    ("flag for a number", lambda row: [changed(row, training_hours=True)], "instances[0].training_hours: "),
    ("unknown level", lambda row: [changed(row, experience="eleven")], "instances[0].experience: "),
    ("out of range", lambda row: [changed(row, city_development_index=7.5)], "instances[0].city_development_index: "),
    ("missing field", lambda row: [{k: v for k, v in row.items() if k != "city"}], "instances[0].city: "),
    ("second row", lambda row: [row, changed(row, city=7)], "instances[1].city: "),
    ("not an object", lambda row: [[1, 2]], "instances[0]"),
    ("unit of another type", lambda row: [changed(row, unit_id=5.5)], "instances[0].unit_id: "),
    ("empty unit", lambda row: [changed(row, unit_id="")], "instances[0].unit_id: "),
    ("empty batch", lambda row: [], "instances: "),
    ("oversized batch", lambda row: [{}] * 10_001, "instances: "),
    ("no list", lambda row: {"a": 1}, "instances: "),
]


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize(("broken", "path"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_wrong_rows_are_refused_by_the_field_s_name(stack: Any, server: str, broken: Any, path: str) -> None:
    answered = stack.call(server, "POST", V1, {"instances": broken(stack.rows(1)[0])})
    assert answered.status == 400
    assert answered.body["error"].startswith(path)
    for value in ("many", "eleven", "7.5"):
        assert value not in answered.body["error"]


@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="cut"),
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"[]", 400, id="list"),
        pytest.param(b"null", 400, id="null"),
        pytest.param(b"{}", 400, id="object"),
        pytest.param(b'{"instances": [{"training_hours": NaN}]}', 400, id="NaN"),
        pytest.param(b'{"instances": [{"training_hours": Infinity}]}', 400, id="Infinity"),
        pytest.param(b'{"instances": [{"training_hours": 1e999}]}', 400, id="1e999"),
        pytest.param(b'{"instances": ["\xff"]}', 400, id="not UTF-8"),
        pytest.param(b'{"instances": ["\\ud800"]}', 400, id="lone surrogate"),
        pytest.param(b"[" * 100_000, 400, id="deep"),
        pytest.param(b" " * (16 * 1024**2 + 1), 413, id="too large"),
    ],
)
def test_what_is_not_a_request_is_refused(stack: Any, server: str, body: bytes, status: int) -> None:
    for path in (V1, V2):
        answered = stack.call(server, "POST", path, body)
        assert answered.status == status
        assert answered.body["error"]


def test_v2_refusals_name_the_tensor(stack: Any) -> None:
    rows = stack.rows(2)
    for change, path in (
        ({"datatype": "STRING"}, "inputs[0].datatype: "),
        ({"shape": [3]}, "inputs[0].shape: "),
        ({"data": [1, 2]}, "inputs[0].data[0]: "),
        ({"name": "town"}, "inputs[0].city: "),
        ({"name": "experience"}, "inputs[7].name: "),
    ):
        inputs = tensors(rows)
        assert inputs[0]["name"] == "city"
        inputs[0] |= change
        answered = stack.call("transformer", "POST", V2, {"inputs": inputs})
        assert answered.status == 400
        assert answered.body["error"].startswith(path), answered.body


def test_nobody_unloads_a_model_over_http(stack: Any) -> None:
    assert stack.call("blue", "POST", "/v2/repository/models/job-change/unload").status == 403
    assert stack.call("blue", "POST", V1, {"instances": stack.rows(1)}).status == 200


def test_metrics_are_our_own(stack: Any) -> None:
    stack.one("u1")
    text = stack.call("transformer", "GET", "/metrics").body.decode()
    assert f'contender_routing_generation{{task="job-change"}} {float(stack.generation)}' in text
    assert 'contender_request_seconds_bucket{le="0.15",task="job-change"}' in text
    assert 'contender_answers_total{assigned_to="' in text
    assert (
        'contender_model_info{task="job-change",version="7"} 1.0' in stack.call("blue", "GET", "/metrics").body.decode()
    )
