"""What a shell offers behind the options that name something of ours. It asks quietly, and makes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import typer

from contender.errors import ContenderError


def tasks(incomplete: str) -> list[str]:
    """The tasks there are."""
    from contender.tasks.catalog import TASKS

    return _begun(TASKS, incomplete)


def versions(ctx: typer.Context, incomplete: str) -> list[str]:
    """The aliases and the versions, newest first, of the task on the line."""
    from cli.home import at_home

    with suppress(ContenderError):
        place = at_home(_task(ctx))
        numbers = [found.version for found in reversed(place.registry.versions(place.task.name))]
        return _begun([*place.registry.aliases(place.task.name), *numbers], incomplete)
    return []


def experiments(ctx: typer.Context, incomplete: str) -> list[str]:
    """The experiments of the task on the line, newest first."""
    from cli.home import at_home

    with suppress(ContenderError):
        place = at_home(_task(ctx))
        return _begun((str(found["id"]) for found in reversed(place.store.experiments(place.task.name))), incomplete)
    return []


def _task(ctx: typer.Context) -> str:
    return str(ctx.params.get("task") or "job-change")


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
