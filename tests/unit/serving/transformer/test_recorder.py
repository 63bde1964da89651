from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.routing import Arm, ExperimentRef, Routing
from contender.tasks.job_change.schema import JobChangeRow
from contender.tasks.job_change.task import JobChange
from contender.values import Covariate, Exposure, FallbackPolicy, Outcome
from monitoring.metrics import Metrics
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.fallback import Reason
from serving.transformer.inputs import Inputs
from serving.transformer.recorder import HELD, Occasion, Recorder
from serving.transformer.records import Records, parse
from serving.transformer.spool import Spool

ROUTING = Routing("t", 3, ExperimentRef("e", "e"), (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())
ROW = {name: value for name, value in JobChange().generate(1, 0)[0].items() if name in JobChangeRow.model_fields}
ROW["gender"] = "Female"
ANSWER = Answer("looking", 0.9, 0.8, (), "challenger", "champion", Reason.TIMEOUT, "7", counted=True)


class World:
    def __init__(self, folder: Path) -> None:
        self.spool, self.registry = Spool(folder), CollectorRegistry()
        ids = map("p{}".format, count(1))
        inputs = Inputs(JobChange(), 1.0, lambda: 0.0)
        self.recorder = Recorder(inputs, self.spool, Metrics(self.registry), lambda: 100.0, lambda: next(ids))

    def tell(
        self, *units: str | None, answer: Answer = ANSWER, routing: Routing | None = ROUTING, source: str = "live"
    ) -> list[Told]:
        """Record the answer to these units."""
        occasion = Occasion(routing, 12.5, source)
        return self.recorder.exposures(occasion, [ROW] * len(units), units, [answer] * len(units))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"task": "job-change", **labels})

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
    told = world.tell("u1", None)
    assert [one.prediction_id for one in told] == ["p1", "p2"]
    first, second = world.recorded().exposures
    assert first == Exposure(
        "p1", "job-change", "e", 3, "u1", "challenger", "champion", "7", "looking", 0.8, 0.9, "timeout", 12.5, 100.0,
        groups={"gender": "Female"}, features={name: value for name, value in ROW.items() if name != "gender"},
    )  # fmt: skip
    assert second.unit_id is None


def test_without_routing_there_is_no_experiment(world: World) -> None:
    world.tell("u", answer=replace(ANSWER, counted=False), routing=None)
    (exposure,) = world.recorded().exposures
    assert (exposure.experiment_id, exposure.generation, exposure.groups) == (None, -1, {})


def test_of_who_takes_no_part_in_an_experiment_no_group_is_kept(world: World) -> None:
    world.tell(None, answer=replace(ANSWER, assigned_to="unassigned", counted=False))
    world.tell("u", answer=replace(ANSWER, assigned_to="champion", counted=False))
    exposures = world.recorded().exposures
    assert [(one.groups, one.counted) for one in exposures] == [({}, False), ({}, False)]


def test_of_a_preview_nothing_is_kept_for_drift(world: World) -> None:
    world.tell("u", answer=replace(ANSWER, assigned_to="unassigned", counted=False), source="preview")
    (exposure,) = world.recorded().exposures
    assert (exposure.source, exposure.features, exposure.groups) == ("preview", None, {})


def test_what_the_shadow_would_have_told_is_an_exposure_of_its_own(world: World) -> None:
    answer = Answer("looking", 0.9, 0.8, (), "shadow", "shadow", None, "9", counted=True)
    world.recorder.shadows(ROUTING, ["u1"], [Told("p1~shadow", answer)], 7.0)
    (exposure,) = world.recorded().exposures
    assert exposure == Exposure(
        "p1~shadow", "job-change", "e", 3, "u1", "shadow", "shadow", "9", "looking", 0.8, 0.9, None, 7.0, 100.0
    )


def test_covariates_are_recorded(world: World) -> None:
    covariate = Covariate("p1", "job-change", "looking", 0.5)
    world.recorder.covariates([covariate])
    assert world.recorded().covariates == [covariate]


def test_outcomes_are_recorded_too(world: World) -> None:
    outcome = Outcome("v", "p1", "t", 1, 2.0)
    world.recorder.outcomes([outcome])
    assert world.recorded().outcomes == [outcome]


@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_people_are_answered_and_outcomes_refused(world: World) -> None:
    assert len(world.tell("u1")) == 1
    world.recorder.flush()
    assert world.value("contender_spool_unwritten") == 1
    assert world.value("contender_spool_failures_total", stage="write") is None
    with pytest.raises(Unavailable):
        world.recorder.outcomes([Outcome("v", "p1", "t", 1, 2.0)])
    with pytest.raises(Unavailable):
        world.recorder.covariates([Covariate("p1", "t", "looking", 0.5)])
    with pytest.raises(Unavailable):
        world.recorder.shadows(ROUTING, ["u1"], [Told("p1~shadow", ANSWER)], 7.0)


def test_what_a_full_disk_held_up_is_written_in_order_afterwards(world: World, full_disk: Callable[[], None]) -> None:
    for _ in range(3):
        world.tell("u1")
    full_disk()
    world.tell("u1")
    world.recorder.flush()
    assert [one.prediction_id for one in world.recorded().exposures] == ["p1", "p2", "p3", "p4"]
    assert world.value("contender_spool_unwritten") == 0
    world.tell("u1")
    assert len(world.recorded().exposures) == 5


@pytest.mark.usefixtures("full_disk")
def test_what_memory_cannot_hold_either_is_counted_as_lost(world: World) -> None:
    world.tell(*["u1"] * (HELD + 7))
    assert world.value("contender_spool_unwritten") == HELD
    assert world.value("contender_spool_failures_total", stage="write") == 7


def test_what_a_full_disk_still_holds_up_at_the_end_is_counted_as_lost(
    world: World, full_disk: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    world.tell("u1", "u2")
    world.recorder.close()
    assert world.value("contender_spool_failures_total", stage="write") == 2
    assert [one.message for one in caplog.records][-1] == "records_lost"
    full_disk()


@pytest.mark.usefixtures("full_disk")
def test_what_the_disk_takes_at_the_end_is_not_lost(world: World, full_disk: Callable[[], None]) -> None:
    world.tell("u1", "u2")
    full_disk()
    world.recorder.close()
    assert world.value("contender_spool_failures_total", stage="write") is None
    assert len(world.recorded().exposures) == 2


def repeated(
    world: World,
    key: bytes | None,
    units: tuple[str | None, ...],
    answer: Answer = ANSWER,
    routing: Routing | None = ROUTING,
) -> list[str]:
    occasion = Occasion(routing, 1.0, "scheduled", key)
    told = world.recorder.exposures(occasion, [ROW] * len(units), units, [answer] * len(units))
    return [one.prediction_id for one in told]


def test_a_batch_under_the_same_key_has_the_same_ids(world: World) -> None:
    first = repeated(world, b"k", ("u1", "u2"))
    assert repeated(world, b"k", ("u1", "u2")) == first
    assert len(set(first)) == 2
    assert {len(one) for one in first} == {32}


@pytest.mark.parametrize(
    ("key", "units", "answer"),
    [
        (b"another", ("u1", "u2"), ANSWER),
        (b"k", ("u3", "u4"), ANSWER),
        (b"k", ("u2", "u1"), ANSWER),
        (b"k", (None, None), ANSWER),
        (b"k", ("u1", "u2"), replace(ANSWER, label="not looking")),
        (b"k", ("u1", "u2"), replace(ANSWER, score=0.1)),
        (b"k", ("u1", "u2"), replace(ANSWER, model_version="8")),
        (b"k", ("u1", "u2"), replace(ANSWER, counted=not ANSWER.counted)),
        (None, ("u1", "u2"), ANSWER),
    ],
)
def test_another_key_unit_place_or_answer_is_another_prediction(
    world: World, key: bytes | None, units: tuple[str | None, ...], answer: Answer
) -> None:
    assert not set(repeated(world, b"k", ("u1", "u2"))) & set(repeated(world, key, units, answer))


def test_a_batch_sent_again_in_another_experiment_counts_in_that_one(world: World) -> None:
    first = repeated(world, b"k", ("u1", "u2"))
    other = replace(ROUTING, generation=ROUTING.generation + 1, experiment=ExperimentRef("later", "salt"))
    assert not set(repeated(world, b"k", ("u1", "u2"), routing=other)) & set(first)
    outside = replace(ANSWER, counted=False)
    uncounted = repeated(world, b"k", ("u1", "u2"), outside)
    assert repeated(world, b"k", ("u1", "u2"), outside, routing=other) == uncounted
    assert repeated(world, b"k", ("u1", "u2"), outside, routing=None) == uncounted
