"""Tables of the dossier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cli.dossier.figures import plain
from cli.dossier.markup import Html, element


def section(name: str, title: str, *content: object) -> Html:
    """A part of the page under its own heading, reachable as ``#name``."""
    heading = element("h2", title, id=f"{name}-heading")
    return element("section", heading, content, id=name, aria_labelledby=f"{name}-heading")


def grid(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table whose first column names the row; text stays text, `Html` cells stay as they are."""
    head = element("thead", element("tr", [element("th", column, scope="col") for column in columns]))
    body = element("tbody", [_row(row) for row in rows])
    table = element("table", element("caption", caption), head, body)
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)


def facts(items: Mapping[str, object]) -> Html:
    """Names and values."""
    return element(
        "dl", [element("div", element("dt", name), element("dd", cell(value))) for name, value in items.items()]
    )


def code(value: object) -> Html:
    """A digest or identifier, whole, breakable."""
    return element("code", plain(value))


def mark(good: bool, text: str) -> Html:
    """A word with a sign before it: neither colour nor sign alone says it."""
    return element("span", "✔ " if good else "✖ ", text, class_="good" if good else "bad")


def cell(value: object) -> object:
    """A value as a table shows it."""
    return value if isinstance(value, Html | list | tuple) else plain(value)


def _row(values: Sequence[object]) -> Html:
    first, *rest = values
    return element("tr", element("th", cell(first), scope="row"), [element("td", cell(value)) for value in rest])
