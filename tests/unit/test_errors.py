"""The error tree: what an error tells, and that the drawing in its docstring is the tree that exists."""

from __future__ import annotations

import inspect
import re

import pytest

from contender import errors
from contender.errors import Conflict, ContenderError, InvalidInput, InvalidRouting


def test_an_error_tells_what_is_wrong_and_what_to_do() -> None:
    assert str(Conflict("somebody was faster", remedy="try again")) == "somebody was faster (try again)"
    assert str(Conflict("somebody was faster")) == "somebody was faster"


@pytest.mark.parametrize(("field", "text"), [("a.b", "a.b: is empty"), ("", "is empty")])
def test_invalid_input_names_the_field(field: str, text: str) -> None:
    error = InvalidRouting(field, "is empty", remedy="fill it in")
    assert (error.field, error.message, str(error)) == (field, text, f"{text} (fill it in)")
    assert isinstance(error, InvalidInput)


def test_the_docstring_draws_the_tree() -> None:
    drawn = re.findall(r"^    [│├└─ ]*([A-Z]\w+) ", errors.__doc__ or "", re.MULTILINE)
    found = [name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ContenderError)]
    assert sorted(drawn) == sorted(found)
