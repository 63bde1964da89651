"""The task job-change: will this person look for another job?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from contender.errors import InvalidInput
from contender.metrics import PlannedMetric
from contender.tasks.hiring import HIRING_MEASURES
from contender.tasks.job_change import features, synthetic
from contender.tasks.job_change.metric import CEILING, REVIEW_REWARD, ROC_AUC, brier_reward
from contender.tasks.job_change.schema import COLUMNS, LOOKING, NOT_LOOKING, JobChangeRow
from contender.tasks.task import AnswerKind, Metric, Probabilities
from contender.values import FallbackPolicy, Prediction, Row

if TYPE_CHECKING:
    from contender.tasks.job_change.estimator import JobChangeRecipe

_LABELS: Final[Mapping[str, str]] = {
    "0": NOT_LOOKING, "0.0": NOT_LOOKING, NOT_LOOKING: NOT_LOOKING, "1": LOOKING, "1.0": LOOKING, LOOKING: LOOKING,
}  # fmt: skip


class JobChange:
    """Will this person look for another job? Binary, from a form that people leave partly blank.

    Gender is in the schema so that fairness can be audited, and is not a feature: on grouped folds of the public data
    the model ranks as well without it (ROC-AUC 0.8065 without, 0.8063 with).
    """

    name: str = "job-change"
    kind: AnswerKind = "label"
    schema: type[BaseModel] = JobChangeRow
    id_column: str = "enrollee_id"
    target: str = "target"
    protected: tuple[str, ...] = ("gender",)
    metric: Metric = ROC_AUC
    ceiling: float = CEILING
    review_value: float = REVIEW_REWARD
    measures: tuple[PlannedMetric, ...] = HIRING_MEASURES
    outcomes_ignore_answers: bool = False
    """Whoever reads that somebody is about to leave may make an offer."""
    policy: FallbackPolicy = FallbackPolicy(deadline_ms=150, min_confidence=0.6)
    features_version: int = 1

    def group_keys(self, row: Row) -> tuple[str, ...]:
        """The person, and the digest of all that is known of them: neither the same id nor a copy can straddle."""
        values = [row.get(column) for column in COLUMNS]
        content = hashlib.sha256(json.dumps(values).encode()).hexdigest()
        return (f"id:{row[self.id_column]}", f"row:{content}")

    def label_of(self, value: object) -> str:
        """``looking`` for 1, ``not_looking`` for 0; numbers, their text or the labels themselves.

        Raises:
            InvalidInput: anything else, also True and False.
        """
        label = _LABELS.get(str(value))
        if label is None:
            raise InvalidInput(self.target, f"must be 0 or 1, not {value!r}")
        return label

    def fit_features(self, rows: Sequence[Row], labels: Sequence[str]) -> features.JobChangeEncoder:  # noqa: ARG002 - the protocol's; no statistic of the target is a feature
        """An encoder fitted on training rows (and only those)."""
        return features.fit(rows)

    def load_features(self, document: Mapping[str, Any]) -> features.JobChangeEncoder:
        """The encoder that `to_document` described.

        Raises:
            InvalidArtifact: a document this task did not write.
        """
        return features.load(document)

    def decide(self, probabilities: Probabilities, classes: Sequence[str]) -> list[Prediction]:
        """The more probable class of each row, its probability as confidence, P(looking) as score, both as ranking.

        A tie goes to ``not_looking``.
        """
        column = list(classes).index(LOOKING)
        return [_prediction(looking) for looking in probabilities[:, column].tolist()]

    def reward(self, prediction: Prediction, outcome: object) -> float:
        """The Brier reward of `prediction` for `outcome`, in [0, 1]; see `brier_reward`.

        Raises:
            InvalidInput: an outcome that is not a label.
        """
        return brier_reward(prediction, self.label_of(outcome))

    def generate(self, count: int, seed: int) -> list[dict[str, object]]:
        """`count` synthetic training rows; see `synthetic.generate`."""
        return synthetic.generate(count, seed)

    def recipe(self) -> JobChangeRecipe:
        """The training half; imports scikit-learn."""
        from contender.tasks.job_change.estimator import JobChangeRecipe

        return JobChangeRecipe()


def _prediction(looking: float) -> Prediction:
    order = ((LOOKING, looking), (NOT_LOOKING, 1.0 - looking))
    ranking = order if looking > 0.5 else order[::-1]
    label, confidence = ranking[0]
    return Prediction(label, confidence, looking, ranking)
