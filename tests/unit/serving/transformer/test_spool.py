"""The spool on a real disk: order, replay, torn tails, rotation."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.errors import Unavailable
from serving.transformer.spool import Spool


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def drained(spool: Spool, limit: int = 10) -> list[bytes]:
    records: list[bytes] = []
    while (batch := spool.read(limit)).lines:
        records += batch.records
        spool.commit(batch)
    return records


def numbered(start: int, stop: int) -> list[bytes]:
    return [b"%d" % index for index in range(start, stop)]


def test_what_is_appended_comes_out_in_order_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(numbered(0, 25))
    spool.append(numbered(25, 26))
    assert spool.depth == 26
    assert drained(spool) == numbered(0, 26)
    assert spool.depth == 0
    assert drained(spool) == []
    spool.append(numbered(26, 27))
    assert drained(spool) == numbered(26, 27)
    spool.close()


def test_a_record_larger_than_one_read_is_not_passed_over(tmp_path: Path) -> None:
    large = b"7" * (3 * 1024**2)
    spool = Spool(tmp_path, segment_bytes=4 * 1024**2)
    for records in (numbered(0, 2), [large], [large], numbered(2, 3)):
        spool.append(records)
    assert drained(spool) == [b"0", b"1", large, large, b"2"]
    spool.close()
    again = Spool(tmp_path)
    assert again.depth == 0
    again.close()


def test_what_was_not_committed_is_read_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(numbered(0, 5))
    assert spool.read(3).records == spool.read(3).records == numbered(0, 3)
    spool.close()


def test_a_restart_goes_on_where_the_store_had_got_to(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(numbered(0, 10))
    spool.commit(spool.read(4))
    spool.close()
    again = Spool(tmp_path)
    assert again.depth == 6
    again.append(numbered(10, 12))
    assert drained(again) == numbered(4, 12)
    again.close()


@given(cut=st.integers(min_value=0, max_value=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_tail_is_dropped_wherever_it_was_torn(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("torn")
    spool = Spool(folder)
    spool.append([b"first", b"second", b"third"])
    spool.close()
    (segment,) = segments(folder)
    whole = segment.read_bytes()
    segment.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    again = Spool(folder)
    again.append([b"fourth"])
    assert drained(again) == [*[b"first", b"second", b"third"][:kept], b"fourth"]
    again.close()


def test_a_damaged_line_is_skipped_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"first", b"second", b"third"])
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"second", b"sec0nd"))
    batch = spool.read(10)
    assert (batch.records, batch.damaged, batch.lines) == ([b"first", b"third"], 1, 3)
    spool.commit(batch)
    assert spool.depth == 0
    spool.close()


def test_segments_are_rotated_and_deleted_when_the_store_has_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=64)
    for index in range(20):
        spool.append(numbered(index, index + 1))
    assert len(segments(tmp_path)) > 3
    assert drained(spool, limit=2) == numbered(0, 20)
    assert len(segments(tmp_path)) == 1
    spool.close()
    assert Spool(tmp_path).depth == 0


def test_a_record_larger_than_a_segment_still_fits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=8)
    spool.append([b"x" * 100])
    assert drained(spool) == [b"x" * 100]
    spool.close()


def test_an_unreadable_checkpoint_ships_everything_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(numbered(0, 3))
    spool.commit(spool.read(2))
    spool.close()
    (tmp_path / "checkpoint.json").write_bytes(b"\xff")
    again = Spool(tmp_path)
    assert drained(again) == numbered(0, 3)
    again.close()


def test_a_spool_has_one_owner(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(Unavailable, match="cannot be used"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be used"):
        Spool(tmp_path / "file" / "spool")


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: a disk that is full."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_keeps_all_or_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"first"])
    with disk_of(30):
        # A part of this line fits: what is written later must not stick to it.
        with pytest.raises(Unavailable, match="cannot be written"):
            spool.append([b"second" * 10])
        with pytest.raises(Unavailable, match="cannot be written"):
            spool.append([b"third" * 10])
    spool.append([b"fourth"])
    spool.sync()
    assert spool.depth == 2
    assert drained(spool) == [b"first", b"fourth"]
    spool.close()


def test_records_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (segment,) = segments(tmp_path)
    assert segment.stat().st_mode & 0o077 == 0
    spool.close()


def test_it_takes_no_more_of_the_disk_than_it_may(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=100, most_bytes=300)
    for _ in range(3):
        spool.append([b"x" * 60])
    with pytest.raises(Unavailable):
        spool.append([b"x" * 60])
    assert sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) <= 400
    while spool.depth:
        spool.commit(spool.read(10))
    spool.append([b"x" * 60])
    spool.close()


def test_who_appends_never_waits_for_a_full_segment_to_be_durable(tmp_path: Path) -> None:
    synced: list[int] = []
    spool = Spool(tmp_path, segment_bytes=100, durable=synced.append)
    for number in range(0, 40, 4):
        spool.append(numbered(number, number + 4))
    written = len(segments(tmp_path))
    assert written > 2
    assert synced == []
    spool.sync()
    assert len(synced) == written
    spool.sync()
    assert len(synced) == written + 1
    assert drained(spool) == numbered(0, 40)
    spool.close()


def test_the_next_segment_is_opened_ahead_and_used(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=100)
    spool.append(numbered(0, 5))
    spool.sync()
    spool.sync()
    assert [path.stat().st_size > 0 for path in segments(tmp_path)] == [True, False]
    spool.append(numbered(5, 10))
    assert [path.stat().st_size > 0 for path in segments(tmp_path)] == [True, True]
    spool.close()
    again = Spool(tmp_path, segment_bytes=100)
    assert again.depth == 10
    assert drained(again) == numbered(0, 10)
    again.close()


def test_appending_goes_on_while_the_disk_makes_things_durable(tmp_path: Path) -> None:
    written = iter(range(10_000))

    def meanwhile(descriptor: int) -> None:
        spool.append([b"%d" % next(written) for _ in range(4)])

    spool = Spool(tmp_path, segment_bytes=100, durable=meanwhile)
    for _ in range(20):
        spool.append([b"%d" % next(written) for _ in range(3)])
        spool.sync()
    records = drained(spool)
    assert records == numbered(0, next(written))
    spool.close()
