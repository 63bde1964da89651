"""The only list of tasks. A new task is one folder beside this file, one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contender.errors import NotFound
from contender.tasks.rules import QualityRules, Reference
from contender.tasks.task import Task


def _job_change() -> Task:
    from contender.tasks.job_change.task import JobChange

    return JobChange()


def _job_role() -> Task:
    from contender.tasks.job_role.task import JobRole

    return JobRole()


TASKS: Mapping[str, Callable[[], Task]] = {"job-change": _job_change, "job-role": _job_role}
"""Name to the task, imported when it is asked for: a server pays for the one it serves."""


def _job_change_rules() -> QualityRules:
    from contender.tasks.job_change import quality

    return quality.RULES


def _job_role_rules() -> QualityRules:
    from contender.tasks.job_role import quality

    return quality.RULES


RULES: Mapping[str, Callable[[], QualityRules]] = {"job-change": _job_change_rules, "job-role": _job_role_rules}
"""Name to what the task's files must keep to."""


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        NotFound: no such task; the message lists those there are.
    """
    if name not in TASKS:
        raise NotFound(f"no task named {name!r}", remedy=f"choose one of: {', '.join(TASKS)}")
    return TASKS[name]()


def rules_of(task: Task) -> QualityRules:
    """What the files of `task` must keep to beyond its schema; nothing for a task that states none."""
    stated = RULES.get(task.name)
    return stated() if stated else QualityRules(Reference())
