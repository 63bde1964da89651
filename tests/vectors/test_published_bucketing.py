"""GrowthBook's cross-language cases, read from where they are handed out."""

import json
from pathlib import Path
from typing import Any

import pytest

from contender.experiment.assignment import bucket_ranges, choose, hash_unit

FILE = Path(__file__).parents[2].parent / "shared" / "vectors" / "growthbook_cases.json"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"needs the published cases at {FILE}")


@pytest.fixture(scope="module")
def cases() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(FILE.read_text())
    return found


def test_hash(cases: dict[str, list[Any]]) -> None:
    assert len(cases["hash"]) == 15
    for seed, value, version, expected in cases["hash"]:
        assert hash_unit(seed, value, version) == expected


def test_ranges(cases: dict[str, list[Any]]) -> None:
    assert len(cases["getBucketRange"]) == 13
    for name, (count, coverage, weights), expected in cases["getBucketRange"]:
        found = bucket_ranges(count, coverage, weights)
        assert [edge for pair in found for edge in pair] == pytest.approx([e for pair in expected for e in pair]), name


def test_choice(cases: dict[str, list[Any]]) -> None:
    assert len(cases["chooseVariation"]) == 13
    for name, point, ranges, expected in cases["chooseVariation"]:
        assert choose(point, [(low, high) for low, high in ranges]) == expected, name
