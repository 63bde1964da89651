"""Ctrl-C before there is anything to interrupt."""

from __future__ import annotations

import signal
import subprocess
import sys

# A program that was started in the background ignores interrupts, and so would what it starts.
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cli.__main__ import main; main()"


def test_while_modules_load_it_is_a_word_and_no_traceback() -> None:
    # -X importtime tells each module as it has been loaded: the interrupt comes in the middle of it.
    command = [sys.executable, "-X", "importtime", "-c", MAIN, "status"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as loading:
        assert loading.stderr is not None
        next(line for line in loading.stderr if "typer" in line)
        loading.send_signal(signal.SIGINT)
        rest = loading.stderr.read()
    assert (loading.returncode, rest.splitlines()[-1], "Traceback" in rest) == (130, "interrupted", False), rest
