"""Announcements through apprise to a real server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from contender.errors import DeadlineExceeded, InvalidInput, Unavailable
from contender.tasks.rules import Issue
from monitoring.quality.announce import announce, message_of
from monitoring.quality.findings import Finding
from monitoring.quality.report import Report

# apprise 1.13 imports imghdr, which Python 3.11 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


class Desk(ThreadingHTTPServer):
    """Takes messages; `status` is what it answers, after `pause_s`."""

    status, pause_s = 200, 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, object]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/desk"


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.server.pause_s)
        self.server.messages.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    server = Desk()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


REPORT = Report(
    "job-change", "people.csv", "0" * 64, 100, 90, 10, [Finding(Issue.TYPE_ERROR, "not_a_number", "city", "row", 10)]
)


def test_a_fault_arrives(desk: Desk) -> None:
    announce([desk.url], *message_of([REPORT]))
    (message,) = desk.messages
    assert message["title"] == "Data quality: 1 of 1 files need a look"
    assert message["message"] == "job-change people.csv: 10 of 100 rows set aside (type_error 10)"


def test_a_desk_that_refuses_is_an_error(desk: Desk) -> None:
    desk.status = 500
    with pytest.raises(Unavailable):
        announce([desk.url], "t", "b")


def test_a_desk_that_hangs_is_left(desk: Desk) -> None:
    desk.pause_s = 1.0
    with pytest.raises(DeadlineExceeded):
        announce([desk.url], "t", "b", deadline_s=0.1)


def test_an_address_of_no_known_kind_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        announce(["secret-token"], "t", "b")
    assert "secret-token" not in str(caught.value)
