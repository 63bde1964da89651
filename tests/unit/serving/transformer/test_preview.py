from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import InvalidInput
from serving.transformer.preview import LONGEST_S, Previews, read_key, sign

KEY = b"k" * 32
NOW = 1_000_000
PREVIEWS = Previews("job-change", KEY, lambda: NOW + 0.5)


def signed(unit: str | None = "u1", *, key: bytes = KEY, task: str = "job-change", expires: int = NOW + 60) -> bytes:
    return sign(key, task, unit, "challenger", expires).encode()


@pytest.mark.parametrize("unit", ["u1", "Zoë;1;2", "", None])
def test_a_signed_arm_is_read(unit: str | None) -> None:
    assert PREVIEWS.arm(signed(unit), unit) == "challenger"


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"challenger",
        b"challenger;;",
        b"challenger;" + str(NOW + 60).encode() + b";",
        b"challenger;1e9;00",
        b"challenger;" + b"9" * 5000 + b";00",
        b"challenger;-1;00",
        b"challenger;\xb2;00",
        b"\xff;" + str(NOW + 60).encode() + b";\xff",
        signed()[:-1],
        signed()[:-1] + b"g",
        signed().replace(b"challenger", b"champion"),
        signed().replace(str(NOW + 60).encode(), str(NOW + 61).encode()),
        signed("u2"),
        signed(None),
        signed(task="job-role"),
        signed(key=b"x" * 32),
        signed(expires=NOW),
        signed(expires=NOW + LONGEST_S + 1),
    ],
)
def test_whatever_else_is_ignored(header: bytes | None) -> None:
    assert PREVIEWS.arm(header, "u1") is None


def test_without_a_key_nobody_chooses() -> None:
    assert Previews("job-change", None, lambda: NOW).arm(signed(), "u1") is None


def test_two_parts_cannot_be_read_in_two_ways() -> None:
    assert sign(KEY, "a", "b", "c", 1) != sign(KEY, "a\nb", "", "c", 1)


def test_a_key_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    assert read_key(path) == KEY
    for content in (b"", b"short", b" " * 40):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="preview_key"):
            read_key(path)
    with pytest.raises(InvalidInput, match="preview_key"):
        read_key(tmp_path / "none")
