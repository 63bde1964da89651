"""The estimator of job-role: members vote softly, and the vote's temperature is set on rows they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax
from threadpoolctl import threadpool_limits

from contender.errors import InvalidInput
from contender.tasks.groups import split_groups
from contender.tasks.job_role.evidence import Weights, likeness
from contender.tasks.job_role.features import FIRST_SKILL, PAD, STATED
from contender.tasks.job_role.members import Lesson, Linear, Member, Presence
from contender.tasks.job_role.phrases import MAX_WORDS
from contender.tasks.task import Probabilities

CALIBRATION_SHARE: Final = 0.2
"""The share of the training rows that sets the temperature, after which members learn from all rows."""
SHARPNESS_RANGE: Final = (0.05, 3.0)


class SoftVote:
    """A weighted mean of the members' probabilities, its log multiplied by `sharpness` and normalised again.

    `sharpness` is an inverse temperature (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017), chosen
    for the least log loss on rows that the members were not fitted on. Rows encoded alike never straddle that split.
    One thread is used: on a busy machine a second one costs more than it saves.
    """

    classes_: NDArray[Any]

    def __init__(self, members: Sequence[Member], weights: Sequence[float], seed: int) -> None:
        self.members = tuple(members)
        self.weights = np.asarray(weights, dtype=np.float64) / np.sum(weights)
        self.seed = seed
        self.learnt: list[Linear] = []
        self.sharpness = 1.0

    def fit(self, X: NDArray[np.int64], y: NDArray[Any]) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from encoded rows and their labels.

        Raises:
            InvalidInput: labels of fewer than two classes.
        """
        self.classes_, codes = np.unique(np.asarray(y).astype(str), return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInput("job_role", "needs candidates of at least two roles to learn from")
        presence = present(X, max(int(X[:, :STATED].max()) + 1, FIRST_SKILL))
        alike = spelt_alike(X, presence.shape[1])
        with threadpool_limits(1):
            self.sharpness = self._calibrated(X, Lesson(presence, alike, codes, len(self.classes_)))
            self.learnt = [member.learn(Lesson(presence, alike, codes, len(self.classes_))) for member in self.members]
        return self

    def predict_proba(self, X: NDArray[np.int64]) -> Probabilities:  # noqa: N803 - scikit-learn's name
        """The probability of each of `classes_`, row by row: float64, shape (len(X), classes)."""
        presence = present(X, len(self.learnt[0].table))
        answer: Probabilities = softmax(self.sharpness * self._log_vote(self.learnt, presence), axis=1)
        return answer

    def _log_vote(self, learnt: Sequence[Linear], presence: Presence) -> NDArray[np.float64]:
        logs = [log_softmax(presence @ member.table + member.bias, axis=1) for member in learnt]
        answer: NDArray[np.float64] = logsumexp(np.stack(logs), axis=0, b=self.weights[:, None, None])
        return answer

    def _calibrated(self, X: NDArray[np.int64], lesson: Lesson) -> float:  # noqa: N803 - scikit-learn's name
        copies = np.unique(X[:, :STATED], axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        shares = (1.0 - CALIBRATION_SHARE, CALIBRATION_SHARE)
        presence, alike, codes, _ = lesson
        fitting, holding = split_groups(copies, shares, self.seed, codes.astype(str).tolist())
        known, fitted_codes = np.unique(codes[fitting], return_inverse=True)
        holding = holding[np.isin(codes[holding], known)]
        if len(known) < 2 or not len(holding):
            return 1.0
        shorter = Lesson(presence[fitting], alike, fitted_codes.astype(np.int64), len(known))
        learnt = [member.learn(shorter) for member in self.members]
        return best_sharpness(self._log_vote(learnt, presence[holding]), np.searchsorted(known, codes[holding]))


def present(encoded: NDArray[np.int64], table_rows: int) -> Presence:
    """What each row states, as a sparse matrix with `table_rows` columns; numbers beyond the table say nothing."""
    stated = encoded[:, :STATED]
    rows, places = np.nonzero((stated != PAD) & (stated < table_rows))
    entries = (np.ones(len(rows)), (rows, stated[rows, places]))
    return sparse.csr_matrix(entries, shape=(len(encoded), table_rows))


def spelt_alike(encoded: NDArray[np.int64], table_rows: int) -> Weights:
    """How alike the skills of `encoded` are spelt; see `evidence.likeness`. Shape (skills, skills)."""
    skills = encoded[:, 2:STATED].ravel()
    words = encoded[:, STATED:].reshape(len(skills), MAX_WORDS)
    known, first = np.unique(skills, return_index=True)
    spelling = np.zeros((table_rows, MAX_WORDS), dtype=np.int64)
    spelling[known] = words[first]
    spelling[PAD] = 0
    return likeness(spelling[FIRST_SKILL:])


def best_sharpness(log_vote: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """The sharpness that gives the true classes `codes` the least log loss."""

    def loss(sharpness: float) -> float:
        logs = log_softmax(sharpness * log_vote, axis=1)
        return -float(logs[np.arange(len(codes)), codes].mean())

    return float(minimize_scalar(loss, bounds=SHARPNESS_RANGE, method="bounded").x)
