"""Which commands only show."""

from typing import Any

import pytest
from typer.main import get_command

from cli.main import app
from cli.reading import ONLY_SHOW, only_shows


def exists(words: list[str]) -> bool:
    command: Any = get_command(app)
    for word in words:
        command = getattr(command, "commands", {}).get(word)
    return command is not None and not hasattr(command, "commands")


@pytest.mark.parametrize("name", sorted(ONLY_SHOW))
def test_there_is_such_a_command(name: str) -> None:
    assert exists(name.split())


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("--debug status --task job-role", True),
        ("experiment status --json", True),
        ("experiment start", False),
        ("promote --override status", False),
        ("", False),
    ],
)
def test_options_make_no_difference(line: str, shows: bool) -> None:
    assert only_shows(line.split()) is shows
