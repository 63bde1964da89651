from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from contender.errors import InvalidInput
from serving.tensors import columns_of, inputs_of, request_id_of, rows_of, tensor, v2_body


def column(**changes: object) -> dict[str, Any]:
    return {"name": "hours", "shape": [2], "datatype": "INT64", "data": [1, None], **changes}


def test_columns_become_rows_and_blanks_stay() -> None:
    city = column(name="city", datatype="BYTES", shape=[2, 1], data=["a", "b"])
    assert rows_of(columns_of({"inputs": [column(), city]})) == [
        {"hours": 1, "city": "a"},
        {"hours": None, "city": "b"},
    ]


@pytest.mark.parametrize("data", [[1, None], [1.0, None], [[1], [None]], [[1.0], [None]]])
def test_values_may_be_flat_or_nested_as_the_shape_says(data: list[Any]) -> None:
    (values,) = columns_of({"inputs": [column(shape=[2, 1], data=data)]}).values()
    assert values == [1, None]
    assert isinstance(values[0], int)


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        (["x"], "inputs[0]"),
        ([column(name="")], "inputs[0].name"),
        ([column(name=None)], "inputs[0].name"),
        ([column(datatype="TEXT")], "inputs[0].datatype"),
        ([column(datatype=["INT64"])], "inputs[0].datatype"),
        ([column(data=[])], "inputs[0].data"),
        ([column(data="ab")], "inputs[0].data"),
        ([column(shape=[3])], "inputs[0].shape"),
        ([column(shape=None)], "inputs[0].shape"),
        ([column(data=[1, True])], "inputs[0].data[1]"),
        ([column(data=[[1], [2]])], "inputs[0].data[0]"),
        ([column(shape=[2, 1], data=[[1], 2])], "inputs[0].data[0]"),
        ([column(shape=[2, 1], data=[[1], [2, 3]])], "inputs[0].data[0]"),
        ([column(shape=[2, 1], data=[[[1]], [[2]]])], "inputs[0].data[0]"),
        ([column(shape=[1, 2], data=[[1, 2]])], "inputs[0].shape"),
        ([column(data=[1, 2.5])], "inputs[0].data[1]"),
        ([column(datatype="BYTES")], "inputs[0].data[0]"),
        ([column(datatype="BOOL")], "inputs[0].data[0]"),
        ([column(), column()], "inputs[1].name"),
        ([column(), column(name="b", shape=[1], data=[1])], "inputs"),
        ([], "inputs"),
    ],
)
def test_a_wrong_tensor_is_named(inputs: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        columns_of({"inputs": inputs})
    assert caught.value.field == field


def test_a_reply_carries_the_request_s_id_if_there_was_one() -> None:
    outputs = [tensor("label", "BYTES", ("a", "b"))]
    assert outputs == [{"name": "label", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}]
    assert v2_body("m", "7", request_id_of({}), outputs) == {
        "model_name": "m", "model_version": "7", "outputs": outputs,
    }  # fmt: skip
    assert v2_body("m", "7", request_id_of({"id": "x"}), outputs)["id"] == "x"


def test_an_id_must_be_a_text() -> None:
    with pytest.raises(InvalidInput, match="id: "):
        request_id_of({"id": 5})


def test_metadata_tells_the_datatype_of_every_field() -> None:
    class Row(BaseModel):
        text: Annotated[str | None, Field(pattern="a")]
        level: Literal["<1", "1"] | None
        share: Annotated[float, Field(ge=0)] | None
        whole: Annotated[int, Field(ge=0)]
        number: float | None = None
        either: int | float
        flag: bool
        words: list[str]

    assert {item["name"]: item["datatype"] for item in inputs_of(Row)} == {
        "text": "BYTES", "level": "BYTES", "share": "FP64", "whole": "INT64", "number": "FP64", "either": "FP64",
        "flag": "BOOL", "words": "BYTES",
    }  # fmt: skip
