from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.tasks.job_change.task import JobChange
from contender.values import Exposure, Outcome, Prediction
from monitoring.metrics import Metrics
from serving.transformer.records import to_bytes
from serving.transformer.shipper import Shipper
from serving.transformer.spool import Spool


class FakeStore:
    """Keeps records by id, as the real one does; away when told."""

    def __init__(self) -> None:
        self.exposures: dict[str, Exposure] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.settled: list[str] = []
        self.away = False

    def append(self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome]) -> None:
        if self.away:
            raise Unavailable("the store is away")
        self.exposures |= {e.prediction_id: e for e in exposures}
        self.outcomes |= {o.event_id: o for o in outcomes}

    def settle(self, task: str, reward: Callable[[Prediction, object], float]) -> int:
        assert reward(Prediction("looking", 0.9, 0.9), 1) > 0.9
        self.settled.append(task)
        return len(self.outcomes)


class World:
    def __init__(self, folder: Path) -> None:
        self.spool, self.store, self.registry = Spool(folder), FakeStore(), CollectorRegistry()
        self.shipper = Shipper(JobChange(), self.spool, self.store, Metrics(self.registry))

    def exposed(self, *ids: str) -> None:
        self.spool.append([to_bytes(exposure(prediction_id)) for prediction_id in ids])

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"task": "job-change", **labels})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.spool.close()


def exposure(prediction_id: str) -> Exposure:
    return Exposure(
        prediction_id, "job-change", "e", 1, "u", "champion", "champion", "7", "looking", 0.9, 0.9, None, 1.0, 2.0
    )


def test_records_move_into_the_store(world: World) -> None:
    world.exposed("a", "b")
    assert world.shipper.step() == 2
    assert world.store.exposures.keys() == {"a", "b"}
    assert world.shipper.step() == 0
    assert world.value("contender_spool_depth") == 0


def test_rewards_are_settled_when_outcomes_came(world: World) -> None:
    world.exposed("a")
    world.shipper.step()
    assert world.store.settled == []
    world.spool.append([to_bytes(Outcome("v", "a", "job-change", 1, 3.0))])
    world.shipper.step()
    assert world.store.settled == ["job-change"]


def test_a_store_that_is_away_loses_nothing(world: World) -> None:
    world.exposed("a")
    world.store.away = True
    with pytest.raises(Unavailable):
        world.shipper.step()
    world.shipper.drain()
    assert world.value("contender_spool_failures_total", stage="ship") == 1
    assert world.value("contender_spool_depth") == 1
    world.store.away = False
    world.shipper.drain()
    assert world.store.exposures.keys() == {"a"}


def test_records_that_nobody_can_read_do_not_block_the_others(world: World) -> None:
    world.spool.append([b"[1]", to_bytes(exposure("a"))])
    world.shipper.drain()
    assert world.store.exposures.keys() == {"a"}
    assert world.value("contender_spool_failures_total", stage="damaged") == 1


def test_it_ships_in_the_background_and_survives_refusals(world: World) -> None:
    async def live() -> None:
        world.store.away = True
        world.exposed("a")
        background = asyncio.create_task(world.shipper.run())
        while not world.value("contender_spool_failures_total", stage="ship"):
            await asyncio.sleep(0.001)
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background
        world.store.away = False
        background = asyncio.create_task(world.shipper.run())
        while not world.store.exposures:
            await asyncio.sleep(0.001)
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background

    asyncio.run(asyncio.wait_for(live(), 5))
