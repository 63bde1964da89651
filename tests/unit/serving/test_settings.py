from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import InvalidInput
from serving.predictor import settings as predictor
from serving.transformer import settings as transformer

TRANSFORMER = {
    "TASK": "job-change", "ROUTING": "/r", "SPOOL": "/s", "STORE": "sqlite://", "BLUE_URL": "http://b",
    "GREEN_URL": "http://g", "BASELINE_URL": "http://l", "LIFELINE_FD": "7",
}  # fmt: skip


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in TRANSFORMER.items():
        monkeypatch.setenv(f"CONTENDER_{name}", value)
    return monkeypatch


def test_a_transformer_is_told_by_its_environment(environment: pytest.MonkeyPatch) -> None:
    settings = transformer.read([])
    assert (settings.task, settings.routing, settings.baseline_url) == ("job-change", Path("/r"), "http://l")
    assert (settings.host, settings.http_port, settings.reader) == ("127.0.0.1", 8080, "transformer")
    assert settings.lifeline_fd == 7


def test_what_kserve_s_controller_adds_is_taken_over(environment: pytest.MonkeyPatch) -> None:
    added = ["--model_name", "entry", "--predictor_host", "entry-predictor.ns", "--http_port", "8081", "--odd", "x"]
    settings = transformer.read(added)
    assert (settings.model_name, settings.http_port) == ("entry", 8081)
    assert settings.baseline_url == "http://entry-predictor.ns"


@pytest.mark.parametrize("name", ["TASK", "ROUTING", "STORE", "BLUE_URL"])
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"CONTENDER_{name}")
    with pytest.raises(InvalidInput) as caught:
        transformer.read([])
    assert caught.value.field == f"CONTENDER_{name}"


def test_a_predictor_is_told_by_its_command_line() -> None:
    settings = predictor.read(
        ["--task", "t", "--artifact", "/a", "--digest", "d", "--http_port", "9", "--model_name", "m"]
    )
    assert (settings.task, settings.artifact, settings.digest) == ("t", Path("/a"), "d")
    assert (settings.http_port, settings.model_name, settings.lifeline_fd) == (9, "m", None)


def test_a_port_must_be_a_number() -> None:
    with pytest.raises(InvalidInput) as caught:
        predictor.read(["--task", "t", "--artifact", "/a", "--http_port", "many"])
    assert caught.value.field == "CONTENDER_HTTP_PORT"
