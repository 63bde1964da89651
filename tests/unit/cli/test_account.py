"""Who acts, where the account has no name: a pod runs as a number that its image does not know."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from cli.account import account_name
from cli.settings import Settings

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
NOBODY = 987_654
"""A uid that no system knows by name."""


@pytest.fixture
def nameless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without a name, as the operating system tells it: no variable, and no entry for its number."""
    import pwd

    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CONTENDER_ACTOR", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)
    with pytest.raises(KeyError):
        pwd.getpwuid(NOBODY)


def test_a_user_with_a_name_acts_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert account_name() == "ada"


@pytest.mark.usefixtures("nameless")
def test_an_account_without_a_name_is_its_number(tmp_path: Path) -> None:
    assert account_name(tmp_path / "token") == f"uid-{NOBODY}"


@pytest.mark.usefixtures("nameless")
def test_settings_are_read_by_an_account_without_a_name() -> None:
    assert Settings().actor == f"uid-{NOBODY}"


@pytest.mark.usefixtures("nameless")
def test_a_pod_is_named_by_its_service_account(tmp_path: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "system:serviceaccount:contender:release"}).encode())
    (tmp_path / "token").write_text(f"header.{claims.decode().rstrip('=')}.signature")
    assert account_name(tmp_path / "token") == "system:serviceaccount:contender:release"


@pytest.mark.usefixtures("nameless")
@pytest.mark.parametrize("text", ["", "no token", "a.!!!.c", "a.e30.c", "a.MQ.c"])
def test_a_token_that_cannot_be_read_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    assert account_name(tmp_path / "token") == f"uid-{NOBODY}"
