"""Something moves on the screen while work is done: a live list on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cli.output import err

HEARTBEAT_S = 5.0
"""Off a terminal, a step that lasts says so this often."""


@dataclass
class Step:
    """One line of the list: what is done, how far it is, how long it has taken."""

    title: str
    started: float
    detail: str = ""
    seconds: float | None = None
    failed: bool = False
    picture: RenderableType | None = None
    last_line: float = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds from the start to the end, or to now."""
        return self.seconds if self.seconds is not None else time.monotonic() - self.started


@dataclass
class Progress:
    """The list of steps. Use `step` around work and `say` for its latest detail."""

    console: Console = field(default_factory=lambda: err)
    steps: list[Step] = field(default_factory=list)
    _live: Live | None = None
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    @contextmanager
    def running(self) -> Iterator[Progress]:
        """Show the list for as long as the block runs."""
        if not self.console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._render, console=self.console, refresh_per_second=10, transient=False) as live:
            self._live = live
            yield self

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step that ends with the block; it is marked as failed when the block raises."""
        step = Step(title, time.monotonic(), last_line=time.monotonic())
        self.steps.append(step)
        self._line(f"{title} …")
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.seconds = time.monotonic() - step.started
            self._line(f"{title}: {'failed' if step.failed else step.detail or 'done'} ({step.seconds:.1f} s)")

    def say(self, detail: str, picture: RenderableType | None = None) -> None:
        """The latest detail of the running step, with an optional picture below the list."""
        step = self.steps[-1]
        step.detail, step.picture = detail, picture
        if time.monotonic() - step.last_line >= HEARTBEAT_S:
            step.last_line = time.monotonic()
            self._line(f"  {step.title}: {detail}")

    def _line(self, text: str) -> None:
        if not self.console.is_terminal:
            self.console.print(text, markup=False)

    def _render(self) -> RenderableType:
        lines = [self._step_line(step) for step in self.steps]
        picture = self.steps[-1].picture if self.steps else None
        return Group(*lines, picture) if picture is not None else Group(*lines)

    def _step_line(self, step: Step) -> RenderableType:
        if step.seconds is None:
            self._spinner.update(text=Text.assemble((step.title, "bold"), "  ", step.detail, self._time(step)))
            return self._spinner
        mark = ("✗ ", "red") if step.failed else ("✓ ", "green")
        return Text.assemble(mark, step.title, ("  " + step.detail, "dim"), self._time(step))

    @staticmethod
    def _time(step: Step) -> tuple[str, str]:
        return f"  {step.elapsed:.1f} s", "dim"
