"""Keeps a dossier with the model version that it decides on."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from cli.compose import Workplace, git_sha
from cli.dossier.contents import Dossier, Sources, gather
from cli.dossier.page import page
from cli.output import note
from contender.adapters.addresses import tellable
from contender.errors import ContenderError, NotFound
from contender.values import CHALLENGER

FOLDER: Final = "dossier"
"""The folder of a run's artifacts, and the tag of run and version that says where the newest one is."""


def dossier_of(place: Workplace, experiment_id: str = "") -> Dossier:
    """The dossier of an experiment of this workplace, by default the task's latest."""
    sources = Sources(place.store, place.registry, place.anchors)
    return gather(sources, place.task.name, experiment_id, made_at=time.time(), made_with=git_sha())


def attach(place: Workplace, experiment_id: str = "") -> str:
    """Keep the dossier among the artifacts of the challenger's MLflow run and name it in the tag ``dossier`` of the
    version; return where it is.

    A dossier is named by the last audit record that it tells of: one decision never overwrites the page of another.

    Raises:
        NotFound: no such experiment, or the registry does not know the challenger's run.
        Unavailable: the registry or the store does not answer.
    """
    dossier = dossier_of(place, experiment_id)
    model = dossier.models[CHALLENGER]
    run_id = model.tags.get("mlflow_run_id") if model else None
    if model is None or not run_id:
        raise NotFound(f"the registry knows no run of version {dossier.experiment[CHALLENGER]}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{dossier.experiment['id']}-{_number(dossier)}.html")
        file.write_text(page(dossier), encoding="utf-8")
        kept = f"{place.registry.log_files(run_id, Path(folder), FOLDER)}/{file.name}"
    place.registry.log(run_id, tags={FOLDER: kept})
    place.registry.tag(model.task, model.version, {FOLDER: kept})
    return kept


def attach_or_say(place: Workplace, experiment_id: str = "") -> str | None:
    """Like `attach`, for use after a release has changed: what fails is said, never raised, and None is returned.

    A task that never had an experiment has no dossier, and nothing is said.
    """
    try:
        if not place.store.experiments(place.task.name):
            return None
        note("the change is made; its dossier is being kept with the version (some seconds)")
        return attach(place, experiment_id)
    except Exception as error:  # noqa: BLE001 - the release has changed already: no defect here may say that it failed
        told = str(error) if isinstance(error, ContenderError) else tellable(f"{type(error).__name__}: {error}")
        note(f"the dossier is not attached: {told}; write it with: contender experiment report --out dossier.html")
        return None


def _number(dossier: Dossier) -> int:
    return int(dossier.own_records[-1]["sequence"]) if dossier.own_records else 0
