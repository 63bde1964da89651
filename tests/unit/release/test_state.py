"""The release state: its routing document, its JSON, its ramp."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.experiment.assignment import assign
from contender.release.state import Action, Change, Holdout, Phase, Placed, Ramp, ReleaseState
from contender.routing import BUCKETS, KNOWN_SLOTS, Routing, parse
from contender.units import UnitForm
from contender.values import CHAMPION, FallbackPolicy, ModelVersion

texts = st.text("abcXYZ-0123", min_size=1, max_size=8)
models = st.builds(ModelVersion, texts, texts, texts, texts, texts)
places = st.none() | st.builds(Placed, st.sampled_from(["blue", "green"]), models)
shares = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4, unique=True).map(lambda found: tuple(sorted(found)))
ramps = st.none() | shares.flatmap(
    lambda found: st.builds(
        Ramp, texts, texts, st.just(found), st.integers(0, len(found) - 1), st.just(False), st.booleans()
    )
)
resting = st.builds(
    ReleaseState,
    texts,
    st.sampled_from(Phase),
    st.integers(0, 99),
    st.integers(0, 99),
    places,
    places,
    places,
    ramps,
    st.lists(models, max_size=2).map(tuple),
    st.booleans(),
)
changes = st.builds(
    Change,
    st.integers(1, 99),
    texts,
    texts,
    st.floats(0, 1e10),
    st.dictionaries(texts, texts | st.none()),
    st.lists(st.sampled_from(Action), min_size=1).map(tuple),
    st.none() | resting,
)
quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
states = st.builds(replace, resting, change=st.none() | changes)


@quick
@given(states)
def test_a_state_survives_its_json(state: ReleaseState) -> None:
    assert ReleaseState.from_document(json.loads(json.dumps(state.to_document()))) == state


@quick
@given(states)
def test_every_state_asks_for_a_document_that_can_be_obeyed(state: ReleaseState) -> None:
    routing = state.routing(FallbackPolicy())
    assert (routing is None) == (state.champion is None)
    assert routing is None or parse(routing.to_json()) == routing


def test_a_state_saved_before_there_was_a_kill_switch_is_not_suspended() -> None:
    document = ReleaseState("t", suspended=True).to_document()
    del document["suspended"]
    assert not ReleaseState.from_document(document).suspended


def test_the_challenger_owns_the_top() -> None:
    champion, challenger = (Placed(slot, ModelVersion("t", slot, "1", "a", "d")) for slot in ("blue", "green"))
    state = ReleaseState("t", champion=champion, challenger=challenger, ramp=Ramp("e", "s", (0.25,)))
    routing = state.routing(FallbackPolicy())
    assert routing
    assert [(arm.name, arm.low, arm.high) for arm in routing.arms] == [
        ("champion", 0.0, 0.75),
        ("challenger", 0.75, 1.0),
    ]


@pytest.mark.parametrize("found", [(), (0.0,), (1.0,), (0.5, 0.5), (0.5, 0.1), (-0.1,), (float("nan"),)])
def test_shares_that_do_not_grow_inside_the_interval_are_refused(found: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Ramp("e", "s", found)
    assert refusal.value.field == "shares"


@pytest.mark.parametrize("step", [-1, 2])
def test_a_step_outside_the_ramp_is_refused(step: int) -> None:
    with pytest.raises(InvalidInput, match="step"):
        Ramp("e", "s", (0.1, 0.2), step)


def test_metrics_and_tags_are_the_registrys_and_not_kept() -> None:
    model = ModelVersion("t", "7", "1.0.0", "/a", "d", {"auc": 0.8}, {"git": "x"})
    read = ReleaseState.from_document(ReleaseState("t", champion=Placed("blue", model)).to_document())
    assert read.champion == Placed("blue", replace(model, metrics={}, tags={}))


@pytest.mark.parametrize(
    "damage", [{"phase": "asleep"}, {"revision": None}, {"champion": {"slot": "blue"}}, {"change": 3}, {"ramp": [1]}]
)
def test_a_damaged_document_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="saved state cannot be read"):
        ReleaseState.from_document(ReleaseState("t").to_document() | damage)


def experiment(ramp: Ramp, challengers: int = 1) -> Routing:
    """The routing of that ramp as its readers see it."""
    blue, *rest = (Placed(slot, ModelVersion("t", slot, "1", "a", "d")) for slot in KNOWN_SLOTS)
    first, *rivals = rest[:challengers]
    state = ReleaseState("t", champion=blue, challenger=first, rivals=tuple(rivals), ramp=ramp)
    routing = state.routing(FallbackPolicy())
    assert routing
    return parse(routing.to_json())


buckets = st.lists(st.integers(1, BUCKETS - 1), min_size=1, max_size=4, unique=True)
visits = st.lists(st.tuples(st.integers(0, 3), st.text(min_size=1, max_size=4)), max_size=40)


@quick
@given(buckets, st.integers(1, 3), visits)
def test_whoever_comes_back_at_whichever_step_is_counted_in_one_arm(
    edges: list[int], challengers: int, comings: list[tuple[int, str]]
) -> None:
    """Steps only go forward; the people come in any order, any number of times."""
    shares = tuple(edge / BUCKETS for edge in sorted(edges))
    routings = [experiment(Ramp("e", "s", shares, step, fixed=True), challengers) for step in range(len(shares))]
    arm_of: dict[str, str] = {}
    for step, unit in sorted((min(step, len(shares) - 1), unit) for step, unit in comings):
        arm, counted = assign(routings[step], unit)
        assert counted or (arm == CHAMPION and unit not in arm_of)
        if counted:
            assert arm_of.setdefault(unit, arm) == arm


@quick
@given(buckets)
def test_the_challenger_has_the_share_of_all_people_that_the_step_names(edges: list[int]) -> None:
    shares = tuple(edge / BUCKETS for edge in sorted(edges))
    for step, share in enumerate(shares):
        _, challenger = experiment(Ramp("e", "s", shares, step, fixed=True)).arms
        assert round((challenger.covered - challenger.low) * BUCKETS) == round(share * BUCKETS)


def test_an_experiment_of_an_older_version_goes_on_growing_from_the_top() -> None:
    ramp = Ramp("e", "s", (0.1, 0.5), 0)
    state = ReleaseState("t", ramp=ramp)
    document = state.to_document()
    del document["ramp"]["fixed"]
    assert ReleaseState.from_document(document) == state
    for step, low in enumerate((0.9, 0.5)):
        routing = experiment(replace(ramp, step=step))
        assert [(arm.low, arm.high) for arm in routing.arms] == [(0.0, low), (low, 1.0)]
        assert routing.experiment
        assert routing.experiment.coverage is None
        assert "format" not in json.loads(routing.to_json())
        assert all(assign(routing, f"u{number}").counted for number in range(50))


def test_an_experiment_of_an_older_version_keeps_the_ids_of_its_units_as_they_were_sent() -> None:
    ramp, held = Ramp("e", "s", (0.5,), unit_form=UnitForm.NORMAL), Holdout("h", "s", 0.25, 0.5, UnitForm.NORMAL)
    document = ReleaseState("t", ramp=ramp, holdout=held).to_document()
    assert ReleaseState.from_document(json.loads(json.dumps(document))).ramp == ramp
    for name in ("ramp", "holdout"):
        del document[name]["unit_form"]
    before = ReleaseState.from_document(document)
    assert before.ramp == replace(ramp, unit_form=UnitForm.AS_SENT)
    assert before.holdout == replace(held, unit_form=UnitForm.AS_SENT)


def test_several_challengers_of_an_older_version_keep_their_ranges() -> None:
    ranges = [(arm.low, arm.high) for arm in experiment(Ramp("e", "s", (0.5,)), 2).arms]
    assert ranges == [(0.0, 0.5), (0.5, 0.75), (0.75, 1.0)]
