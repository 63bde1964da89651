"""Nothing forks from a process with threads: what is held there, and whoever would release it, does not come along."""

import ast
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest

from benchmarks.fresh_processes import context, exit_code, started

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "cli", "contender", "infrastructure", "monitoring", "pipelines", "serving", "tests")
MADE_FOR_IT = {"tests/integration/quality/crashing.py"}
"""Scripts that are started to fork, and have one thread."""

FORKS = {"os.fork", "os.forkpty", "pty.fork", *(f"multiprocessing.{name}" for name in ("Manager", "Pool", "Process"))}


def calls(source: str) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the whole name of what is called, through `import … as …` and `from … import …`."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            yield node, names.get(first, first) + dot + rest


def forks(call: ast.Call, name: str) -> bool:
    """Whether the call forks this process, or may by default."""
    arguments = {ast.unparse(one) for one in (*call.args, *(word.value for word in call.keywords))}
    if name.endswith((".get_context", ".set_start_method")):
        return "'fork'" in arguments or not arguments
    if name.endswith("ProcessPoolExecutor"):
        return len(call.args) < 2 and all(word.arg != "mp_context" for word in call.keywords)
    return name in FORKS


def faults(source: str) -> list[str]:
    return [f"line {call.lineno}: {name}" for call, name in calls(source) if forks(call, name)]


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_forks_but_what_was_made_for_it(room: str) -> None:
    files = [path for path in sorted((ROOT / room).rglob("*.py")) if str(path.relative_to(ROOT)) not in MADE_FOR_IT]
    assert {str(path): found for path in files if (found := faults(path.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.fork()",
        "from os import fork as split\nsplit()",
        "import multiprocessing\nmultiprocessing.get_context('fork').Process()",
        "import multiprocessing as mp\nmp.get_context()",
        "import multiprocessing\nmultiprocessing.set_start_method('fork')",
        "from multiprocessing import Pool\nPool(4)",
        "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(4)",
        "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor(max_workers=4)",
    ],
)
def test_what_forks_is_found(source: str) -> None:
    assert len(faults(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import multiprocessing\nmultiprocessing.get_context('spawn').Process()",
        "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(4, context())",
        "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(mp_context=context())",
        "import subprocess\nsubprocess.run(['true'])",
    ],
)
def test_what_begins_afresh_is_not(source: str) -> None:
    assert faults(source) == []


def tell_threads(answers: SimpleQueue[int]) -> None:
    """How many threads the process has that this one was forked from."""
    answers.put(len(list(Path(f"/proc/{os.getppid()}/task").iterdir())))


def test_processes_come_from_a_server_with_one_thread() -> None:
    stop = threading.Event()
    threading.Thread(target=stop.wait, daemon=True).start()
    threads = context().SimpleQueue()
    try:
        assert exit_code(started(tell_threads, threads), 60) == 0
        assert threads.get() == 1
    finally:
        stop.set()


def test_what_does_not_end_is_killed() -> None:
    with pytest.raises(TimeoutError, match="had not ended"):
        exit_code(started(signal.pause), 1.0)
