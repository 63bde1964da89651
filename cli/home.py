"""The home of a local run: what changes a release looks for it, and makes none wherever it stands."""

from __future__ import annotations

from typing import Final

from cli.compose import Workplace, workplace
from cli.settings import Settings
from contender.errors import NotFound

MARKS: Final = ("store.db", "mlflow.db", "routing", "artifacts")
"""What a home holds after its first training or start; one of them is enough."""


def at_home(task: str) -> Workplace:
    """The workplace of a task in a home that exists already.

    Raises:
        NotFound: there is none where the settings say.
        InvalidInput: as `workplace`.
    """
    place = workplace(task)
    if not is_home(place.settings):
        raise NotFound(
            f"there is no home at {place.settings.home}: nothing was trained or served there",
            remedy=f"name the home with CONTENDER_HOME, or make one: contender train --task {task}",
        )
    return place


def is_home(settings: Settings) -> bool:
    """Whether the place where a release is kept is there; one elsewhere, such as a cluster's, says so itself."""
    if settings.backend == "cluster" or not settings.store_url.startswith("sqlite"):
        return True
    return any((settings.home / mark).exists() for mark in MARKS)
