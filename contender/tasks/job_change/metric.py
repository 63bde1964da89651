"""What an answer is worth: the reward of one person's outcome, after Brier (1950)."""

from __future__ import annotations

from typing import Final

from contender.tasks.job_change.schema import LOOKING
from contender.tasks.task import Metric
from contender.values import REVIEW_LABEL, Prediction

ROC_AUC: Final = Metric("roc_auc")

CEILING: Final = 0.83
"""The best published models of the public data set stay near a ROC-AUC of 0.81; more than this has seen the answer."""

REVIEW_REWARD: Final = 0.75
"""What a person's work is credited with: as much as the uninformed score 0.5 earns whatever the outcome is.

So an answer is worth giving exactly when it is expected to beat a coin: reviewing everybody cannot win an experiment,
and neither can a model gain by hiding behind reviewers.
"""


def brier_reward(prediction: Prediction, label: str) -> float:
    """1 − (score − y)², with y = 1 when `label` is ``looking``; in [0, 1], and `REVIEW_REWARD` for a review.

    It is proper: the expectation is greatest when the score is the true probability. Brier, Verification of forecasts
    expressed in terms of probability, Monthly Weather Review 78 (1950).
    """
    if prediction.label == REVIEW_LABEL:
        return REVIEW_REWARD
    return 1.0 - (prediction.score - float(label == LOOKING)) ** 2
