"""What becomes of an outcome that was reported: whose answer it belongs to, and whether it counts there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from contender.errors import ContenderError, InvalidInput
from contender.experiment.analysis import Experiment, from_document
from contender.release.clock import utc
from contender.values import REWARD, Exposure, is_prediction_id

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store

PATIENCE_S: Final = 3.0
"""How long an answer that was given just now may take to reach the store."""

_POLL_S: Final = 0.1


def check_id(prediction_id: str) -> None:
    """Refuse an id that no answer of ours has: a cut one, or one of something else.

    Raises:
        InvalidInput: naming the option.
    """
    if not is_prediction_id(prediction_id):
        problem = "is no prediction id, which has 32 characters: digits, and letters from a to f"
        raise InvalidInput("--prediction-id", problem, remedy="take it whole from the reply: contender predict --json")


def became(
    find: Callable[[], Store], task: str, event: Mapping[str, Any], patience_s: float = PATIENCE_S
) -> dict[str, Any]:
    """What the store knows of the answer that `event` belongs to, which happened ``at``: ``state`` and why, arm,
    experiment and version.

    ``counts``: it is part of that experiment's comparison; ``late``: its window has closed; ``not compared``: the
    person takes no part in one; ``unknown``: no such answer is known, the outcome waits for it.
    """
    try:
        store = find()
        answer = _awaited(store, task, event["prediction_id"], patience_s)
        kept = store.experiment(answer.experiment_id) if answer and answer.experiment_id else None
    except ContenderError as error:
        return _told("unknown", f"the store cannot be asked: {error.message}", None)
    if answer is None:
        return _told("unknown", "no such answer is known yet: it is kept, and counts once the answer is there", None)
    if kept is None or not answer.counted:
        return _told(
            "not compared", "the person takes no part in an experiment; it tells of the model's health", answer
        )
    return _told(*_in_experiment(from_document(kept), answer, event), answer)


def _in_experiment(experiment: Experiment, answer: Exposure, event: Mapping[str, Any]) -> tuple[str, str]:
    plan, metric = experiment.plan, event.get("metric", REWARD)
    windows = [one.window_s for one in plan.metrics if one.name == metric]
    window_s = windows[0] if windows else plan.window_s
    if metric != REWARD and not windows:
        return "not compared", f"{experiment.id} does not measure {metric}"
    if event["at"] > answer.at + window_s:
        return "late", f"the window of this person closed {utc(answer.at + window_s)} at the latest"
    return "counts", f"for the {answer.assigned_to} of {experiment.id}"


def _awaited(store: Store, task: str, prediction_id: str, patience_s: float) -> Exposure | None:
    """The answer, waited for while it may be on its way from the transformer to the store."""
    end = time.monotonic() + patience_s
    while (found := store.prediction(task, prediction_id)) is None and time.monotonic() < end:
        time.sleep(_POLL_S)
    return found


def _told(state: str, why: str, answer: Exposure | None) -> dict[str, Any]:
    return {
        "state": state,
        "why": why,
        "assigned_to": answer.assigned_to if answer else None,
        "experiment": answer.experiment_id if answer else None,
        "model_version": answer.model_version if answer else None,
    }
