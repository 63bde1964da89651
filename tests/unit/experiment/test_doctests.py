"""The worked examples in the docstrings run, and the table of cases names every function."""

import doctest
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

from contender import experiment
from contender.experiment import statistics

MODULES = [
    module.name
    for package in (experiment, statistics)
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]
STATISTICS = [name for name in MODULES if ".statistics." in name]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def public_functions(module: ModuleType) -> dict[str, object]:
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value)
        and not isinstance(value, type)
        and not name.startswith("_")
        and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", STATISTICS)
def test_every_public_function_of_statistics_has_an_example(name: str) -> None:
    functions = public_functions(importlib.import_module(name))
    assert functions
    assert [key for key, value in functions.items() if ">>>" not in (value.__doc__ or "")] == []


@pytest.mark.parametrize("name", STATISTICS)
def test_every_public_function_of_statistics_is_in_the_table_of_cases(name: str) -> None:
    table = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text()
    functions = public_functions(importlib.import_module(name))
    assert [key for key in functions if f"`{name.rpartition('.')[2]}.{key}" not in table] == []
