from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.tasks.job_change.task import JobChange
from contender.values import Covariate, Exposure, Outcome, Prediction
from monitoring.metrics import Metrics
from serving.transformer.records import to_bytes
from serving.transformer.shipper import Destinations, Shipper
from serving.transformer.spool import Spool


class FakeStore:
    """Keeps records by id, as the real one does; away when told."""

    def __init__(self) -> None:
        self.exposures: dict[str, Exposure] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.covariates: dict[str, Covariate] = {}
        self.settled: list[str] = []
        self.away = False
        self.never: set[str] = set()

    def append(
        self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome], covariates: Sequence[Covariate] = ()
    ) -> None:
        if self.away:
            raise Unavailable("the store is away")
        if self.never & {e.prediction_id for e in exposures}:
            raise OverflowError("no database takes this")
        self.exposures |= {e.prediction_id: e for e in exposures}
        self.outcomes |= {o.event_id: o for o in outcomes}
        self.covariates |= {c.prediction_id: c for c in covariates}

    def settle(self, task: str, reward: Callable[[Prediction, object], float]) -> int:
        if "unjudgeable" in self.outcomes:
            raise ValueError("cannot be judged")
        assert reward(Prediction("looking", 0.9, 0.9), 1) > 0.9
        self.settled.append(task)
        return len(self.outcomes)


class World:
    def __init__(self, folder: Path) -> None:
        self.spool, self.store, self.registry = Spool(folder), FakeStore(), CollectorRegistry()
        self.now = 0.0
        self.shipper = Shipper(
            JobChange(), self.spool, Destinations(self.store), Metrics(self.registry), lambda: self.now
        )

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


def test_what_the_baseline_says_moves_too(world: World) -> None:
    covariate = Covariate("a", "job-change", "looking", 0.5)
    world.spool.append([to_bytes(covariate)])
    assert world.shipper.step() == 1
    assert world.store.covariates == {"a": covariate}


def test_rewards_are_settled_when_outcomes_came(world: World) -> None:
    world.exposed("a")
    world.shipper.step()
    assert world.store.settled == []
    world.spool.append([to_bytes(Outcome("v", "a", "job-change", 1, 3.0))])
    world.shipper.step()
    assert world.store.settled == ["job-change"]


def test_outcomes_are_left_to_whoever_may_judge_them(world: World) -> None:
    shipper = Shipper(
        JobChange(),
        world.spool,
        Destinations(world.store, judges=False),
        Metrics(CollectorRegistry()),
        lambda: world.now,
    )
    world.spool.append([to_bytes(Outcome("v", "a", "job-change", 1, 3.0))])
    assert shipper.step() == 1
    assert world.store.outcomes.keys() == {"v"}
    assert world.store.settled == []


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


def test_a_record_that_no_store_takes_is_set_aside_and_the_others_get_through(world: World, tmp_path: Path) -> None:
    world.store.never = {"poison"}
    world.exposed("a", "poison", "b")
    world.shipper.drain()
    assert world.store.exposures.keys() == {"a", "b"}
    assert world.value("contender_spool_failures_total", stage="refused") == 1
    assert world.spool.depth == 0
    (aside,) = (tmp_path / "refused.lines").read_bytes().splitlines()
    assert aside == to_bytes(exposure("poison"))


def test_a_store_that_goes_away_while_the_poison_is_sought_gets_everything_later(world: World, tmp_path: Path) -> None:
    world.store.never = {"poison"}
    world.exposed("a", "poison", "b")
    take = world.store.append

    def leaving(
        exposures: Sequence[Exposure], outcomes: Sequence[Outcome], covariates: Sequence[Covariate] = ()
    ) -> None:
        world.store.away = len(exposures) == 1
        take(exposures, outcomes, covariates)

    world.store.append = leaving  # type: ignore[method-assign]
    world.shipper.drain()
    assert world.spool.depth == 3
    assert not (tmp_path / "refused.lines").exists()
    world.store.append, world.store.away = take, False  # type: ignore[method-assign]
    world.shipper.drain()
    assert world.store.exposures.keys() == {"a", "b"}


def test_what_cannot_be_judged_does_not_hold_up_records(world: World) -> None:
    world.spool.append([to_bytes(Outcome("unjudgeable", "a", "job-change", 1, 3.0))])
    world.exposed("a")
    world.shipper.drain()
    assert world.spool.depth == 0
    assert world.value("contender_spool_failures_total", stage="settle") == 1


def test_the_age_tells_for_how_long_the_store_took_nothing(world: World) -> None:
    world.shipper.step()
    world.exposed("a")
    world.store.away = True
    world.now = 40.0
    with pytest.raises(Unavailable):
        world.shipper.step()
    assert world.value("contender_spool_age_seconds") == 40
    world.store.away = False
    world.shipper.drain()
    assert world.value("contender_spool_age_seconds") == 0


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
