"""The server's own description (OpenAPI 3.1), made from the task's schema: what is checked is what is documented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson

from contender.tasks.task import Task
from contender.values import REWARD
from serving.front import Reply, Request, Routes
from serving.rows import MAX_ROWS
from serving.tensors import inputs_of, tensor

Kind = Literal["transformer", "predictor"]
TRANSFORMER: Final = "transformer"
PREDICTOR: Final = "predictor"

_NUMBER: Final = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_HOW: Final[dict[str, Any]] = {
    "assigned_to": _TEXT,
    "served_by": _TEXT,
    "fallback_reason": _MAYBE,
    "model_version": _MAYBE,
    "prediction_id": _TEXT,
}
_ERRORS: Final = {"400": "What was sent is wrong; the message names the field.", "503": "Try again later."}


def document(task: Task, name: str, kind: Kind) -> dict[str, Any]:
    """The description of the server that serves `task` under `name`."""
    paths = {
        f"/v1/models/{name}:predict": {"post": _operation("V1: rows in, predictions out", "V1Request", "V1Reply")},
        f"/v2/models/{name}/infer": {"post": _operation("V2: named tensors in and out", "V2Request", "V2Reply")},
    }
    if kind == TRANSFORMER:
        paths |= _transformer_paths(name)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{task.name} ({kind})", "version": str(task.features_version)},
        "paths": paths,
        "components": {"schemas": _schemas(task, kind)},
    }


def described(content: Mapping[str, Any]) -> Routes:
    """The route that answers with `content`, in place of KServe's description of any model."""
    body = orjson.dumps(content)

    async def answer(request: Request) -> Reply:  # noqa: ARG001 - every handler gets the request
        return Reply(body)

    return {("GET", "/openapi.json"): answer}


def example(task: Task) -> dict[str, Any]:
    """One good row, from the examples that stand beside the schema's fields."""
    fields = task.schema.model_fields.items()
    return {name: field.examples[0] if field.examples else None for name, field in fields}


def _transformer_paths(name: str) -> dict[str, Any]:
    # The listing reads a store, which a predictor has not.
    from serving.transformer.listing import PARAMETERS

    parameters = [
        {"name": parameter, "in": "query", "required": False, "description": meaning, "schema": _TEXT}
        for parameter, meaning in PARAMETERS.items()
    ]
    listing = {"summary": "Past predictions, newest first", "parameters": parameters, "responses": _responses("Page")}
    return {
        f"/v1/models/{name}:outcome": {"post": _operation("What happened later", "Outcomes", "Accepted")},
        f"/v1/models/{name}/predictions": {"get": listing},
        f"/v1/models/{name}/routing": {"get": {"summary": "The routing in force", "responses": _responses("Routing")}},
    }


def _operation(summary: str, request: str, reply: str) -> dict[str, Any]:
    body = {"required": True, "content": _json(request)}
    return {"summary": summary, "requestBody": body, "responses": _responses(reply)}


def _responses(reply: str) -> dict[str, Any]:
    good = {"200": {"description": "Answered.", "content": _json(reply)}}
    return good | {code: {"description": why, "content": _json("Error")} for code, why in _ERRORS.items()}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _schemas(task: Task, kind: Kind) -> dict[str, Any]:
    row = task.schema.model_json_schema(ref_template="#/components/schemas/{model}")
    shared = row.pop("$defs", {})
    words = "Who is asked about; decides the arm. Blanks at the ends, and the Unicode form, make no difference."
    unit: dict[str, Any] = {"type": ["string", "integer", "null"], "description": words}
    one = example(task)
    if kind == TRANSFORMER:
        row["properties"]["unit_id"] = unit
        one |= {"unit_id": "candidate-17"}
    row["examples"] = [one]
    schemas = {**shared, "Row": row, "Error": _object({"error": _TEXT}), **_v1(one, kind), **_v2(task, one, kind)}
    return schemas | (_records(task) if kind == TRANSFORMER else {})


def _v1(one: dict[str, Any], kind: Kind) -> dict[str, Any]:
    rows = _list("Row")
    prediction = {"label": _TEXT, "confidence": _NUMBER, "score": _NUMBER} | (_HOW if kind == TRANSFORMER else {})
    reply: dict[str, Any] = {"predictions": {"type": "array", "items": _object(prediction)}}
    if kind == PREDICTOR:
        reply["model_version"] = _TEXT
    return {
        "V1Request": _object({"instances": rows}) | {"examples": [{"instances": [one]}]},
        "V1Reply": _object(reply),
    }


def _v2(task: Task, one: dict[str, Any], kind: Kind) -> dict[str, Any]:
    inputs = inputs_of(task.schema)
    if kind == TRANSFORMER:
        inputs.append({"name": "unit_id", "datatype": "BYTES"})
    columns = [tensor(str(each["name"]), str(each["datatype"]), [one[str(each["name"])]]) for each in inputs]
    shape = {"type": "array", "items": {"type": "integer"}}
    schema = _object({"name": _TEXT, "datatype": _TEXT, "shape": shape, "data": {"type": "array"}})
    reply = _object({"model_name": _TEXT, "model_version": _TEXT, "outputs": _list("Tensor")})
    return {
        "Tensor": schema,
        "V2Request": _object({"inputs": _list("Tensor")}) | {"examples": [{"inputs": columns}]},
        "V2Reply": reply,
    }


def _records(task: Task) -> dict[str, Any]:
    words = f"The truth in the words of {task.name}; of another metric a number of at least 0."
    value: dict[str, Any] = {"type": ["string", "number"], "description": words}
    event = _object({"event_id": _TEXT, "prediction_id": _TEXT, "value": value})
    event["properties"] |= {
        "metric": _TEXT | {"description": "What it is an event of.", "default": REWARD},
        "at": {"type": "number", "description": "When, in seconds since the epoch; never in the future."},
    }
    return {
        "Outcome": event,
        "Outcomes": {"oneOf": [_object({"outcomes": _list("Outcome")}), {"$ref": "#/components/schemas/Outcome"}]},
        "Accepted": _object({"accepted": {"type": "integer"}}),
        "Page": _object({"predictions": {"type": "array", "items": {"type": "object"}}, "next": _MAYBE}),
        "Routing": {"type": "object"},
    }


def _list(schema: str) -> dict[str, Any]:
    items = {"$ref": f"#/components/schemas/{schema}"}
    return {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": items}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}
