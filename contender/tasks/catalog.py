"""The only list of tasks. A new task is one folder beside this file, one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contender.errors import NotFound
from contender.tasks.task import Task


def _job_change() -> Task:
    from contender.tasks.job_change.task import JobChange

    return JobChange()


def _job_role() -> Task:
    from contender.tasks.job_role.task import JobRole

    return JobRole()


TASKS: Mapping[str, Callable[[], Task]] = {"job-change": _job_change, "job-role": _job_role}
"""Name to the task, imported when it is asked for: a server pays for the one it serves."""


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        NotFound: no such task; the message lists those there are.
    """
    if name not in TASKS:
        raise NotFound(f"no task named {name!r}", remedy=f"choose one of: {', '.join(TASKS)}")
    return TASKS[name]()
