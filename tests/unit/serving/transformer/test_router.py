from __future__ import annotations

from dataclasses import replace

import pytest

from contender.errors import NotFound
from contender.experiment.assignment import NOBODY, assign
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import FallbackPolicy
from serving.transformer.router import route, split

CHAMPION, CHALLENGER = Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0)
ROUTING = Routing("t", 1, ExperimentRef("e", "e"), (CHAMPION, CHALLENGER), None, FallbackPolicy())


def test_every_row_is_in_exactly_one_group_in_order() -> None:
    units = [None, *(f"u{index}" for index in range(50)), None]
    groups = split(ROUTING, units)
    assert {(arm, counted) for arm, counted in groups} == {("champion", True), ("challenger", True), NOBODY}
    assert groups[NOBODY] == [0, 51]
    assert sorted(index for group in groups.values() for index in group) == list(range(52))
    for arm, group in groups.items():
        assert group == sorted(group)
        assert {assign(ROUTING, units[index]) for index in group} == {arm}


def test_who_is_not_covered_is_the_champions_and_a_group_of_its_own() -> None:
    experiment = ExperimentRef("e", "e", coverage=0.5)
    arms = (replace(CHAMPION, covered=0.25), replace(CHALLENGER, covered=0.75))
    groups = split(replace(ROUTING, experiment=experiment, arms=arms), [f"u{index}" for index in range(200)])
    assert {tuple(key) for key in groups} == {("champion", True), ("challenger", True), ("champion", False)}


def test_one_row_is_one_group() -> None:
    assert split(ROUTING, [None]) == {NOBODY: [0]}
    assert list(split(ROUTING, ["u1"]).values()) == [[0]]


def test_arms_are_routed_to_themselves_and_the_unassigned_to_the_champion() -> None:
    assert route(ROUTING, "challenger") is CHALLENGER
    assert route(ROUTING, "champion") is CHAMPION
    assert route(ROUTING, "unassigned") is CHAMPION


def test_an_arm_that_is_not_there_is_not_guessed() -> None:
    with pytest.raises(NotFound, match="no arm 'other'"):
        route(ROUTING, "other")
