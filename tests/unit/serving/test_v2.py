"""V2 bodies in JSON; the binary ones need KServe's own library and are tested with the servers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from contender.errors import InvalidInput
from serving import v2
from serving.front import Request
from serving.tensors import tensor

TENSORS = [tensor("label", "BYTES", ["a", "b"]), tensor("score", "FP64", [0.5, None])]


def asked(headers: dict[bytes, bytes] | None = None, **more: Any) -> v2.Asked:
    body = {"inputs": [tensor("hours", "INT64", [1, 2])], **more}
    return v2.read(Request(orjson.dumps(body), headers or {}), "m")


def test_all_outputs_are_told_unless_some_are_asked_for() -> None:
    said: Any = v2.reply(asked(id="mine"), "m", "7", TENSORS, {"x-a": "1"})
    assert said.content == {"model_name": "m", "model_version": "7", "outputs": TENSORS, "id": "mine"}
    assert said.headers == {"x-a": "1"}
    some: Any = v2.reply(asked(outputs=[{"name": "score"}]), "m", "7", TENSORS, {})
    assert some.content["outputs"] == TENSORS[1:]


def test_outputs_may_be_binary() -> None:
    reply = v2.reply(asked(outputs=[{"name": "score", "parameters": {"binary_data": True}}]), "m", "7", TENSORS, {})
    assert isinstance(reply.content, bytes)
    size = int(reply.headers["inference-header-content-length"])
    (described,) = orjson.loads(reply.content[:size])["outputs"]
    assert described == {"name": "score", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    assert len(reply.content) - size == 16
    everything = v2.reply(asked(parameters={"binary_data_output": True}), "m", "7", TENSORS, {})
    assert isinstance(everything.content, bytes)
    assert b"\x01\x00\x00\x00a\x01\x00\x00\x00b" in everything.content


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"outputs": [{"name": "colour"}]}, "outputs"),
        ({"outputs": {"name": "label"}}, "outputs"),
        ({"outputs": ["label"]}, "outputs[0].name"),
        ({"outputs": [{"name": "label", "parameters": []}]}, ""),
        ({"outputs": [{"name": "label", "parameters": [1]}]}, "outputs[0].parameters"),
        ({"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]}, "outputs[0].parameters.binary_data"),
        ({"parameters": [1]}, "parameters"),
        ({"parameters": {"binary_data_output": "yes"}}, "parameters.binary_data_output"),
        ({"id": 5}, "id"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], field: str) -> None:
    if not field:
        assert asked(**more).outputs == {"label": False}
        return
    with pytest.raises(InvalidInput) as caught:
        v2.reply(asked(**more), "m", "7", TENSORS, {})
    assert caught.value.field == field


@pytest.mark.parametrize("length", [b"", b"x", b"-1", b"99999", b"9" * 5000, b"1.0"])
def test_a_wrong_length_of_json_is_named(length: bytes) -> None:
    with pytest.raises(InvalidInput, match="inference-header-content-length: "):
        asked({v2.LENGTH: length})
