import doctest
from types import ModuleType

import pytest

from pipelines import local
from pipelines.steps import validate


@pytest.mark.parametrize("module", [local, validate], ids=lambda module: module.__name__)
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
