"""Finds the commands in a Markdown page: those of fenced shell blocks, and those quoted within a line.

    python -m tests.documents.extract PAGE [--section TEXT] [--set BUCKET=models] [--edited FILE]

prints the fenced ones as a script, each under a comment that names its line, placeholders filled in. `--edited FILE`
holds replacements, a line `before => after` each; whatever it changes is listed at the end, so that a transcript shows
what was not typed as it stands.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]

PROGRAMS: Final = (
    "contender",
    "kubectl",
    "helm",
    "make",
    "gh",
    "aws",
    "terraform",
    "curl",
    "python",
    "pytest",
    "promtool",
    "amtool",
)
"""What counts as a command when it is quoted within a line, with at least one word behind it."""

_SHELLS: Final = frozenset({"sh", "bash", "console"})
_FENCE: Final = re.compile(r"^ *```(\w*)$")
_QUOTED: Final = re.compile(r"`((?:\S+/)?(?:" + "|".join(PROGRAMS) + r") [^`]+)`")
_HERE: Final = re.compile(r"<<-?'?(\w+)'?")


class Text(NamedTuple):
    """A command as it is written: the page (relative to the root), its first line, and whether a block of its own."""

    page: str
    line: int
    text: str
    fenced: bool
    section: str = ""

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page that may tell somebody to type something."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "infrastructure").rglob("*.md")]
    examples = ROOT / "examples"
    return sorted(page for page in [*found, *examples.rglob("*.md")] if ".terraform" not in page.parts)


def commands(page: Path) -> Iterator[Text]:
    """The commands of `page`, in its order."""
    name, lines = str(page.relative_to(ROOT)), page.read_text().splitlines()
    section, language, at = "", "", 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.match(line):
            language = "" if language else (fence[1] or "text")
        elif language in _SHELLS:
            said, used = _statement(lines[at:], language == "console")
            if said:
                yield Text(name, at + 1, said, fenced=True, section=section)
            at += used
            continue
        elif not language:
            section = line.lstrip("# ") if line.startswith("#") else section
            yield from (Text(name, at + 1, said, fenced=False, section=section) for said in _QUOTED.findall(line))
        at += 1


def _statement(lines: Sequence[str], console: bool) -> tuple[str, int]:
    """The command that begins at the first of `lines`, without its prompt, and how many lines it takes."""
    first = lines[0]
    if console and not first.startswith("$ "):
        return "", 1
    taken = [first[2:] if console else first]
    if not taken[0].strip() or taken[0].lstrip().startswith("#"):
        return "", 1
    while len(taken) < len(lines) and not lines[len(taken)].startswith("```") and _goes_on("\n".join(taken)):
        taken.append(lines[len(taken)])
    return "\n".join(taken), len(taken)


def _goes_on(text: str) -> bool:
    if here := _HERE.search(text):
        return not re.search(rf"^{here[1]}$", text, re.MULTILINE)
    return text.rstrip().endswith("\\") or _open_quote(text)


def _open_quote(text: str) -> bool:
    inside = ""
    for at, letter in enumerate(text):
        comment = letter == "#" and not inside and (at == 0 or text[at - 1].isspace())
        if comment:
            return False
        if letter in "'\"" and (not inside or inside == letter) and text[at - 1 : at] != "\\":
            inside = "" if inside else letter
    return bool(inside)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each placeholder, a word of its own or `<name>`, as `values` has it."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", value) if name.islower() else re.sub(rf"\b{name}\b", value, text)
    return text


def script(found: Sequence[Text], values: Mapping[str, str], edits: Mapping[str, str]) -> tuple[str, list[str]]:
    """The commands as a script, and a line for each that `edits` changed."""
    lines, edited = [], []
    for one in found:
        text = filled(one.text, values)
        for before, after in edits.items():
            if before in text:
                text = text.replace(before, after)
                edited.append(f"{one.where}: {before} => {after}")
        lines += [f"# {one.where}", text]
    return "\n".join([*lines, ""]), edited


def main(arguments: Sequence[str]) -> int:
    """Print the commands of a page; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.documents.extract")
    parser.add_argument("page", type=Path)
    parser.add_argument("--section", default="", help="only below this heading")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a placeholder's value")
    parser.add_argument("--edited", type=Path, help="replacements: before => after")
    wish = parser.parse_args(arguments)
    edits = dict(line.split(" => ", 1) for line in wish.edited.read_text().splitlines()) if wish.edited else {}
    found = [one for one in commands(wish.page.resolve()) if one.fenced and wish.section in one.section]
    text, edited = script(found, dict(one.split("=", 1) for one in wish.set), edits)
    sys.stdout.write(text + "".join(f"# edited: {line}\n" for line in edited))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
