"""A pod that goes while the store is away: a real transformer, an S3 API, and another pod that takes over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from contender.adapters.objects_s3 import S3Objects
from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, Unavailable
from tests.integration.serving.conftest import TASK, Stack, rows, wait_for
from tests.stand_ins.ports import free_port
from tests.stand_ins.s3 import s3_api

BUCKET = "records"
AWAY = "postgresql://nobody:x@127.0.0.1:9/nowhere"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_api(BUCKET) as url:
        yield url


@pytest.fixture
def objects(s3: str, request: pytest.FixtureRequest) -> S3Objects:
    return S3Objects(f"s3://{BUCKET}/{request.node.name}", s3)


def lying_in(objects: S3Objects) -> int:
    return sum(len(objects.get(name).splitlines()) for name in objects.names(TASK, 1_000))


def pod(alone: Stack, name: str, store: str, s3: str, folder: str) -> None:
    """A transformer with a spool of its own, whose store's address lies in a file."""
    (alone.home / "address").write_text(store)
    alone.environment |= {
        "CONTENDER_STORE": f"file://{alone.home}/address",
        "CONTENDER_SPOOL": str(alone.home / f"spool-{name}"),
        "CONTENDER_SPOOL_BUCKET": f"s3://{BUCKET}/{folder}",
        "CONTENDER_S3_ENDPOINT": s3,
    }
    alone.start("transformer")
    alone.wait_ready("transformer")


def asked(alone: Stack, count: int) -> set[str]:
    """The ids of the answers to so many people; nobody serves, so each is left to a person."""
    instances = [{**row, "unit_id": f"u{number}"} for number, row in enumerate(rows(count))]
    reply = alone.ask(instances)
    assert reply.status == 200, reply.body
    return {one["prediction_id"] for one in reply.body["predictions"]}


def stored(alone: Stack) -> list[str]:
    store = Store(f"sqlite:///{alone.home}/after.db", clock=lambda: 0.0)
    try:
        return [one.prediction_id for one in store.predictions(TASK, limit=100_000)]
    finally:
        store.close()


def test_what_was_acknowledged_outlives_the_pod(
    alone: Stack, s3: str, objects: S3Objects, request: pytest.FixtureRequest
) -> None:
    alone.route()
    pod(alone, "old", AWAY, s3, request.node.name)
    told = asked(alone, 40)
    outcome = {"event_id": "e", "prediction_id": next(iter(told)), "value": 1}
    assert alone.tell({"outcomes": [outcome]}).status == 200
    alone.signal("transformer", signal.SIGTERM)
    assert alone.processes["transformer"].wait(40) == 0
    assert lying_in(objects) >= 41
    alone.ports["transformer"] = free_port()
    pod(alone, "new", f"sqlite:///{alone.home}/after.db", s3, request.node.name)
    wait_for(lambda: set(stored(alone)) >= told, "taken over")
    assert sorted(stored(alone)) == sorted(told)
    wait_for(lambda: lying_in(objects) == 0, "deleted from the bucket")


def test_a_pod_that_nobody_takes_records_from_says_so_and_keeps_them(alone: Stack) -> None:
    alone.route()
    nowhere = f"http://127.0.0.1:{free_port()}"
    pod(alone, "old", AWAY, nowhere, "none")
    told = asked(alone, 7)
    alone.signal("transformer", signal.SIGTERM)
    assert alone.processes["transformer"].wait(60) != 0
    assert "records stay in" in alone.log("transformer")
    alone.ports["transformer"] = free_port()
    pod(alone, "old", f"sqlite:///{alone.home}/after.db", nowhere, "none")
    wait_for(lambda: set(stored(alone)) == told, "shipped by the next start")


def test_objects_are_put_listed_read_and_deleted(objects: S3Objects) -> None:
    assert list(objects.names(TASK, 10)) == []
    for number in range(3):
        objects.put(f"{TASK}/{number}", b"x" * number)
    objects.put("job-role/9", b"theirs")
    assert sorted(objects.names(TASK, 10)) == [f"{TASK}/{number}" for number in range(3)]
    assert len(objects.names(TASK, 2)) == 2
    assert (objects.get(f"{TASK}/2"), objects.get(f"{TASK}/none")) == (b"xx", b"")
    for _ in range(2):
        objects.delete(f"{TASK}/2")
    assert f"{TASK}/2" not in objects.names(TASK, 10)


@pytest.mark.parametrize(
    ("bucket", "endpoint"), [("nothere", None), (BUCKET, "http://127.0.0.1:9")], ids=["no bucket", "no service"]
)
def test_what_cannot_be_reached_is_unavailable(s3: str, bucket: str, endpoint: str | None) -> None:
    objects = S3Objects(f"s3://{bucket}/x", endpoint or s3)
    for call in (lambda: objects.put("a", b""), lambda: objects.names("a", 1)):
        with pytest.raises(Unavailable, match="the bucket of the spool cannot be used"):
            call()


def test_the_stated_service_is_used_whatever_the_environment_names(
    objects: S3Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    objects.put(f"{TASK}/here", b"x")
    assert objects.get(f"{TASK}/here") == b"x"


@pytest.mark.parametrize("address", ["", "records", "https://records/x", "s3:///x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="CONTENDER_SPOOL_BUCKET"):
        S3Objects(address)


def test_credentials_are_asked_for_only_when_used() -> None:
    made: Any = S3Objects("s3://anything/at/all")
    assert made._store is None
