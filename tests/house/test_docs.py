"""The documentation tells the truth: links lead somewhere, commands and targets exist, decisions are numbered."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.main import app
from cli.reference import FILE, reference

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)")
COMMAND = re.compile(r"(?:^\$ |`)contender ([a-z]+(?: [a-z]+)?)", re.MULTILINE)
MAKE = re.compile(r"(?:^\$ |`)make ([a-z-]+)", re.MULTILINE)


def leaves() -> Iterator[str]:
    """Every command, with its group."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name
        yield from (f"{name} {child}" for child in getattr(command, "commands", {}))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_named_exists(page: Path) -> None:
    known = set(leaves())
    unknown = [words for words in COMMAND.findall(page.read_text()) if not {words, words.split()[0]} & known]
    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_named_exists(page: Path) -> None:
    assert not set(MAKE.findall(page.read_text())) - targets()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_reference_is_up_to_date() -> None:
    assert FILE.read_text() == reference()
