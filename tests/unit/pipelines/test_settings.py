"""What steps learn from their environment: the commit they were built from, and where the store is."""

from __future__ import annotations

import pytest

from cli.compose import git_sha
from pipelines import settings


def test_an_image_says_which_commit_it_was_built_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.REVISION, "0123abc")
    assert settings.code_version() == "0123abc"
    assert git_sha() == "0123abc"


@pytest.mark.parametrize(
    ("stated", "environment", "expected"),
    [
        ("sqlite:///a", "sqlite:///b", "sqlite:///a"),
        ("", "sqlite:///b", "sqlite:///b"),
        ("", "", "sqlite:///c"),
    ],
)
def test_the_store_is_the_one_that_is_stated_then_that_of_the_environment(
    stated: str, environment: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.STORE, environment)
    assert settings.store_url(stated, otherwise="sqlite:///c") == expected
