"""Where a transformer is, from its address."""

from __future__ import annotations

import pytest

from cli.endpoint import endpoint_at
from contender.errors import InvalidInput


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://10.0.0.7", "http://10.0.0.7:80/v1/models/job-role"),
        ("https://models.example.com", "https://models.example.com:443/v1/models/job-role"),
        ("https://models.example.com:8443/hiring/", "https://models.example.com:8443/hiring/v1/models/job-role"),
    ],
)
def test_scheme_port_and_path_are_those_of_the_address(address: str, expected: str) -> None:
    assert endpoint_at(address, "job-role").url == expected


@pytest.mark.parametrize("address", ["models.example.com", "ftp://models", "https://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="CONTENDER_TRANSFORMER_URL"):
        endpoint_at(address, "job-role")
