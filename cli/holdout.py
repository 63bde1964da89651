"""The few who stay on the version before after a promotion: their experiment, kept and ended with the release."""

from __future__ import annotations

import time
from contextlib import suppress

from cli.compose import Workplace
from contender.errors import NotFound
from contender.experiment.analysis import Experiment, from_document
from contender.release.state import Holdout, ReleaseState
from contender.values import holdout_of


def current(place: Workplace) -> Experiment | None:
    """The experiment of the holdout that the release has now, None where it has none.

    The release is what counts: where nobody had time to note the holdout's experiment after the promotion, it is noted.
    """
    state = place.release.state()
    if state.holdout is None:
        return None
    try:
        return from_document(place.store.experiment(state.holdout.experiment_id))
    except NotFound:
        found = _begun(place, state, state.holdout)
        place.store.save_experiment(found.to_document())
        return found


def end(place: Workplace) -> None:
    """Serve everybody by the champion, if some stay on the version before, and end their experiment."""
    if (held := place.release.state().holdout) is not None:
        place.release.end_holdout()
        close(place, held)


def close(place: Workplace, held: Holdout | None) -> None:
    """Note that the holdout, which the release had, is over."""
    if held is None or place.release.state().holdout is not None:
        return
    with suppress(NotFound):  # nobody was in it yet
        ended = from_document(place.store.experiment(held.experiment_id)).stopped()
        place.store.save_experiment(ended.to_document())


def _begun(place: Workplace, state: ReleaseState, held: Holdout) -> Experiment:
    known = map(from_document, place.store.experiments(place.task.name))
    parent = next(one for one in known if holdout_of(one.id) == held.experiment_id)
    promoted = state.champion.version if state.champion else ""
    arm = next(name for name, version in parent.versions.items() if version == promoted)
    return parent.held_out(arm, state.generation - 1, time.time())
