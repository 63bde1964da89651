"""What an experiment is judged by arrives in the store: groups, the shadow's answers, covariates, sampled inputs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.endpoint import Endpoint
from cli.preview import check_obeyed, header_for
from contender.adapters.routing_file import RoutingFile
from contender.experiment.analysis import Experiment
from contender.experiment.data import ExperimentData
from contender.experiment.plan import Plan
from contender.routing import Arm, ExperimentRef
from contender.tasks.job_change.task import JobChange

TASK = "job-change"
PEOPLE = 40


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(what)


@pytest.fixture
def own(alone: Any) -> Any:
    """A whole stack of its own, with an experiment and a shadow: the challenger's model beside itself.

    Nothing is left out under strain, so that what must arrive can be counted on a busy machine, too.
    """
    alone.environment["CONTENDER_LAG_TARGET_MS"] = "10000"
    for name in ("blue", "green", "baseline", "transformer"):
        alone.start(name)
    document = alone.route()
    alone.generation += 1
    shadowed = dataclasses.replace(
        document,
        generation=alone.generation,
        experiment=ExperimentRef("live", "live"),
        shadow=Arm("shadow", "green", "8", 0.0, 0.0),
    )
    routing = RoutingFile(alone.home / "routing")
    routing.write(shadowed, expected=alone.generation - 1)
    alone.wait_ready("blue", "green", "baseline", "transformer")
    routing.wait_applied(TASK, alone.generation, deadline_s=20)
    return alone


def data(stack: Any) -> ExperimentData:
    store = stack.store
    try:
        found: ExperimentData = store.experiment_data("live")
        return found
    finally:
        store.close()


def valued(stack: Any) -> int:
    """Units whose values are final; settles as whoever looks does."""
    store = stack.store
    try:
        store.settle(TASK, JobChange().reward)
        return sum(arm.metric("reward").matured for arm in store.experiment_data("live").arms.values())
    finally:
        store.close()


def planned(stack: Any) -> None:
    """Keep the experiment's plan: windows of some seconds, adjusted by the baseline's score."""
    store = stack.store
    plan = Plan(window_s=8.0, grace_s=4.0, covariate="baseline")
    store.save_experiment(Experiment("live", TASK, "live", plan, "7", "8", 0.0, ((1, 0.5),)).to_document())
    store.close()


def ask_everybody(stack: Any) -> list[dict[str, Any]]:
    people = [{**row, "unit_id": f"u{index}"} for index, row in enumerate(stack.rows(PEOPLE))]
    singles = [stack.ask([person]).body["predictions"][0] for person in people[: PEOPLE // 2]]
    batch: list[dict[str, Any]] = stack.ask(people[PEOPLE // 2 :]).body["predictions"]
    return [*singles, *batch]


def test_shadow_covariates_groups_and_inputs_reach_the_store(own: Any) -> None:
    planned(own)
    told = ask_everybody(own)
    events = [
        {"event_id": f"e{index}", "prediction_id": one["prediction_id"], "value": index % 2}
        for index, one in enumerate(told)
    ]

    def kept(data: ExperimentData, pairs: Callable[[Any], int]) -> int:
        return sum(pairs(arm) for arm in data.arms.values())

    wait_for(lambda: kept(data(own), lambda arm: arm.assigned) == PEOPLE, "exposed")
    assert own.tell({"outcomes": events}).status == 200
    wait_for(lambda: valued(own) == PEOPLE, "values")
    found = data(own)
    assert sum(shadow.agreement.n for shadow in found.shadow.values()) == PEOPLE
    assert found.arms.keys() == {"champion", "challenger"}
    assert kept(found, lambda arm: sum(n for number, n in arm.covariate_units.items() if number >= 0)) == PEOPLE
    # The shadow is the challenger's own model: on the challenger's people both say and earn the same.
    shadow = found.shadow["challenger"]
    assert shadow.agreement.total == shadow.agreement.n
    assert shadow.reward.first.total == pytest.approx(shadow.reward.second.total)
    genders = [row["gender"] for row in own.rows(PEOPLE)]
    for gender in {g for g in genders if g is not None}:
        units = sum(
            arm.groups[f"gender={gender}"].units for arm in found.arms.values() if f"gender={gender}" in arm.groups
        )
        assert units == genders.count(gender)
    store = own.store
    inputs = store.inputs(TASK, since=0.0)
    store.close()
    assert 10 <= len(inputs) <= 20
    assert {frozenset(one.row) for one in inputs} == {frozenset(JobChange().schema.model_fields) - {"gender"}}


def test_what_goes_on_in_the_background_ends_with_the_server(own: Any) -> None:
    told = ask_everybody(own)
    own.processes["transformer"].terminate()
    assert own.processes["transformer"].wait(timeout=20) == 0
    store = own.store
    exposures = {one.prediction_id: one for one in store.predictions(TASK, limit=1_000)}
    store.close()
    assert exposures.keys() == {f"{one['prediction_id']}{end}" for one in told for end in ("", "~shadow")}
    shadow = exposures[f"{told[0]['prediction_id']}~shadow"]
    assert (shadow.assigned_to, shadow.served_by, shadow.model_version) == ("shadow", "shadow", "8")


def test_what_the_operator_previews_is_no_part_of_the_experiment(own: Any) -> None:
    (row,) = own.rows(1)
    people = [{**row, "unit_id": f"p{index}"} for index in range(6)]
    key = own.home / "preview.key"
    with Endpoint("127.0.0.1", own.ports["transformer"], TASK) as endpoint:
        for person in people:
            reply = endpoint.predict([person], header_for([person], key, TASK, "challenger"))
            check_obeyed(reply, "challenger")
            assert reply["predictions"][0]["served_by"] == "challenger"
        seen = endpoint.predict([people[0]])["predictions"][0]
    wait_for(lambda: data(own).arms, "exposed")
    (arm,) = data(own).arms.items()
    assert (arm[0], arm[1].assigned, arm[1].exposures) == (seen["assigned_to"], 1, 1)
    store = own.store
    previews = [one for one in store.predictions(TASK) if one.source == "preview"]
    store.close()
    assert len(previews) == len(people)


def test_a_dead_shadow_and_baseline_cost_nobody_anything(own: Any) -> None:
    own.kill("green")
    own.kill("baseline")
    told = ask_everybody(own)
    assert {one["served_by"] for one in told} == {"champion"}


def test_with_both_predictors_dead_the_baseline_answers_all_and_then_a_person(own: Any) -> None:
    own.kill("green")
    own.kill("blue")
    told = [one for _ in range(3) for one in ask_everybody(own)]
    assert {one["served_by"] for one in told} == {"baseline"}
    own.kill("baseline")
    told = ask_everybody(own)
    assert {(one["label"], one["served_by"]) for one in told} == {("Review_Required", "review")}
