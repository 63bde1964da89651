"""Whatever is quoted stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dossier.markup import element, inside
from contender.plain_text import visible


class Reader(HTMLParser):
    """What a browser would see: elements with attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.elements = "", list[tuple[str, dict[str, str | None]]]()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


READABLE = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.sampled_from("<>&\"'/=\n"))


@given(READABLE, READABLE)
def test_text_and_attributes_come_back_as_they_were_and_make_no_elements(text: str, title: str) -> None:
    page = Reader(element("p", text, title=title))
    assert page.text == text
    assert page.elements == [("p", {"title": title})]


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_written_as_utf8(text: str) -> None:
    element("p", text, title=text).encode()


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\0", "\x1b", "\x9b"])
def test_letters_that_disguise_a_text_are_shown_by_number(letter: str) -> None:
    written = element("p", f"approved{letter}")
    assert letter not in written
    assert visible(letter) in written


def test_markup_stays_markup_and_lists_are_joined() -> None:
    assert element("ul", [element("li", 1), None, element("li", "a&b")]) == "<ul><li>1</li><li>a&amp;b</li></ul>"
    assert inside(iter(["x", "<"])) == "x&lt;"


def test_names_of_attributes() -> None:
    assert element("line", class_="grid", aria_hidden="true", x1=0, id=None) == (
        '<line class="grid" aria-hidden="true" x1="0"/>'
    )
