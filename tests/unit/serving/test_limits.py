from __future__ import annotations

import json

import pytest

from serving.admission import Admission, AdmissionPolicy
from serving.limits import AT_ONCE, BATCHES, BODY_SIZE, OVERLOAD, REFUSALS, Guard, Limits, Refusal

LIMITS = Limits(body_bytes=1_000, heavy_bytes=100, heavy=2)


class Client:
    """A connection that is late or not, and counts how often it was looked at."""

    def __init__(self, *, late: bool) -> None:
        self.late, self.looks = late, 0

    def look(self, now: float) -> bool:
        self.looks += 1
        return self.late


def guard(most: int = 10) -> Guard:
    return Guard(LIMITS, Admission(AdmissionPolicy(least=1, most=most)))


@pytest.mark.parametrize(
    ("length", "in_flight", "heavy", "refusal"),
    [
        (0, 0, 0, None),
        (1_000, 9, 1, None),
        (1_001, 0, 0, BODY_SIZE),
        (50, 10, 0, OVERLOAD),
        (101, 0, 2, BATCHES),
        (100, 0, 2, None),
    ],
)
def test_what_is_taken_on(length: int, in_flight: int, heavy: int, refusal: Refusal | None) -> None:
    watching = guard()
    watching.heavy = heavy
    watching.calls = in_flight // 2
    watching.requests = range(in_flight - in_flight // 2)
    assert watching.in_flight == in_flight
    assert watching.at_entry(length) is refusal


def test_a_call_holds_its_place_until_it_is_answered() -> None:
    counted: list[Refusal] = []
    watching = Guard(LIMITS, Admission(AdmissionPolicy(least=1, most=2)), counted.append)
    with watching.taking(50) as single, watching.taking(101) as batch:
        assert (single, batch) == (None, None)
        assert (watching.calls, watching.heavy) == (2, 1)
        with watching.taking(50) as third:
            assert third is OVERLOAD
    assert (watching.calls, watching.heavy) == (0, 0)
    assert counted == [OVERLOAD]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.reason)
def test_a_refusal_is_a_whole_reply(refusal: Refusal) -> None:
    head, _, body = refusal.reply().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"HTTP/1.1 {refusal.status}"
    assert f"content-length: {len(body)}" in lines
    assert ("retry-after: 1" in lines) == refusal.status.startswith("503")
    assert ("connection: close" in lines) == refusal.closes
    assert json.loads(body) == {"error": refusal.message}


def test_an_attack_is_cut_in_portions() -> None:
    clients = [Client(late=True) for _ in range(AT_ONCE + 10)]
    guard().look(clients, 0.0)
    assert sum(client.looks for client in clients) == AT_ONCE
    patient = [Client(late=False) for _ in range(AT_ONCE + 10)]
    guard().look(patient, 0.0)
    assert all(client.looks == 1 for client in patient)
