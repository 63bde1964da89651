"""How job-role is judged: offline by macro-F1, online by whether the role was right."""

from __future__ import annotations

from typing import Final

from contender.tasks.task import Metric
from contender.values import REVIEW_LABEL, Prediction

MACRO_F1: Final = Metric("macro_f1")
"""The mean over roles of F1, so that a role with 45 candidates counts like one with 1 800."""

CEILING: Final = 0.90
"""Noise in the skills of candidates keeps honest models well below: 0.80 is about the best for the O*NET profiles."""

REVIEW_VALUE: Final = 0.45
"""What it is worth to hand a case to a person: the reward of a review, and the least confidence that passes.

The two must be one number. Answering is worth the probability of being right, which a calibrated confidence states;
reviewing is worth this constant; so the better choice is to answer exactly when confidence is above it (C. K. Chow,
*On optimum recognition error and reject tradeoff*, IEEE Transactions on Information Theory 16(1), 1970: reject when
the largest posterior falls below 1 − t, t the cost of a rejection in units of an error). On grouped folds of the O*NET
profiles it hands 13 % of the candidates to a person; of those the model would have had 30 % right, of the others 90 %.
"""


def role_reward(prediction: Prediction, role: str) -> float:
    """1 if the predicted role is the one that came true, 0 if it is another, `REVIEW_VALUE` for a review.

    There is no credit for a near miss: the candidate was sent to one role.
    """
    if prediction.label == REVIEW_LABEL:
        return REVIEW_VALUE
    return float(prediction.label == role)
