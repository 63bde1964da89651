"""A store that is away: what it does not take goes to object storage and comes back from there, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.tasks.job_change.task import JobChange
from monitoring.metrics import Metrics
from serving.transformer.overflow import OBJECTS, Overflow
from serving.transformer.records import to_bytes
from serving.transformer.shipper import ADOPT_S, AWAY_S, BATCH, DRAIN_S, Destinations, Shipper
from serving.transformer.spool import Spool
from tests.unit.serving.transformer.test_shipper import FakeStore, exposure


class FakeBucket:
    """Objects by name; `away` when told."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.away = False

    def put(self, name: str, content: bytes) -> None:
        self._asked()
        self.objects[name] = content

    def names(self, folder: str, limit: int) -> Sequence[str]:
        self._asked()
        return [name for name in self.objects if name.startswith(f"{folder}/")][:limit]

    def get(self, name: str) -> bytes:
        self._asked()
        return self.objects.get(name, b"")

    def delete(self, name: str) -> None:
        self._asked()
        self.objects.pop(name, None)

    def _asked(self) -> None:
        if self.away:
            raise Unavailable("the bucket is away")


class Pod:
    """A transformer's shipper over a spool of its own; the store and the bucket are everybody's."""

    def __init__(self, folder: Path, store: FakeStore, bucket: FakeBucket) -> None:
        self.spool, self.now, self.paused, self.registry = Spool(folder), 0.0, 0, CollectorRegistry()
        destinations = Destinations(store, Overflow(bucket, "job-change"))
        self.shipper = Shipper(
            JobChange(), self.spool, destinations, Metrics(self.registry), lambda: self.now, self._pause
        )

    def _pause(self, seconds: float) -> None:
        self.now += seconds
        self.paused += 1

    def exposed(self, *ids: str) -> None:
        self.spool.append([to_bytes(exposure(one)) for one in ids])

    def moved(self, way: str) -> float | None:
        return self.registry.get_sample_value("contender_spool_overflow_total", {"task": "job-change", "way": way})


class World:
    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.bucket, self.pods = folder, FakeStore(), FakeBucket(), list[Pod]()

    def pod(self, name: str) -> Pod:
        self.pods.append(Pod(self.folder / name, self.store, self.bucket))
        return self.pods[-1]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for pod in made.pods:
        pod.spool.close()


def test_a_pod_that_goes_while_the_store_is_away_loses_nothing(world: World) -> None:
    old = world.pod("old")
    old.exposed("a", "b")
    world.store.away = True
    assert old.shipper.drain() == 0
    assert (old.moved("put"), old.paused) == (2, 0)
    new = world.pod("new")
    assert new.shipper.step() == 0
    world.store.away = False
    new.now += ADOPT_S
    assert new.shipper.step() == 2
    assert world.store.exposures.keys() == {"a", "b"}
    assert world.bucket.objects == {}
    assert new.moved("adopted") == 2


def test_what_waits_goes_to_the_bucket_only_after_a_while(world: World) -> None:
    pod = world.pod("pod")
    pod.exposed("a")
    world.store.away = True

    async def played() -> None:
        run = asyncio.create_task(pod.shipper.run())
        while pod.registry.get_sample_value(
            "contender_spool_failures_total", {"task": "job-change", "stage": "ship"}
        ) in (None, 0.0):
            await asyncio.sleep(0.01)
        assert world.bucket.objects == {}
        pod.now += AWAY_S
        while not world.bucket.objects:
            await asyncio.sleep(0.01)
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run

    asyncio.run(asyncio.wait_for(played(), 20))
    assert pod.spool.depth == 0


def test_both_away_are_tried_until_the_time_is_over_and_the_spool_is_kept(world: World) -> None:
    pod = world.pod("pod")
    pod.exposed("a", "b", "c")
    world.store.away = world.bucket.away = True
    assert pod.shipper.drain() == 3
    assert pod.now == DRAIN_S
    pod.spool.close()
    world.pods.clear()
    world.store.away = False
    again = world.pod("pod")
    assert again.shipper.drain() == 0
    assert world.store.exposures.keys() == {"a", "b", "c"}


def test_a_bucket_that_comes_back_during_the_drain_takes_the_rest(world: World) -> None:
    pod = world.pod("pod")
    pod.exposed("a")
    world.store.away = world.bucket.away = True
    before = pod._pause

    def pause(seconds: float) -> None:
        before(seconds)
        world.bucket.away = False

    pod.shipper._pause = pause
    assert pod.shipper.drain() == 0
    assert (pod.paused, len(world.bucket.objects)) == (1, 1)


def test_many_batches_are_put_and_taken_over_whole(world: World) -> None:
    old, count = world.pod("old"), (OBJECTS + 2) * BATCH
    old.exposed(*(f"p{number}" for number in range(count)))
    world.store.away = True
    assert old.shipper.drain() == 0
    assert len(world.bucket.objects) == OBJECTS + 2
    world.store.away = False
    new = world.pod("new")
    new.now += ADOPT_S
    while new.shipper.step():
        continue
    assert len(world.store.exposures) == count
    assert world.bucket.objects == {}


def test_two_that_take_over_the_same_keep_it_once(world: World) -> None:
    old = world.pod("old")
    old.exposed("a")
    world.store.away = True
    old.shipper.drain()
    world.store.away = False
    overflow, taken = Overflow(world.bucket, "job-change"), list[bytes]()

    def slowly(records: Sequence[bytes]) -> None:
        """Another one is faster."""
        taken.extend(records)
        world.pod("fast").shipper.step()

    assert overflow.adopt(slowly) == 1
    assert len(taken) == 1
    assert world.store.exposures.keys() == {"a"}


def test_what_the_store_refuses_stays_in_the_bucket(world: World) -> None:
    old = world.pod("old")
    old.exposed("a")
    world.store.away = True
    old.shipper.drain()
    assert world.pod("new").shipper.step() == 0
    assert len(world.bucket.objects) == 1


def test_a_record_that_no_store_takes_is_set_aside_and_its_object_goes(world: World) -> None:
    old = world.pod("old")
    old.exposed("a", "never", "b")
    world.store.away = True
    old.shipper.drain()
    world.store.away, world.store.never = False, {"never"}
    new = world.pod("new")
    assert new.shipper.step() == 3
    assert world.store.exposures.keys() == {"a", "b"}
    assert world.bucket.objects == {}
    assert b"never" in (world.folder / "new" / "refused.lines").read_bytes()


def test_a_damaged_object_is_left_and_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.bucket.objects["job-change/0123.lines"] = b'{"half'
    overflow = Overflow(world.bucket, "job-change")
    overflow.keep([to_bytes(exposure("a"))])
    shipped: list[bytes] = []
    assert overflow.adopt(shipped.extend) == 1
    assert overflow.adopt(shipped.extend) == 0
    assert list(world.bucket.objects) == ["job-change/0123.lines"]
    assert [one.message for one in caplog.records].count("object_damaged") <= 1


def test_other_tasks_objects_are_theirs(world: World) -> None:
    Overflow(world.bucket, "job-role").keep([b"{}"])
    pod = world.pod("pod")
    assert pod.shipper.step() == 0
    assert len(world.bucket.objects) == 1


def test_a_bucket_that_is_away_stops_no_shipping(world: World) -> None:
    world.bucket.away = True
    pod = world.pod("pod")
    pod.exposed("a")
    assert pod.shipper.step() == 1
    assert world.store.exposures.keys() == {"a"}


def test_an_object_that_somebody_else_deleted_is_nothing(world: World) -> None:
    class Gone(FakeBucket):
        def get(self, name: str) -> bytes:
            return b""

    bucket = Gone()
    bucket.put("job-change/x.lines", b"y")
    assert Overflow(bucket, "job-change").adopt(lambda records: None) == 0
    assert bucket.objects == {}
