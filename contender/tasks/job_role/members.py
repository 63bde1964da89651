"""The members that vote on a role. Each is linear in what a candidate states: a table of weights and a bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from numpy.typing import NDArray
from scipy import sparse
from sklearn.naive_bayes import MultinomialNB

from contender.tasks.job_role.evidence import Smoothing, Weights, rates
from contender.tasks.job_role.features import EXPERIENCES, FIRST_SKILL, QUALIFICATIONS

Presence: TypeAlias = sparse.csr_matrix
"""What each candidate states: shape (rows, table rows), 1 where a row encodes that number, 0 elsewhere."""

LEVEL_PRIOR: Final = 3.0
"""Pseudo-candidates of average qualification and experience in every role."""
PLAIN_SMOOTHING: Final = 0.3
"""Pseudo-counts of every skill in every role for plain naive Bayes."""


class Linear(NamedTuple):
    """A fitted member: log-odds of the classes are ``bias`` plus the sum of ``table`` over what is present.

    `table` has shape (table rows, classes), `bias` (classes,).
    """

    table: NDArray[np.float64]
    bias: NDArray[np.float64]


class Lesson(NamedTuple):
    """What there is to learn from: who states what, which skills are spelt alike, and who is of which class.

    `codes` are class numbers below `classes`, each at least once.
    """

    presence: Presence
    alike: Weights
    codes: NDArray[np.int64]
    classes: int


class Member(Protocol):
    """One voter."""

    def learn(self, lesson: Lesson) -> Linear:
        """The weights learnt from `lesson`."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Naive Bayes whose rates come from empirical Bayes over roles; see `evidence.rates`.

    `flatten` in [0, 1] moves the roles' shares towards equal ones: macro-F1 counts small roles as much as large ones.
    """

    smoothing: Smoothing
    flatten: float

    def learn(self, lesson: Lesson) -> Linear:
        """Log ratios of each role's rate over the mean rate, and the flattened log share of each role."""
        counts, candidates = _by_class(lesson)
        parts = [np.zeros((lesson.classes, 1))]
        parts += [_level_evidence(counts[:, list(levels.values())]) for levels in (QUALIFICATIONS, EXPERIENCES)]
        if counts.shape[1] > FIRST_SKILL:
            rate = rates(counts[:, FIRST_SKILL:], candidates, lesson.alike, self.smoothing)
            parts.append(_log_ratio(rate.astype(np.float64)))
        return Linear(np.hstack(parts).T, (1.0 - self.flatten) * np.log(candidates / candidates.sum()))


@dataclass(frozen=True)
class OversampledBayes:
    """Multinomial naive Bayes behind a random oversampler, which raises small classes to `floor` rows.

    The sampler is a step of an imbalanced-learn pipeline: it runs inside `fit`, on training rows only.
    """

    floor: int
    seed: int

    def learn(self, lesson: Lesson) -> Linear:
        """Log probabilities of what is present, and of the oversampled classes."""
        sizes = np.bincount(lesson.codes, minlength=lesson.classes)
        wanted = {number: max(int(size), self.floor) for number, size in enumerate(sizes)}
        sampler = RandomOverSampler(sampling_strategy=wanted, random_state=self.seed)
        bayes = MultinomialNB(alpha=PLAIN_SMOOTHING)
        Pipeline([("sampler", sampler), ("bayes", bayes)]).fit(lesson.presence, lesson.codes)
        return Linear(bayes.feature_log_prob_.T, bayes.class_log_prior_)


def _by_class(lesson: Lesson) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many people of each class state each thing, and how many people there are in each class."""
    presence, _, codes, classes = lesson
    member = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(classes, len(codes)))
    return (member @ presence).toarray(), np.bincount(codes, minlength=classes).astype(np.float64)


def _level_evidence(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log ratios for the levels of one column, shrunk towards the mean; shape (classes, levels)."""
    mean = (counts.sum(axis=0) + 1.0) / (counts.sum() + counts.shape[1])
    shares = (counts + LEVEL_PRIOR * mean) / (counts.sum(axis=1, keepdims=True) + LEVEL_PRIOR)
    return np.asarray(np.log(shares / mean), dtype=np.float64)


def _log_ratio(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = rate / rate.sum(axis=1, keepdims=True)
    return np.asarray(np.log(shares) - np.log(shares.mean(axis=0)), dtype=np.float64)
