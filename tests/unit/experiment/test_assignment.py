"""The same person always in the same arm: GrowthBook's published cases, our rule for other ids, and ramps."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.experiment.assignment import (
    assign,
    bucket,
    bucket_ranges,
    choose,
    covered_shares,
    final_ranges,
    hash_unit,
    split,
    split_among,
)
from contender.routing import BUCKETS, KNOWN_SLOTS, Arm, ExperimentRef, Routing, challenger_name, covered
from contender.values import CHALLENGER, CHAMPION, UNASSIGNED, FallbackPolicy

# growthbook/growthbook, packages/sdk-js/test/cases.json (MIT), block "hash": seed, value, version, expected.
HASHES = [
    ("", "a", 1, 0.22),
    ("", "b", 1, 0.077),
    ("b", "a", 1, 0.946),
    ("ef", "d", 1, 0.652),
    ("asdf", "8952klfjas09ujk", 1, 0.549),
    ("", "123", 1, 0.011),
    ("", '___)((*":&', 1, 0.563),
    ("seed", "a", 2, 0.0505),
    ("seed", "b", 2, 0.2696),
    ("foo", "ab", 2, 0.2575),
    ("foo", "def", 2, 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 2, 0.124),
    ("90850943850283058242805", "123", 2, 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 2, 0.0128),
    ("abc", "def", 99, None),
]

# Same file, block "getBucketRange": count, coverage, weights, expected.
RANGES = [
    (2, 1.0, None, [(0, 0.5), (0.5, 1)]),
    (2, 0.5, None, [(0, 0.25), (0.5, 0.75)]),
    (2, 0.0, None, [(0, 0), (0.5, 0.5)]),
    (4, 1.0, None, [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]),
    (2, 1.0, [0.4, 0.6], [(0, 0.4), (0.4, 1)]),
    (3, 0.2, [0.2, 0.3, 0.5], [(0, 0.04), (0.2, 0.26), (0.5, 0.6)]),
    (2, -0.2, None, [(0, 0), (0.5, 0.5)]),
    (2, 1.5, None, [(0, 0.5), (0.5, 1)]),
    (2, 1.0, [0.4, 0.1], [(0, 0.5), (0.5, 1)]),
    (2, 1.0, [0.7, 0.6], [(0, 0.5), (0.5, 1)]),
    (4, 1.0, [0.4, 0.4, 0.2], [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]),
    (2, 1.0, [0.4, 0.5999], [(0, 0.4), (0.4, 0.9999)]),
]

# Same file, block "chooseVariation": point, ranges, expected.
CHOICES = [
    (0.2, [(0, 0.5), (0.5, 1)], 0),
    (0.6, [(0, 0.5), (0.5, 1)], 1),
    (0.0, [(0, 0.5), (0.5, 1)], 0),
    (0.5, [(0, 0.5), (0.5, 1)], 1),
    (0.4, [(0, 0.25), (0.5, 0.75)], -1),
    (0.8, [(0, 0.25), (0.5, 0.75)], -1),
    (0.25, [(0, 0.25), (0.5, 0.75)], -1),
    (0.5, [(0, 0.5), (0.5, 0.5), (0.5, 1)], 2),
]

# Our own rule for ids that GrowthBook's cases do not reach: computed once with this code, kept for good.
OTHERS = [
    ("job-change-7-vs-8", "José", 0.9864),
    ("job-change-7-vs-8", "李小龍", 0.5226),
    ("job-change-7-vs-8", "👩‍💼", 0.1474),
    ("job-change-7-vs-8", "\ud800", 0.2823),
    ("job-change-7-vs-8", " 42 ", 0.4606),
    ("job-change-7-vs-8", "42", 0.1752),
]


def routing(share: float = 0.5, salt: str | None = "salt") -> Routing:
    champion, challenger = split(share)
    arms = (Arm(CHAMPION, "blue", "7", *champion), Arm(CHALLENGER, "green", "8", *challenger))
    experiment = ExperimentRef("7-vs-8", salt) if salt is not None else None
    return Routing("job-change", 1, experiment, arms, None, FallbackPolicy())


@pytest.mark.parametrize(("seed", "unit_id", "version", "expected"), HASHES)
def test_hash_is_growthbooks(seed: str, unit_id: str, version: int, expected: float | None) -> None:
    assert hash_unit(seed, unit_id, version) == expected


@pytest.mark.parametrize(("count", "coverage", "weights", "expected"), RANGES)
def test_ranges_are_growthbooks(count: int, coverage: float, weights: list[float] | None, expected: object) -> None:
    found = bucket_ranges(count, coverage, weights)
    assert [edge for pair in found for edge in pair] == pytest.approx([edge for pair in expected for edge in pair])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("point", "ranges", "expected"), CHOICES)
def test_choice_is_growthbooks(point: float, ranges: list[tuple[float, float]], expected: int) -> None:
    assert choose(point, ranges) == expected


@pytest.mark.parametrize(("salt", "unit_id", "expected"), OTHERS)
def test_other_ids_never_change_their_bucket(salt: str, unit_id: str, expected: float) -> None:
    assert bucket(salt, unit_id) == expected


def test_an_id_is_the_same_however_its_accents_are_typed() -> None:
    assert bucket("salt", "Jose\u0301") == bucket("salt", "Jos\u00e9")


def test_blanks_and_case_are_part_of_an_id() -> None:
    assert len({bucket("salt", unit_id) for unit_id in ("abc", "ABC", " abc")}) == 3


@given(st.text(), st.text())
def test_every_id_has_a_bucket(salt: str, unit_id: str) -> None:
    point = bucket(salt, unit_id)
    assert 0.0 <= point < 1.0
    assert point == round(point * BUCKETS) / BUCKETS


@pytest.mark.parametrize("unit_id", [None, ""])
def test_without_an_id_nobody_is_assigned(unit_id: str | None) -> None:
    assert assign(routing(), unit_id) == (UNASSIGNED, False)


def test_without_an_experiment_everybody_is_the_champions() -> None:
    assert {assign(routing(share=1.0, salt=None), str(number)) for number in range(50)} == {(CHAMPION, False)}


def test_a_unit_on_the_edge_belongs_to_the_upper_arm() -> None:
    assert bucket("seed", "a") == 0.0505
    assert assign(routing(share=0.9495, salt="seed"), "a") == (CHALLENGER, True)
    assert assign(routing(share=0.9494, salt="seed"), "a") == (CHAMPION, True)


def test_arms_get_their_shares() -> None:
    document = routing(share=0.1)
    count = sum(assign(document, f"unit-{number}").arm == CHALLENGER for number in range(20_000))
    assert count == pytest.approx(2_000, abs=150)


def test_salts_shuffle_anew() -> None:
    units = [f"unit-{number}" for number in range(2_000)]
    both = sum(assign(routing(), u) == assign(routing(salt="other"), u) for u in units)
    assert both == pytest.approx(1_000, abs=100)


def test_a_range_that_leaves_a_gap_falls_to_the_champion() -> None:
    gap = Routing("t", 1, ExperimentRef("e", "s"), (Arm(CHALLENGER, "green", "8", 0.0, 0.0),), None, FallbackPolicy())
    assert assign(gap, "unit") == (CHAMPION, False)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.text(min_size=1))
def test_growing_a_share_moves_nobody_back(one: float, other: float, unit_id: str) -> None:
    smaller, larger = sorted((one, other))
    before, after = (assign(routing(share), unit_id).arm for share in (smaller, larger))
    assert (before, after) != (CHALLENGER, CHAMPION)


@given(st.floats(0.0, 1.0))
def test_a_split_tiles_and_keeps_its_share(share: float) -> None:
    champion, challenger = split(share)
    assert champion[0] == 0.0
    assert champion[1] == challenger[0]
    assert challenger[1] == 1.0
    assert challenger[1] - challenger[0] == pytest.approx(share, abs=0.5 / BUCKETS + 1e-9)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_the_unit_interval_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput, match="challenger_share"):
        split(share)


@pytest.mark.parametrize(("share", "count"), [(0.5, 1), (0.5, 3), (0.3333, 4), (1.0, 2), (0.0, 2)])
def test_several_challengers_tile_what_is_theirs(share: float, count: int) -> None:
    ranges = list(split_among(share, [f"c{number}" for number in range(count)]).values())
    assert (ranges[0][0], ranges[-1][1]) == (0.0, 1.0)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(ranges))
    widths = [high - low for low, high in ranges[1:]]
    assert max(widths) - min(widths) < 1.5 / BUCKETS
    assert sum(widths) == pytest.approx(share)


def test_one_challenger_alone_is_split_as_ever() -> None:
    assert tuple(split_among(0.1, ["challenger"]).values()) == split(0.1)
    with pytest.raises(InvalidInput, match="names"):
        split_among(0.1, [])


def stepped(shares: list[float], step: int, challengers: int) -> Routing:
    """The routing at that step of a ramp, as the release writes it."""
    names = [challenger_name(number) for number in range(challengers)]
    coverage = shares[step] / shares[-1]
    arms = tuple(
        Arm(name, slot, "1", low, high, covered(low, high, coverage))
        for (name, (low, high)), slot in zip(final_ranges(shares[-1], names).items(), KNOWN_SLOTS, strict=False)
    )
    return Routing("t", step, ExperimentRef("e", "salt", coverage), arms, None, FallbackPolicy())


RAMPS = st.lists(st.integers(1, 9_999), min_size=1, max_size=4, unique=True).map(
    lambda shares: [share / BUCKETS for share in sorted(shares)]
)


@given(RAMPS, st.integers(1, 3), st.lists(st.text(min_size=1), min_size=1, max_size=30))
def test_no_unit_ever_moves_between_compared_arms(shares: list[float], challengers: int, units: list[str]) -> None:
    seen: dict[str, str] = {}
    for step in range(len(shares)):
        for unit in units:
            arm, counted = assign(stepped(shares, step, challengers), unit)
            assert counted or (arm == CHAMPION and unit not in seen)
            if counted:
                assert seen.setdefault(unit, arm) == arm


@given(RAMPS, st.integers(1, 3))
def test_proportions_are_the_same_in_every_phase_but_for_a_bucket(shares: list[float], challengers: int) -> None:
    ranges = final_ranges(shares[-1], [challenger_name(number) for number in range(challengers)])
    for share in shares:
        parts = covered_shares(ranges, share / shares[-1])
        total = sum(round((covered(*one, share / shares[-1]) - one[0]) * BUCKETS) for one in ranges.values())
        assert sum(parts.values()) == pytest.approx(1.0 if total else 0.0)
        for name, (low, high) in ranges.items():
            assert parts[name] * total == pytest.approx((high - low) * BUCKETS * share / shares[-1], abs=0.5 + 1e-6)


def test_the_share_of_a_ramp_is_that_of_all_people() -> None:
    count = sum(assign(stepped([0.1, 0.5], 0, 1), f"unit-{number}") == (CHALLENGER, True) for number in range(20_000))
    assert count == pytest.approx(2_000, abs=150)
    assert covered_shares(final_ranges(0.5, [CHALLENGER]), 0.2) == {CHAMPION: 0.5, CHALLENGER: 0.5}
    assert covered_shares(final_ranges(0.1, [CHALLENGER]), 0.1) == {CHAMPION: 0.9, CHALLENGER: 0.1}


def test_a_coverage_of_nothing_has_no_shares() -> None:
    assert covered_shares(final_ranges(0.5, [CHALLENGER]), 0.0) == {CHAMPION: 0.0, CHALLENGER: 0.0}
