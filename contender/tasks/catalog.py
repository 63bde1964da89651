"""The only list of tasks. A new task is one folder beside this file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contender.errors import NotFound
from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.task import JobRole
from contender.tasks.task import Task

TASKS: Mapping[str, Callable[[], Task]] = {"job-change": JobChange, "job-role": JobRole}


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        NotFound: no such task; the message lists those there are.
    """
    if name not in TASKS:
        raise NotFound(f"no task named {name!r}", remedy=f"choose one of: {', '.join(TASKS)}")
    return TASKS[name]()
