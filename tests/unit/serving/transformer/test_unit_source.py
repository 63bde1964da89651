from __future__ import annotations

from typing import Any

import pytest

from contender.errors import ContenderError, InvalidInput, Refused
from serving.transformer import codec
from serving.transformer.unit_source import UnitSource

PERSON = {b"x-unit-from": b"header", b"x-unit-id": b"ada"}
SYSTEM = {b"x-unit-from": b"body"}


def units(source: UnitSource, headers: dict[bytes, bytes], rows: list[dict[str, Any]]) -> list[str | None]:
    header = source.header(headers)
    return list(source.hold(codec.decode_v1({"instances": rows}, header), header).units)


def test_a_client_of_its_own_names_whom_it_likes() -> None:
    assert units(UnitSource.CLIENT, {b"x-unit-id": b"ada"}, [{"unit_id": "eve"}]) == ["eve"]
    assert units(UnitSource.CLIENT, {b"x-unit-id": b"ada"}, [{}]) == ["ada"]
    assert units(UnitSource.CLIENT, {}, [{}]) == [None]


def test_a_person_is_who_the_gateway_says() -> None:
    assert units(UnitSource.GATEWAY, PERSON, [{}]) == ["ada"]
    assert units(UnitSource.GATEWAY, PERSON, [{"unit_id": "ada"}]) == ["ada"]


def test_a_system_asks_about_others_by_the_body_alone() -> None:
    assert units(UnitSource.GATEWAY, SYSTEM, [{"unit_id": "eve"}, {}]) == ["eve", None]
    assert units(UnitSource.GATEWAY, {**SYSTEM, b"x-unit-id": b"ada"}, [{}]) == [None]


def test_one_name_in_two_spellings_is_one_person() -> None:
    headers = {b"x-unit-from": b"header", b"x-unit-id": "Zoe\u0308".encode()}
    assert units(UnitSource.GATEWAY, headers, [{"unit_id": "Zo\u00eb"}]) == ["Zo\u00eb"]


@pytest.mark.parametrize(
    ("headers", "rows", "error", "words"),
    [
        (PERSON, [{"unit_id": "eve"}], Refused, "is not the person who asks"),
        (PERSON, [{}, {}], InvalidInput, "one row"),
        (PERSON, [{"unit_id": "ada"}, {"unit_id": "ada"}], InvalidInput, "one row"),
        ({b"x-unit-from": b"header"}, [{"unit_id": "eve"}], InvalidInput, "no unit in the token"),
        ({b"x-unit-from": b"header", b"x-unit-id": b"\xff"}, [{}], InvalidInput, "UTF-8"),
        ({b"x-unit-id": b"ada"}, [{}], Refused, "X-Unit-From"),
        ({b"x-unit-from": b"header,body", b"x-unit-id": b"ada"}, [{}], Refused, "X-Unit-From"),
        ({}, [{"unit_id": "eve"}], Refused, "X-Unit-From"),
    ],
)
def test_whatever_else_comes_is_refused(
    headers: dict[bytes, bytes], rows: list[dict[str, Any]], error: type[ContenderError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        units(UnitSource.GATEWAY, headers, rows)
    assert "eve" not in str(caught.value)
    assert "ada" not in str(caught.value)
