import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from contender.tasks.job_role.evidence import SPELLING_TRUST, Smoothing, likeness, rates

NOTHING_ALIKE = sparse.csr_matrix((40, 40), dtype=np.float32)
SMOOTHING = Smoothing()


def drawn(truth: NDArray[np.float64], candidates: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).poisson(truth * candidates[:, None]).astype(np.float64)


@pytest.fixture(scope="module")
def world() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Six roles and 40 skills. Roles 0 and 1 name the same ten; role 0 has many candidates, role 1 few."""
    truth = np.full((6, 40), 0.01)
    for role in range(6):
        start = 0 if role < 2 else 6 * role - 2
        truth[role, start : start + 10] = 0.3
    return truth, np.array([500.0, 12, 300, 300, 300, 300])


def error(estimate: NDArray[np.floating], truth: NDArray[np.float64]) -> float:
    return float(np.abs(np.log(np.maximum(estimate, 1e-3) / truth)).mean())


def test_a_small_role_borrows_from_the_role_it_resembles(world: tuple[NDArray[np.float64], ...]) -> None:
    truth, candidates = world
    counts = drawn(truth, candidates, seed=1)
    together = rates(counts, candidates, NOTHING_ALIKE, SMOOTHING)
    strangers = rates(counts[1:], candidates[1:], NOTHING_ALIKE, SMOOTHING)
    counted = counts[1] / candidates[1]
    assert error(together[1], truth[1]) < 0.75 * error(strangers[0], truth[1])
    assert error(strangers[0], truth[1]) < 0.5 * error(counted, truth[1])


def test_many_candidates_speak_for_themselves(world: tuple[NDArray[np.float64], ...]) -> None:
    truth, candidates = world
    counts = drawn(truth, candidates * 100, seed=2)
    estimate = rates(counts, candidates * 100, NOTHING_ALIKE, Smoothing(levels=60))
    assert estimate == pytest.approx(counts / (candidates[:, None] * 100), abs=0.04)


def test_a_skill_learns_from_those_spelt_alike() -> None:
    """Skills 0 to 4 share a word. Three people of role 0 name four of them; what of the fifth, not named so far?"""
    candidates = np.array([3.0, 60.0, 60.0])
    counts = np.zeros((3, 40))
    counts[0, :4] = 1
    counts[1, 10:30] = 15
    counts[:, 30:] = 8
    spelling = np.zeros((40, 4), dtype=np.int64)
    spelling[:, 0] = np.arange(1, 41)
    spelling[:5, 1] = 99
    few = Smoothing(rounds=20)
    alone = rates(counts, candidates, NOTHING_ALIKE, few)
    taught = rates(counts, candidates, likeness(spelling), few)
    assert taught[0, 4] > 1.2 * alone[0, 4]
    assert taught[1, 4] == pytest.approx(alone[1, 4], rel=0.1)


def test_likeness_is_shared_words_the_rare_ones_most() -> None:
    """Skills: azure sql, amazon sql, amazon kinesis, amazon aurora, figma."""
    azure, sql, amazon, kinesis, aurora, figma = range(1, 7)
    spelling = np.array([[azure, sql], [amazon, sql], [amazon, kinesis], [amazon, aurora], [figma, 0]])
    weights = likeness(spelling).toarray()
    assert weights[0].tolist() == [0, 1, 0, 0, 0]
    assert weights[1, 0] > weights[1, 2] == pytest.approx(weights[1, 3])
    assert not weights[4].any()
    assert weights[:4].sum(axis=1) == pytest.approx(1.0)
    assert not weights.diagonal().any()


def test_likeness_of_nothing_is_nothing() -> None:
    assert likeness(np.zeros((3, 4), dtype=np.int64)).nnz == 0
    assert 0 < SPELLING_TRUST < 1


def test_rates_are_positive_and_repeat_themselves(world: tuple[NDArray[np.float64], ...]) -> None:
    truth, candidates = world
    counts = drawn(truth, candidates, seed=3)
    estimate = rates(counts, candidates, NOTHING_ALIKE, SMOOTHING)
    assert estimate.shape == (6, 40)
    assert (estimate > 0).all()
    assert (estimate == rates(counts, candidates, NOTHING_ALIKE, SMOOTHING)).all()
