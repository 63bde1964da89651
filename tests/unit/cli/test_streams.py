"""What a command did is done, whatever has become of the streams that it is told on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

CHANGE = """
import sys
import typer
from cli import main, output
from contender.errors import Refused

def change(code: int = 0, as_json: bool = typer.Option(False, "--json"), broken: bool = False) -> int:
    output.note("switching → the challenger \\x1b[2K")
    def render(document):
        if broken:
            raise KeyError("champion")
        return output.pairs(document, "job-change is now – promoted")
    output.show({"reason": "Łódź ✓ \\x1b[31m", "seen": "\\n" * 3}, as_json, render)
    if code == 3:
        raise Refused("the verdict → hold")
    if code == 130:
        raise KeyboardInterrupt
    return code

main.app.command("change")(change)
main.app.command("status")(change)
main.app.registered_commands.sort(key=lambda command: command.callback is change)
sys.argv = ["contender", *sys.argv[1:]]
main.main()
"""
"""The command line with a command that changes something and one, in the place of `status`, that only shows."""


def outcome(
    *words: str, redirected: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["bash", "-o", "pipefail", "-c", f'"$@" {redirected}', "bash", sys.executable, "-c", CHANGE, *words]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **(environment or {})})


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
def test_what_an_encoding_lacks_is_replaced(encoding: str) -> None:
    ended = outcome("change", environment={"PYTHONIOENCODING": encoding})
    assert ended.returncode == 0
    assert "-> the challenger" in ended.stderr.decode(encoding.partition(":")[0])
    assert b"?" in ended.stdout


@pytest.mark.parametrize(
    ("redirected", "form"),
    [
        (">/dev/full", "--json"),
        (">/dev/full 2>&1", ""),
        ("2>/dev/full", "--json"),
        ("<&- >&- 2>&-", ""),
        (">&-", "--json"),
        ("2>&-", ""),
        ("| true", ""),
    ],
)
def test_a_change_keeps_its_exit_code(redirected: str, form: str) -> None:
    code = 3 if form else 0
    ended = outcome("change", "--code", str(code), *filter(None, [form]), redirected=redirected)
    assert ended.returncode == code
    assert b"Traceback" not in ended.stderr
    assert b"Exception ignored" not in ended.stderr


def test_why_a_result_is_not_there_is_told() -> None:
    ended = outcome("change", redirected=">/dev/full")
    assert "the result cannot be shown: stdout: No space left on device" in ended.stderr.decode()


def test_a_command_that_only_shows_fails_where_it_cannot() -> None:
    assert outcome("status", redirected=">/dev/full").returncode == 1
    assert outcome("status", "--json", redirected="| true").returncode == 0


def test_a_defect_of_a_picture_does_not_undo_what_was_done() -> None:
    ended = outcome("change", "--broken")
    assert ended.returncode == 0
    assert b"the result cannot be shown: KeyError at " in ended.stderr
    assert b"Traceback" in outcome("--debug", "status", "--broken").stderr


def test_what_others_wrote_reaches_no_terminal_as_a_command() -> None:
    ended = outcome("change")
    assert b"\x1b" not in ended.stdout + ended.stderr
    assert b"\\x1b[31m" in ended.stdout
    assert b"\\x1b[2K" in ended.stderr


def test_help_ends_well_when_nobody_reads_on() -> None:
    assert outcome("experiment", "--help", redirected="| true").returncode == 0


def test_ctrl_c_is_told() -> None:
    ended = outcome("change", "--code", "130")
    assert ended.returncode == 130
    assert ended.stderr.decode().splitlines()[-1] == "interrupted"
