"""What every place that keeps routing documents holds to. Standard library only: the transformer imports this."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from contender.errors import Conflict, DeadlineExceeded, InvalidRouting
from contender.routing import Routing, parse


class Waiting(NamedTuple):
    """The clock of waiting, and the pause between two looks in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    poll_s: float


def routing_of(task: str, content: bytes | str) -> Routing:
    """The routing of `task` that `content` states.

    Raises:
        InvalidRouting: it states none, or another task's.
    """
    routing = parse(content)
    if routing.task != task:
        raise InvalidRouting("routing.task", f"is {routing.task!r}, expected {task!r}")
    return routing


def generation_in(read: Callable[[], Routing | None]) -> int | None:
    """The generation of what `read` gives; None where there is nothing yet, or something broken."""
    try:
        routing = read()
    except InvalidRouting:
        return None
    return routing.generation if routing else None


def check_successor(routing: Routing, current: int | None, expected: int | None) -> None:
    """Nothing, if `routing` may take the place of generation `current`, which its writer `expected`.

    Raises:
        Conflict: the generation is another one.
        InvalidRouting: the generation does not grow.
    """
    if current != expected:
        raise Conflict(
            f"the routing of {routing.task} is at generation {current}, not {expected}",
            remedy="look at `contender status` and try again",
        )
    if expected is not None and routing.generation <= expected:
        raise InvalidRouting("routing.generation", f"must grow beyond {expected}")


def wait_for_none(late: Callable[[], list[str]], subject: str, waiting: Waiting, *, deadline_s: float) -> None:
    """Return once nobody is `late` to obey `subject`.

    Raises:
        DeadlineExceeded: somebody still is; the message names them.
    """
    end = waiting.monotonic() + deadline_s
    while names := late():
        if waiting.monotonic() >= end:
            raise DeadlineExceeded(
                f"{subject} is not applied by {', '.join(names)} after {deadline_s:g} s",
                remedy="the document is written; see `contender status`",
            )
        waiting.sleep(waiting.poll_s)
