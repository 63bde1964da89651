"""The routing document: it survives its JSON, and every broken one is refused with the field named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.errors import InvalidRouting
from contender.routing import MAX_BYTES, Arm, ExperimentRef, Routing, covered, parse
from contender.units import UnitForm
from contender.values import FallbackPolicy

texts = st.text(min_size=1, max_size=12)
edges = st.lists(st.floats(0.0, 1.0), min_size=0, max_size=3).map(lambda found: [0.0, *sorted(found), 1.0])


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    bounds = draw(edges)
    names = ["champion", *draw(st.lists(texts.filter(lambda name: name != "champion"), min_size=4, unique=True))]
    slots = st.sampled_from(["blue", "green"])
    experiment = draw(st.none() | st.builds(ExperimentRef, texts, texts, st.none() | st.floats(0.0, 1.0)))
    coverage = experiment.coverage if experiment else None
    arms = tuple(
        Arm(name, draw(slots), draw(texts), low, high, 1.0 if coverage is None else covered(low, high, coverage))
        for name, low, high in zip(names, bounds, bounds[1:], strict=False)
    )
    shadow = draw(st.none() | st.builds(Arm, texts, slots, texts, st.just(0.0), st.just(1.0)))
    policy = st.builds(FallbackPolicy, st.integers(1, 10_000), st.floats(0.0, 1.0), texts)
    return Routing(
        draw(texts), draw(st.integers(0, 2**60)), experiment, arms, shadow, draw(policy), draw(st.booleans())
    )


@settings(deadline=None)
@given(routings())
def test_a_document_survives_its_json(routing: Routing) -> None:
    assert parse(routing.to_json()) == routing
    assert parse(routing.to_json().encode()) == routing


def document() -> dict[str, Any]:
    return {
        "task": "job-change",
        "generation": 12,
        "experiment": {"id": "e", "salt": "s"},
        "arms": [
            {"name": "champion", "slot": "blue", "version": "7", "range": [0.0, 0.5]},
            {"name": "challenger", "slot": "green", "version": "8", "range": [0.5, 1.0]},
        ],
        "shadow": None,
        "fallback": {"deadline_ms": 150, "min_confidence": 0.6, "label": "Review_Required"},
    }


def test_the_documented_example_is_read() -> None:
    routing = parse(json.dumps(document()))
    assert routing.arm("challenger") == Arm("challenger", "green", "8", 0.5, 1.0)
    assert routing.arm("nobody") is None
    assert [arm.share for arm in routing.arms] == [0.5, 0.5]
    assert routing.experiment == ExperimentRef("e", "s")


def test_documents_without_experiment_and_shadow_may_leave_them_out() -> None:
    short = {name: value for name, value in document().items() if name not in {"experiment", "shadow"}}
    assert parse(json.dumps(short)).experiment is None


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(found: Any) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


BROKEN = [
    (put("task", value=""), "routing.task"),
    (put("task", value=7), "routing.task"),
    (put("generation", value="12"), "routing.generation"),
    (put("generation", value=True), "routing.generation"),
    (put("generation", value=1.5), "routing.generation"),
    (put("generation", value=-1), "routing.generation"),
    (put("experiment", value="e"), "routing.experiment"),
    (put("experiment", value=[]), "routing.experiment"),
    (put("experiment", "id", value=None), "routing.experiment.id"),
    (put("experiment", "salt", value=""), "routing.experiment.salt"),
    (put("arms", value={}), "routing.arms"),
    (put("arms", value=[]), "routing.arms"),
    (put("arms", 0, value=3), "routing.arms[0]"),
    (put("arms", 0, "name", value="challenger"), "routing.arms"),
    (put("arms", 1, "name", value="champion"), "routing.arms"),
    (put("arms", 1, "name", value=""), "routing.arms[1].name"),
    (put("arms", 1, "slot", value="red"), "routing.arms[1].slot"),
    (put("arms", 1, "version", value=8), "routing.arms[1].version"),
    (put("arms", 1, "range", value=None), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5, "1"]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[True, 1.0]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[1.0, 0.5]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5, 1.5]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5, float("nan")]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5, float("inf")]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.5, 10**400]), "routing.arms[1].range"),
    (put("arms", 1, "range", value=[0.6, 1.0]), "routing.arms"),
    (put("arms", 1, "range", value=[0.4, 1.0]), "routing.arms"),
    (put("arms", 1, "range", value=[0.5, 0.9]), "routing.arms"),
    (put("arms", 0, "range", value=[0.1, 0.5]), "routing.arms"),
    (put("shadow", value=1), "routing.shadow"),
    (put("shadow", value={"name": "shadow", "slot": "red"}), "routing.shadow.slot"),
    (put("fallback", value=None), "routing.fallback"),
    (put("fallback", "deadline_ms", value=0), "routing.fallback.deadline_ms"),
    (put("fallback", "deadline_ms", value=1.5), "routing.fallback.deadline_ms"),
    (put("fallback", "min_confidence", value=1.1), "routing.fallback.min_confidence"),
    (put("fallback", "min_confidence", value="high"), "routing.fallback.min_confidence"),
    (put("fallback", "label", value=""), "routing.fallback.label"),
]


@pytest.mark.parametrize(("change", "field"), BROKEN)
def test_a_broken_document_is_refused_and_the_field_named(change: Callable[[dict[str, Any]], None], field: str) -> None:
    broken = document()
    change(broken)
    with pytest.raises(InvalidRouting) as refusal:
        parse(json.dumps(broken))
    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")


@pytest.mark.parametrize("name", ["task", "generation", "arms", "fallback"])
def test_a_missing_field_is_named(name: str) -> None:
    broken = {key: value for key, value in document().items() if key != name}
    with pytest.raises(InvalidRouting) as refusal:
        parse(json.dumps(broken))
    assert refusal.value.field == f"routing.{name}"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"12", b"\xff\xfe", "[" * 50_000, b" " * (MAX_BYTES + 1)],
    ids=["empty", "torn", "null", "list", "number", "not text", "deep", "large"],
)
def test_what_is_not_a_document_is_refused(content: bytes | str) -> None:
    with pytest.raises(InvalidRouting) as refusal:
        parse(content)
    assert refusal.value.field == "routing"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_the_reader_fail_otherwise(content: bytes) -> None:
    with pytest.raises(InvalidRouting):
        parse(content)


@settings(deadline=None)
@given(st.integers(0, 400))
def test_every_torn_prefix_is_refused(length: int) -> None:
    whole = json.dumps(document())
    with pytest.raises(InvalidRouting):
        parse(whole[: min(length, len(whole) - 1)])


def test_what_is_not_suspended_says_nothing_of_it() -> None:
    """Documents keep the bytes they had before there was a kill switch."""
    arms = (Arm("champion", "blue", "7", 0.0, 1.0),)
    assert "suspended" not in Routing("t", 1, None, arms, None, FallbackPolicy()).to_json()
    assert '"suspended": true' in Routing("t", 1, None, arms, None, FallbackPolicy(), suspended=True).to_json()


@pytest.mark.parametrize("value", [None, 1, "true", []])
def test_a_switch_that_is_neither_on_nor_off_is_refused(value: object) -> None:
    arms = (Arm("champion", "blue", "7", 0.0, 1.0),)
    document = json.loads(Routing("t", 1, None, arms, None, FallbackPolicy()).to_json()) | {"suspended": value}
    with pytest.raises(InvalidRouting, match="suspended"):
        parse(json.dumps(document))


def covering(**changes: object) -> dict[str, Any]:
    """A document of format 2: a fifth of each range takes part."""
    experiment = {"id": "e", "salt": "s", "coverage": 0.2}
    reserved = {"suspended": False, "task_digest": None, "signature": None}
    return {"format": 2, **document(), "experiment": experiment, **reserved, **changes}


def test_format_2_says_which_part_of_each_range_takes_part() -> None:
    routing = parse(json.dumps(covering()))
    assert routing.experiment == ExperimentRef("e", "s", 0.2)
    assert [(arm.low, arm.covered, arm.high) for arm in routing.arms] == [(0.0, 0.1, 0.5), (0.5, 0.6, 1.0)]
    assert json.loads(routing.to_json()) == covering()


def test_an_experiment_says_how_its_units_are_spelt() -> None:
    form = {"id": "e", "salt": "s", "coverage": 0.2, "unit_form": 2}
    routing = parse(json.dumps(covering(experiment=form)))
    assert routing.experiment == ExperimentRef("e", "s", 0.2, UnitForm.NORMAL)
    assert json.loads(routing.to_json())["experiment"] == form
    began_before = parse(json.dumps(covering())).experiment
    assert began_before is not None
    assert began_before.unit_form is UnitForm.AS_SENT


@pytest.mark.parametrize("form", [3, 0, True, "2", None, [2]])
def test_a_form_of_ids_that_is_not_known_is_not_obeyed(form: object) -> None:
    experiment = {"id": "e", "salt": "s", "coverage": 0.2, "unit_form": form}
    with pytest.raises(InvalidRouting, match="unit_form"):
        parse(json.dumps(covering(experiment=experiment)))


def test_what_is_reserved_is_kept() -> None:
    reserved = covering(task_digest="sha256:0", signature="ab")
    assert json.loads(parse(json.dumps(reserved)).to_json()) == reserved


def test_a_document_of_the_first_format_counts_everybody_and_keeps_its_bytes() -> None:
    old = document()
    routing = parse(json.dumps(old))
    assert routing.experiment == ExperimentRef("e", "s", None)
    assert [arm.covered for arm in routing.arms] == [1.0, 1.0]
    assert routing.to_json() == json.dumps(old)
    assert parse(json.dumps({"format": 1, **old})) == routing


def test_without_an_experiment_the_first_format_is_written() -> None:
    written = parse(json.dumps(covering(experiment=None))).to_json()
    assert "format" not in json.loads(written)


@pytest.mark.parametrize("value", [None, 0, 3, "2", True, [], {}])
def test_a_format_that_is_not_known_is_refused(value: object) -> None:
    with pytest.raises(InvalidRouting, match="1 or 2") as refusal:
        parse(json.dumps(covering(format=value)))
    assert refusal.value.field == "routing.format"


@pytest.mark.parametrize("value", [None, -0.1, 1.1, "all", True, float("nan")])
def test_a_coverage_that_is_no_part_of_everybody_is_refused(value: object) -> None:
    with pytest.raises(InvalidRouting) as refusal:
        parse(json.dumps(covering(experiment={"id": "e", "salt": "s", "coverage": value})))
    assert refusal.value.field == "routing.experiment.coverage"


@pytest.mark.parametrize("field", ["task_digest", "signature"])
@pytest.mark.parametrize("value", [7, ""])
def test_what_is_reserved_is_a_text(field: str, value: object) -> None:
    with pytest.raises(InvalidRouting) as refusal:
        parse(json.dumps(covering(**{field: value})))
    assert refusal.value.field == f"routing.{field}"


def test_whoever_is_not_covered_is_given_to_the_champion() -> None:
    assert parse(json.dumps(covering())).shares_now() == {"champion": 0.9, "challenger": 0.1}
    assert parse(json.dumps(document())).shares_now() == {"champion": 0.5, "challenger": 0.5}


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_growing_coverage_never_lets_go_of_a_bucket(one: int, other: int, first: float, second: float) -> None:
    low, high = sorted((one / 10_000, other / 10_000))
    less, more = sorted((first, second))
    assert low <= covered(low, high, less) <= covered(low, high, more) <= high
    assert covered(low, high, 1.0) == high


def test_an_arm_may_say_how_far_it_is_covered() -> None:
    """As beside a holdout, with whom only a part of the champion's people are compared."""
    whole = covering(experiment={"id": "e", "salt": "s", "coverage": 1.0})
    whole["arms"][0]["covered"] = 0.3
    routing = parse(json.dumps(whole))
    assert [arm.covered for arm in routing.arms] == [0.3, 1.0]
    assert json.loads(routing.to_json()) == whole
    assert routing.shares_now() == {"champion": 0.5, "challenger": 0.5}


@pytest.mark.parametrize("value", [-0.1, 0.6, "all", True])
def test_an_arm_is_covered_within_its_range(value: object) -> None:
    broken = covering()
    broken["arms"][0]["covered"] = value
    with pytest.raises(InvalidRouting) as refusal:
        parse(json.dumps(broken))
    assert refusal.value.field == "routing.arms[0].covered"


def test_ranges_may_stand_in_any_order_behind_the_champion() -> None:
    turned = covering()
    first, second = (dict(arm) for arm in turned["arms"])
    first["range"], second["range"] = [0.1, 1.0], [0.0, 0.1]
    assert parse(json.dumps(turned | {"arms": [first, second]})).arms[0].name == "champion"
    second["range"] = [0.0, 0.05]
    with pytest.raises(InvalidRouting, match="tile"):
        parse(json.dumps(turned | {"arms": [first, second]}))
