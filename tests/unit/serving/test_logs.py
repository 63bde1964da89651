from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from serving import logs


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Logging is the process's own: put it back."""
    names = ["", "py.warnings", "kserve", "kserve.trace", "uvicorn", "uvicorn.error", "uvicorn.access"]
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names}
    yield
    logging.captureWarnings(capture=False)
    for name, (handlers, level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, True
        logger.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.LOGGER.warning("arm_ejected", extra={"fields": {"place": "blue\nforged"}})
    (line,) = lines(stream)
    assert (line["event"], line["place"], line["level"]) == ("arm_ejected", "blue\nforged", "warning")


def test_what_others_wrote_acts_on_no_terminal_that_shows_a_log() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.LOGGER.warning("arm_ejected", extra={"fields": {"place": "blue\x1b[2K\u202e"}})
    assert stream.getvalue().strip().isprintable()
    assert stream.getvalue().isascii()


def test_quiet_by_default_and_silent_about_requests() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.LOGGER.info("routine")
    logging.getLogger("kserve").info("Registering model")
    logging.getLogger("uvicorn.access").warning("GET /")
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert lines(stream) == []


def test_an_exception_tells_kind_and_place_but_not_its_message() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    try:
        raise ValueError("a person's name")
    except ValueError:
        logs.LOGGER.exception("request_failed")
    (line,) = lines(stream)
    assert line["error"] == "ValueError"
    assert str(line["where"]).startswith("test_logs.py:")
    assert "person" not in stream.getvalue()


def test_of_a_library_s_message_only_the_place_is_told() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("asyncio").error('Task failed with Jane Doe\n{"forged": 1}')
    (line,) = lines(stream)
    assert str(line["event"]).startswith("test_logs:")
    assert "Jane" not in stream.getvalue()


def test_the_web_server_says_what_it_cannot_bind() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("uvicorn.error").error(OSError(98, "address already in use"))
    (line,) = lines(stream)
    assert "address already in use" in str(line["event"])
