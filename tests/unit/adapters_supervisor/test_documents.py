"""The documents that supervisor and clients exchange."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.supervisor.documents import (
    PLACES,
    Desired,
    Observed,
    ProcessState,
    Refusal,
    Wanted,
    desired_bytes,
    observed_bytes,
    parse_desired,
    parse_observed,
)
from contender.errors import InvalidInput

TEXT = st.text('7a/ü"\\\n', max_size=8)
WANTED = st.builds(Wanted, TEXT, TEXT, TEXT, st.integers(0))
DESIRED = st.builds(Desired, st.integers(0), st.dictionaries(st.sampled_from(PLACES), st.none() | WANTED))


@given(DESIRED)
def test_desired_comes_back_as_it_was_written(desired: Desired) -> None:
    assert parse_desired(desired_bytes(desired)) == desired


def test_observed_comes_back_as_it_was_written() -> None:
    blue = ProcessState("blue", "predictor", "blue", 7, 9001, True, 2, "7", "aa", 1.5, "exit 1", "why")
    refused = {"green": Refusal("8", "bb", 3, "start", "exit 3")}
    observed = Observed("job-change", 6, 1.25, 3, {"blue": 9001}, (blue,), refused)
    assert parse_observed(observed_bytes(observed)) == observed
    assert observed.process("blue") == blue
    assert observed.process("green") is None


def test_asking_for_a_slot_changes_that_slot_and_the_generation_alone() -> None:
    first = Desired().with_slot("blue", Wanted("7", "a", "d"))
    second = first.with_slot("green", Wanted("8", "b", "e"))
    assert second.generation == 2
    assert second.slots["blue"] == Wanted("7", "a", "d", 1)
    assert second.slots["green"] == Wanted("8", "b", "e", 2)
    assert second.with_slot("blue", None).slots["blue"] is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"generation": "many", "slots": {}}', "generation"),
        (b'{"generation": 1, "slots": {"blue": 3}}', r"slots\.blue"),
        (b'{"generation": 1, "slots": {"purple": null}}', "unknown place 'purple'"),
    ],
)
def test_a_broken_wish_is_refused_naming_the_field(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse_desired(content)


def test_a_broken_report_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"observed.*task"):
        parse_observed(b"{}")
