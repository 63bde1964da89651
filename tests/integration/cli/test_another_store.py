"""A home goes with the store that its anchors are of: in another, empty one nothing is begun anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.serve import check_store
from cli.settings import Settings
from contender.errors import Refused
from tests.integration.cli.bench import TASK, WIDE, Bench


def test_an_empty_store_beside_anchors_is_another_one(place: Bench, tmp_path: Path) -> None:
    check_store(place)
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"
    other = Bench(Settings(home=place.settings.home, slots=WIDE, store_url=elsewhere), TASK)
    check_store(other)
    place.anchors.keep(TASK, {"sequence": 3, "hash": "0" * 64, "at": 1.0})
    check_store(place)
    with pytest.raises(Refused, match=r"elsewhere.db has no release of job-change, .* 3 audit records") as refused:
        check_store(other)
    assert "CONTENDER_STORE_URL" in refused.value.remedy
    other.store.close()
