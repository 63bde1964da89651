"""The slots that a task may use, as they are configured."""

import pytest
from pydantic import ValidationError

from cli.settings import Settings


def test_two_slots_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTENDER_SLOTS", raising=False)
    assert Settings().slots == ("blue", "green")
    monkeypatch.setenv("CONTENDER_SLOTS", "blue,green,violet")
    assert Settings().slots == ("blue", "green", "violet")


@pytest.mark.parametrize("slots", ["blue", "blue,blue", "blue,pink", ","])
def test_slots_that_nobody_serves_are_refused(slots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_SLOTS", slots)
    with pytest.raises(ValidationError, match="must name at least 2 of blue, green, violet, amber"):
        Settings()
