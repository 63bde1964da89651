import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.tasks.groups import group_ids, leaked, split_groups

KEYS = st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=3).map(tuple), max_size=25)


def components(keys: list[tuple[str, ...]]) -> list[frozenset[int]]:
    """Connected components by widening each row's set until nothing is added: slow and obvious."""
    found = []
    for start in range(len(keys)):
        reached = {start}
        while True:
            held = {key for row in reached for key in keys[row]}
            wider = reached | {row for row, row_keys in enumerate(keys) if held & set(row_keys)}
            if wider == reached:
                break
            reached = wider
        found.append(frozenset(reached))
    return found


@given(KEYS)
def test_groups_are_the_connected_components(keys: list[tuple[str, ...]]) -> None:
    ids = group_ids(keys).tolist()
    groups = [frozenset(row for row, group in enumerate(ids) if group == own) for own in ids]
    assert groups == components(keys)


@given(KEYS)
def test_groups_are_numbered_by_first_appearance(keys: list[tuple[str, ...]]) -> None:
    ids = group_ids(keys).tolist()
    assert list(dict.fromkeys(ids)) == list(range(len(set(ids))))


def test_rows_are_joined_through_other_rows() -> None:
    assert group_ids([("a",), ("b",), ("c",), ("a", "b"), ()]).tolist() == [0, 0, 1, 0, 2]


def test_a_long_chain_is_one_group() -> None:
    chain = [(str(link), str(link + 1)) for link in range(5000)]
    assert set(group_ids(chain[::-1]).tolist()) == {0}


@given(KEYS, st.integers(0, 99))
def test_parts_hold_every_row_once_and_no_group_straddles(keys: list[tuple[str, ...]], seed: int) -> None:
    parts = split_groups(group_ids(keys), [0.5, 0.3, 0.2], seed)
    assert sorted(row for part in parts for row in part.tolist()) == list(range(len(keys)))
    sides = [{key for row in part for key in keys[row]} for part in parts]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_shares_are_met_to_the_row_when_groups_are_single_rows() -> None:
    sizes = [len(part) for part in split_groups(np.arange(1000), [0.6, 0.25, 0.15], seed=1)]
    assert sizes == pytest.approx([600, 250, 150], abs=2)


def test_large_groups_do_not_spoil_the_shares() -> None:
    ids = np.concatenate([np.repeat(np.arange(5), 40), np.arange(5, 805)])
    sizes = [len(part) for part in split_groups(ids, [0.7, 0.3], seed=2)]
    assert sizes == pytest.approx([700, 300], abs=2)


def test_every_part_holds_its_share_of_each_class() -> None:
    labels = ["rare"] * 30 + ["common"] * 970
    for part, share in zip(split_groups(np.arange(1000), [0.8, 0.2], 3, labels), (0.8, 0.2), strict=True):
        assert sum(labels[row] == "rare" for row in part) == pytest.approx(30 * share, abs=1)


def test_the_seed_decides_the_split() -> None:
    first, again, other = (split_groups(np.arange(200), [0.5, 0.5], seed)[0].tolist() for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_rows_are_dealt_at_random_within_a_part() -> None:
    first_half = split_groups(np.arange(2000), [0.5, 0.5], seed=4)[0]
    assert (first_half < 1000).sum() == pytest.approx(500, abs=70)


@pytest.mark.parametrize("shares", [[], [0.5, 0.6], [1.2, -0.2], [1.0, 0.0]])
def test_shares_must_be_positive_and_sum_to_one(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        split_groups(np.arange(4), shares, seed=0)


def test_labels_must_be_one_a_row() -> None:
    with pytest.raises(ValueError, match="1 labels for 4 rows"):
        split_groups(np.arange(4), [0.5, 0.5], 0, ["a"])


def test_leaked_names_the_keys_on_both_sides() -> None:
    assert leaked([("id:1", "row:x"), ("id:2", "row:y")], [("id:3", "row:y")]) == {"row:y"}
    assert leaked([("id:1",)], [("id:2",)]) == set()
