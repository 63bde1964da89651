from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import Exposure, FallbackPolicy, Outcome
from monitoring.metrics import Metrics
from serving.transformer.answering import Answer
from serving.transformer.fallback import Reason
from serving.transformer.recorder import HELD, Recorder
from serving.transformer.records import Records, parse
from serving.transformer.spool import Spool

ROUTING = Routing("t", 3, ExperimentRef("e", "e"), (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())
ANSWER = Answer("looking", 0.9, 0.8, (), "challenger", "champion", Reason.TIMEOUT, "7")


class World:
    def __init__(self, folder: Path) -> None:
        self.spool, self.registry = Spool(folder), CollectorRegistry()
        ids = map("p{}".format, count(1))
        self.recorder = Recorder("t", self.spool, Metrics(self.registry), lambda: 100.0, lambda: next(ids))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"task": "t", **labels})

    def recorded(self) -> Records:
        return parse(self.spool.read(100).records)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.spool.close()


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """A disk without room; calling it makes room."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_what_clients_are_told_is_what_is_recorded(world: World) -> None:
    told = world.recorder.exposures(ROUTING, ["u1", None], [ANSWER, ANSWER], 12.5)
    assert [one.prediction_id for one in told] == ["p1", "p2"]
    first, second = world.recorded().exposures
    assert first == Exposure(
        "p1", "t", "e", 3, "u1", "challenger", "champion", "7", "looking", 0.8, 0.9, "timeout", 12.5, 100.0
    )
    assert second.unit_id is None


def test_without_routing_there_is_no_experiment(world: World) -> None:
    world.recorder.exposures(None, ["u"], [ANSWER], 1.0)
    (exposure,) = world.recorded().exposures
    assert (exposure.experiment_id, exposure.generation) == (None, -1)


def test_outcomes_are_recorded_too(world: World) -> None:
    outcome = Outcome("v", "p1", "t", 1, 2.0)
    world.recorder.outcomes([outcome])
    assert world.recorded().outcomes == [outcome]


@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_people_are_answered_and_outcomes_refused(world: World) -> None:
    assert len(world.recorder.exposures(ROUTING, ["u1"], [ANSWER], 1.0)) == 1
    world.recorder.flush()
    assert world.value("contender_spool_unwritten") == 1
    assert world.value("contender_spool_failures_total", stage="write") is None
    with pytest.raises(Unavailable):
        world.recorder.outcomes([Outcome("v", "p1", "t", 1, 2.0)])


def test_what_a_full_disk_held_up_is_written_in_order_afterwards(world: World, full_disk: Callable[[], None]) -> None:
    for _ in range(3):
        world.recorder.exposures(ROUTING, ["u1"], [ANSWER], 1.0)
    full_disk()
    world.recorder.exposures(ROUTING, ["u1"], [ANSWER], 1.0)
    world.recorder.flush()
    assert [one.prediction_id for one in world.recorded().exposures] == ["p1", "p2", "p3", "p4"]
    assert world.value("contender_spool_unwritten") == 0
    world.recorder.exposures(ROUTING, ["u1"], [ANSWER], 1.0)
    assert len(world.recorded().exposures) == 5


@pytest.mark.usefixtures("full_disk")
def test_what_memory_cannot_hold_either_is_counted_as_lost(world: World) -> None:
    world.recorder.exposures(ROUTING, ["u1"] * (HELD + 7), [ANSWER] * (HELD + 7), 1.0)
    assert world.value("contender_spool_unwritten") == HELD
    assert world.value("contender_spool_failures_total", stage="write") == 7
