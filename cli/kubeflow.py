"""Retraining on Kubeflow: a run is begun there, waited for, and taken up again by whoever comes after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cli.compose import Workplace
from cli.pipeline import api, followed, job_for
from contender.adapters.files_s3 import SCHEME
from contender.errors import ContenderError, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from contender.values import CHALLENGER, ModelVersion
from monitoring.retraining.triggers import Limits, Result, Run, living

if TYPE_CHECKING:
    from pipelines.remote import Job, Pipelines
    from pipelines.remote import Run as Seen

RUN_TAG: Final = "kfp_run_id"
"""The tag by which a version names the run that registered it."""

BEFORE_TRAINING: Final = frozenset({"ingest", "validate", "split"})
"""The steps before there are rows to train on: a run that fails in one of them costs nothing."""

Record = Callable[[Run], None]
"""Keeps a run as it stands."""


def elsewhere(place: Workplace) -> bool:
    """Whether training runs on Kubeflow: an address is set, or a cluster serves."""
    return bool(place.settings.pipelines_url) or place.settings.backend != "local"


class Training:
    """Training runs of one task on Kubeflow; `record` is told of every change before anything else is done."""

    def __init__(self, place: Workplace, record: Record, limits: Limits) -> None:
        self._place, self._record, self._limits = place, record, limits
        self._api: Pipelines = api(place)

    def job(self, data: str, trials: int) -> Job:
        """What is to run, once the API has answered: nothing is recorded of a run that cannot begin.

        Raises:
            InvalidInput: `data` is no address that a pod can read, or the environment says too little.
            Unavailable: Kubeflow does not answer.
        """
        if not data.startswith(SCHEME):
            problem = f"{data!r} is on no pod's disk" if data else "is needed: on a cluster no rows are made up"
            raise InvalidInput("--data", problem, remedy="name rows that pods can read, as s3://BUCKET/KEY.csv")
        # Anew each time: Kubeflow knows the rows by their address only, and would take those of an earlier run.
        job = job_for(self._place, "training", [f"data.file={data}", f"training.trials={trials}"], fresh=True)
        self._api.ping()
        return job

    def begun(self, run: Run, job: Job) -> Run:
        """The run as it goes on in Kubeflow, or untrained where it would not take it."""
        try:
            run = run._replace(run_id=self._api.submit(replace(job, name=f"{job.experiment}-retraining-{run.key}")))
        except ContenderError as error:
            run = run.ended(time.time(), "untrained", message=str(error))
        except KeyboardInterrupt:
            self._record(run.ended(time.time(), "failed", message="interrupted by a person"))
            raise
        self._record(run)
        return run

    def followed(self, run: Run, seconds: float) -> Run:
        """The run as it ended, or as it goes on after `seconds`, or after the longest that any may take.

        Raises:
            Unavailable: Kubeflow or the registry does not answer: the run goes on, and a later call learns its end.
        """
        try:
            found = self._now(run, seconds)
        except (KeyboardInterrupt, Unavailable) as error:
            why = "a person stopped waiting" if isinstance(error, KeyboardInterrupt) else str(error)
            self._record(run._replace(message=f"{_named(run)} goes on; {why}"))
            raise
        self._record(found)
        return found

    def _now(self, run: Run, seconds: float) -> Run:
        left = run.at + self._limits.longest_s - time.time()
        try:
            seen = followed(self._api, str(run.run_id), max(0.0, min(seconds, left)))
        except DeadlineExceeded:
            if living(run, time.time(), self._limits):
                return run._replace(message=f"{_named(run)} goes on")
            hours = f"{self._limits.longest_s / 3600:g} h"
            return run.ended(time.time(), "failed", message=f"{_named(run)} has not ended after {hours}: stop it there")
        except NotFound:
            return run.ended(time.time(), "failed", message=f"Kubeflow knows no run {run.run_id} any more")
        return self._ended(run, seen)

    def _ended(self, run: Run, seen: Seen) -> Run:
        """What came of it: what the registry holds, not what Kubeflow says of its steps."""
        if seen.state != "SUCCEEDED":
            # What Kubeflow quotes of a crash may repeat a cell of the file: the record says where to look instead.
            failed = {name for name, state in seen.tasks.items() if state == "FAILED"}
            steps = ", ".join(sorted(failed))
            where = f" in {steps}" if steps else ""
            result: Result = "untrained" if failed & BEFORE_TRAINING else "failed"
            return run.ended(time.time(), result, message=f"{_named(run)} {seen.state.lower()}{where}: see its logs")
        made = self._made_by(str(run.run_id))
        if made is not None:
            reason = made.tags.get("gate_reason", "")
            return run.ended(time.time(), CHALLENGER, version=made.version, message=reason)
        if seen.gate == "passed":
            return run.ended(time.time(), "failed", message=f"{_named(run)} left no version in the registry")
        return run.ended(time.time(), "refused", message=f"the gate refused it: {_named(run)}")

    def _made_by(self, run_id: str) -> ModelVersion | None:
        """The version that the run registered: its last one, since a baseline comes first."""
        made = [one for one in self._place.registry.versions(self._place.task.name) if one.tags.get(RUN_TAG) == run_id]
        return made[-1] if made else None


def _named(run: Run) -> str:
    return f"Kubeflow's run {run.run_id}"
