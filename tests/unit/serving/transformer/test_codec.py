from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from contender.errors import InvalidInput
from contender.routing import Arm, ExperimentRef, Routing
from contender.units import MAX_UNIT, UnitForm
from contender.values import FallbackPolicy
from serving.transformer import codec
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.fallback import Reason

ANSWER = Answer("looking", 0.9, 0.8, (("looking", 0.9), ("not", 0.1)), "challenger", "champion", Reason.TIMEOUT, "7")
REVIEW = Answer("Review_Required", None, None, (), "champion", "review", Reason.UNREACHABLE, None)


def test_rows_and_units_are_taken_apart() -> None:
    asked = codec.decode_v1({"instances": [{"a": 1, "unit_id": "u"}, {"a": 2}, {"a": 3, "unit_id": None}]}, None)
    assert (asked.rows, asked.units, asked.path) == ([{"a": 1}, {"a": 2}, {"a": 3}], ["u", None, None], "instances")


def test_a_single_row_may_leave_its_unit_to_the_header() -> None:
    assert codec.decode_v1({"instances": [{"a": 1}]}, "Zoë".encode()).units == ["Zoë"]
    assert codec.decode_v1({"instances": [{"unit_id": "field"}]}, b"header").units == ["field"]


def test_the_two_ways_to_write_a_name_are_one_person() -> None:
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert codec.decode_v1({"instances": [{"unit_id": decomposed}]}, None).units == [composed]
    assert codec.decode_v1({"instances": [{"a": 1}]}, decomposed.encode()).units == [composed]


@pytest.mark.parametrize(
    ("rows", "header", "field"),
    [
        ([{"unit_id": 5.5}], None, "instances[0].unit_id"),
        ([{"unit_id": True}], None, "instances[0].unit_id"),
        ([{"unit_id": ["u"]}], None, "instances[0].unit_id"),
        ([{"unit_id": " "}], None, "instances[0].unit_id"),
        ([{"unit_id": "a\nb"}], None, "instances[0].unit_id"),
        ([{}, {"unit_id": ""}], None, "instances[1].unit_id"),
        ([{"unit_id": "x" * (MAX_UNIT + 1)}], None, "instances[0].unit_id"),
        ([{"unit_id": "a\0b"}], None, "instances[0].unit_id"),
        ([{}, {}], b"u", "X-Unit-Id"),
        ([{}], b"\xff", "X-Unit-Id"),
        ([{}], b"", "X-Unit-Id"),
        ([], None, "instances"),
    ],
)
def test_wrong_units_are_refused(rows: Any, header: bytes | None, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        codec.decode_v1({"instances": rows}, header)
    assert caught.value.field == field


def test_v2_has_a_tensor_for_the_units() -> None:
    asked = codec.from_columns({"a": [1, 2], "unit_id": ["u", None]}, None)
    assert (asked.rows, asked.units) == ([{"a": 1}, {"a": 2}], ["u", None])
    assert codec.from_columns({"unit_id": ["u", None]}, None).rows == [{}, {}]
    assert codec.from_columns({"unit_id": [1, 2]}, None).units == ["1", "2"]
    with pytest.raises(InvalidInput, match=r"inputs.unit_id\[0\]: "):
        codec.from_columns({"unit_id": [1.5, 2]}, None)


@pytest.mark.parametrize(
    ("sent", "normal"),
    [("c-17 ", "c-17"), ("\u00a0c-17\t", "c-17"), (17, "17"), (17.0, "17"), ("Zoe\u0308 ", "Zo\u00eb")],
)
def test_one_person_has_one_id_by_field_column_and_header(sent: object, normal: str) -> None:
    assert codec.decode_v1({"instances": [{"unit_id": sent}]}, None).units == [normal]
    assert codec.from_columns({"unit_id": [sent]}, None).units == [normal]
    header = sent.encode() if isinstance(sent, str) else b"17"
    assert codec.decode_v1({"instances": [{"a": 1}]}, header).units == [normal]


def test_an_experiment_that_began_before_knows_its_units_as_they_were_sent() -> None:
    asked = codec.decode_v1({"instances": [{"unit_id": "c-17 "}, {"unit_id": "Zoe\u0308"}, {}]}, None)
    arms = (Arm("champion", "blue", "7", 0.0, 1.0),)
    before = Routing("t", 1, ExperimentRef("e", "e"), arms, None, FallbackPolicy())
    since = replace(before, experiment=ExperimentRef("e", "e", unit_form=UnitForm.NORMAL))
    assert asked.units_of(before) == ["c-17 ", "Zo\u00eb", None]
    assert asked.units_of(since) == asked.units == ["c-17", "Zo\u00eb", None]
    assert asked.units_of(replace(before, experiment=None)) == asked.units_of(None) == asked.units
    assert codec.decode_v1({"instances": [{}]}, b"c-17\xc2\xa0").units_of(before) == ["c-17\u00a0"]
    plain = codec.decode_v1({"instances": [{"unit_id": "c-17"}]}, None)
    assert plain.units_of(before) == ["c-17"]


def test_v1_tells_everything_about_an_answer() -> None:
    (said,) = orjson.loads(codec.encode_v1([Told("p1", ANSWER)]))["predictions"]
    assert said == {
        "label": "looking", "confidence": 0.9, "score": 0.8, "ranking": [["looking", 0.9], ["not", 0.1]],
        "assigned_to": "challenger", "served_by": "champion", "fallback_reason": "timeout", "model_version": "7",
        "prediction_id": "p1",
    }  # fmt: skip
    assert "ranking" not in Told("p2", REVIEW).fields()


def test_v2_tells_the_same_in_columns() -> None:
    outputs = {o["name"]: o["data"] for o in codec.tensors([Told("p1", ANSWER), Told("p2", REVIEW)])}
    assert outputs["prediction_id"] == ["p1", "p2"]
    assert outputs["score"] == [0.8, None]
    assert outputs["ranking"] == ['[["looking",0.9],["not",0.1]]', "[]"]
    assert "ranking" not in {o["name"] for o in codec.tensors([Told("p2", REVIEW)])}


def test_headers_are_for_single_rows() -> None:
    assert codec.headers([Told("p1", ANSWER)]) == {
        "x-assigned-to": "challenger", "x-served-by": "champion", "x-model-version": "7", "x-prediction-id": "p1",
        "x-fallback-reason": "timeout",
    }  # fmt: skip
    assert "x-model-version" not in codec.headers([Told("p2", REVIEW)])
    assert codec.headers([Told("p1", ANSWER)] * 2) == {}


def test_a_v2_reply_names_a_version_only_when_there_is_one() -> None:
    assert codec.version_of([Told("p1", ANSWER)] * 2) == "7"
    assert codec.version_of([Told("p1", ANSWER), Told("p2", replace(ANSWER, model_version="8"))]) == ""
    assert codec.version_of([Told("p2", REVIEW)]) == ""
