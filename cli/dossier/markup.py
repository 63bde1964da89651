"""HTML that cannot be injected into: every text is escaped on its way into an element."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from contender.plain_text import visible

_VOID: Final = frozenset({"meta", "br", "line", "rect", "circle", "polyline", "polygon", "path"})


class Html(str):
    """Text that is HTML already; only `element` and `raw` make it."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """The element `name` around `children`: `Html` stays, lists are joined, None is nothing, all else is escaped.

    An attribute that is None is left out; underscores become hyphens, one at the end is dropped (``class_``).

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    stated = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID and not children:
        return Html(f"<{name}{stated}/>")
    return Html(f"<{name}{stated}>{inside(children)}</{name}>")


def inside(children: object) -> Html:
    """What `children` are inside an element."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if not isinstance(children, str) and isinstance(children, Iterable):
        return Html("".join(inside(child) for child in children))
    return Html(escaped(str(children)))


def raw(text: str) -> Html:
    """HTML of our own making, such as a style sheet; never anything that came from elsewhere."""
    return Html(text)


def escaped(text: str) -> str:
    """Any text as HTML shows it, in an element or an attribute, encodable as UTF-8."""
    return html.escape(visible(text))


def _attribute(key: str, value: object) -> str:
    return f' {key.removesuffix("_").replace("_", "-")}="{escaped(str(value))}"'
