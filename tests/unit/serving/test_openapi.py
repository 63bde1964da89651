from __future__ import annotations

from typing import Any

import pytest

from contender.tasks.catalog import task_named
from serving.openapi import PREDICTOR, TRANSFORMER, Kind, document, example
from serving.rows import check
from serving.tensors import columns_of

TASKS = ("job-change", "job-role")


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        here = {node["$ref"]} if "$ref" in node else set()
        return here.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("kind", [TRANSFORMER, PREDICTOR])
def test_every_reference_leads_somewhere(name: str, kind: Kind) -> None:
    described = document(task_named(name), name, kind)
    known = {f"#/components/schemas/{schema}" for schema in described["components"]["schemas"]}
    assert references(described) <= known


@pytest.mark.parametrize("name", TASKS)
def test_the_examples_would_be_answered(name: str) -> None:
    task = task_named(name)
    schemas = document(task, name, PREDICTOR)["components"]["schemas"]
    (v1,), (v2,) = schemas["V1Request"]["examples"], schemas["V2Request"]["examples"]
    assert check(task.schema, v1["instances"]) == [example(task)]
    assert {column: values[0] for column, values in columns_of(v2).items()} == example(task)


def test_a_transformer_tells_more_than_a_predictor() -> None:
    task = task_named("job-change")
    transformer, predictor = document(task, "m", TRANSFORMER), document(task, "m", PREDICTOR)
    assert set(predictor["paths"]) < set(transformer["paths"])
    assert "/v1/models/m:outcome" in transformer["paths"]
    assert "unit_id" in transformer["components"]["schemas"]["Row"]["properties"]
    assert "unit_id" not in predictor["components"]["schemas"]["Row"]["properties"]
