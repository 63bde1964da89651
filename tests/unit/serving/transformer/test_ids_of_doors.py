"""One person has one id whatever door they come by: every door takes a text in the same form, or refuses it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contender.errors import ContenderError, InvalidInput
from contender.tasks.catalog import rules_of, task_named
from contender.units import as_sent, is_damaged
from monitoring.quality.columns import columns_of
from monitoring.quality.survey import id_hashes
from pipelines.steps.typed import Reader
from serving.front import parse_json
from serving.kserve_tensors import request_columns
from serving.sdk import InferInput, InferRequest
from serving.transformer import codec, outcomes

TASK = task_named("job-change")
COLUMNS = (TASK.id_column, *TASK.schema.model_fields)
ID = columns_of(TASK, rules_of(TASK))[TASK.id_column]

BLANKS = st.text(" \t\n\u00a0\u2003\u3000", max_size=2)
INSIDE = st.text(st.characters() | st.sampled_from("e\u0301\u0308\0\x85 Zoë-7"), min_size=1, max_size=9)
ANY = st.builds("{}{}{}".format, BLANKS, INSIDE, BLANKS) | st.sampled_from(["x" * 256, "x" * 257, "é" * 256])


def by_v1(text: str) -> Any:
    return codec.decode_v1({"instances": [{"unit_id": text}]}, None).units[0]


def by_v2(text: str) -> Any:
    return codec.from_columns({"unit_id": [text]}, None).units[0]


def by_header(text: str) -> Any:
    return codec.decode_v1({"instances": [{}]}, text.encode()).units[0]


def by_grpc(text: str) -> Any:
    sent = InferRequest("m", [InferInput("unit_id", [1], "BYTES", [text.encode()])])
    return codec.from_columns(request_columns(sent), None).units[0]


def by_file(text: str) -> Any:
    written = io.StringIO()
    csv.writer(written).writerow([text])
    (line,) = csv.reader(io.StringIO(written.getvalue(), newline=""))
    return Reader(TASK, COLUMNS).ids([line + [""] * (len(COLUMNS) - 1)], 1)[0]


DOORS = [by_v1, by_v2, by_header, by_grpc, by_file]


def through(door: Callable[[str], Any], text: str) -> Any:
    """The form in which that door takes the text; None if it refuses."""
    try:
        return door(text)
    except InvalidInput:
        return None


@given(ANY)
@example("Zoe\u0308-7 ")
@example("\0")
@example("\ud83d")
def test_all_doors_agree_on_any_text(text: str) -> None:
    taken = through(by_v1, text)
    doors = DOORS if text.isprintable() or not any(0xD800 <= ord(c) < 0xE000 for c in text) else [by_v1, by_v2, by_file]
    assert {through(door, text) for door in doors if door is not by_file or "\0" not in text} == {taken}


@given(ANY)
def test_the_door_for_files_sets_aside_what_the_others_refuse_and_what_a_spreadsheet_spoiled(text: str) -> None:
    refused = through(by_v1, text) is None
    assert (ID.fault(text) is not None) == (refused or is_damaged(text))


@given(ANY, ANY)
def test_files_take_two_ids_for_one_person_where_serving_does(one: str, other: str) -> None:
    first, second = through(by_v1, one), through(by_v1, other)
    if first is not None and second is not None:
        hashes = id_hashes([one, other])
        assert (hashes[0] == hashes[1]) == (first == second)


@given(ANY)
def test_an_outcome_names_its_prediction_by_the_same_rules(text: str) -> None:
    event = {"event_id": "e", "prediction_id": text, "value": 1}
    try:
        (read,) = outcomes.read(event, TASK, 2e9)
    except InvalidInput:
        assert through(by_v1, text) is None or len(through(by_v1, text)) > outcomes.MAX_ID
    else:
        assert read.prediction_id == through(by_v1, text)


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_number_is_its_digits_at_every_door_that_knows_numbers(number: int) -> None:
    text = str(number)
    body = parse_json(f'{{"instances": [{{"unit_id": {text}}}]}}'.encode())
    assert codec.decode_v1(body, None).units == [text] == codec.from_columns({"unit_id": [number]}, None).units
    assert {through(door, text) for door in DOORS} == {text}


@given(ANY)
def test_what_was_sent_is_kept_for_experiments_that_began_before(text: str) -> None:
    try:
        asked = codec.decode_v1({"instances": [{"unit_id": text}]}, None)
    except ContenderError:
        return
    assert (asked.sent or asked.units)[0] == as_sent(text)


@pytest.mark.parametrize("door", DOORS)
def test_no_door_repeats_an_id_that_it_refuses(door: Callable[[str], Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        door("secret" * 99)
    assert "secret" not in str(caught.value)
