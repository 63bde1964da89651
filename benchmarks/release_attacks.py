"""What attacks a release: rivals that promote at once, approvals that must not hold, hands in the audit trail."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fresh_processes import context, exit_code, started
from benchmarks.release_lab import NOW, TASK, Lab, install, prepare, start
from cli.output import exit_code as code_of
from contender.adapters.keys_ed25519 import create, enrol, keyring, signer
from contender.errors import ContenderError, Refused
from contender.moments import DAY_S
from contender.release import audit
from contender.release.approval import Approvals, Sign, Subject, Validity, seal, subject

RIVALS = 8
RECORDS = 50


class Race(NamedTuple):
    """How many rounds there were, and in how many everything was as it must be."""

    rounds: int
    one_winner: int
    losers_exit_1: int
    losers_audited: int
    trails_whole: int


def races(rounds: int, folder: Path) -> Race:
    """`RIVALS` processes promote the same challenger at the same moment, round after round."""
    template = Lab(folder / "template").run(install, prepare, start)
    barrier = context().Barrier(RIVALS)
    pipes = [context().Pipe() for _ in range(RIVALS)]
    rivals = [started(_rival, number, theirs, barrier) for number, (_, theirs) in enumerate(pipes)]
    seen = [_round(template.copy(folder / str(number)), [ours for ours, _ in pipes]) for number in range(rounds)]
    for (ours, _), rival in zip(pipes, rivals, strict=True):
        ours.send("")
        exit_code(rival, 60)
    return Race(rounds, *(sum(column) for column in zip(*seen, strict=True)))


def _rival(number: int, pipe: Connection, barrier: Barrier) -> None:
    """Promotes in each folder that it is told, on what it saw just before; answers with the command's exit code."""
    while folder := pipe.recv():
        lab = Lab(Path(folder))
        release = lab.release(f"rival {number}")
        generation = release.state().generation
        barrier.wait(60)
        code = 0
        try:
            release.promote("digest", f"rival {number}", generation=generation)
        except ContenderError as error:
            code = code_of(error)
        lab.store.close()
        pipe.send(code)


def _round(lab: Lab, pipes: Sequence[Connection]) -> tuple[bool, bool, bool, bool]:
    lab.store.close()
    before = lab.release().state().generation
    for pipe in pipes:
        pipe.send(str(lab.folder))
    codes = [pipe.recv() for pipe in pipes]
    lab.release().resume()
    routing, events = lab.routing.read(TASK), lab.events()
    switched = routing is not None and (routing.generation, routing.arms[0].version) == (before + 1, "8")
    one = switched and codes.count(0) == 1 and events.count("promote") == 1
    audited = events.count("promote refused") == RIVALS - 1
    whole = not lab.faults()
    lab.close()
    return one, codes.count(1) == RIVALS - 1, audited, whole


class Tried(NamedTuple):
    """How many attempts there were, and how many of them failed as they must."""

    attempts: int
    stopped: int


def approvals(folder: Path) -> tuple[Tried, bool]:
    """Approvals that must not hold, each tried and audited; and whether the right one then does hold."""
    signs = _people(folder)
    lab = Lab(folder / "lab", Approvals(keyring(folder / "approvers"), required=True)).run(install, prepare, start)
    what = subject(lab.release().state(), "digest")
    bad = [None, *_bad_approvals(what, signs)]
    stopped = sum(_refused(lab, document) for document in bad)
    good = _sealed(what, "grace", signs["grace"], nonce="good")
    promoted = lab.release("ada").promote("digest", "it wins", approval=good).phase == "promoted"
    lab.run(lambda release: release.undo("no"), start)
    replayed = _refused(lab, good)
    whole = not lab.faults()
    lab.close()
    return Tried(len(bad) + 1, stopped + replayed), promoted and whole


def _people(folder: Path) -> dict[str, Sign]:
    """Ada releases, Grace approves, Eve has a key that counts nowhere."""
    signs = {}
    for name in ("ada", "grace", "eve"):
        public = create(folder / f"{name}.key")
        signs[name] = signer(folder / f"{name}.key")
        if name != "eve":
            enrol(folder / "approvers", name, public)
    return signs


def _sealed(
    what: Subject, approver: str, sign: Sign, at: float = NOW - 60, valid_s: float = DAY_S, *, nonce: str = "n"
) -> dict[str, Any]:
    return seal(what, approver, Validity(at, valid_s), nonce=nonce, sign=sign)


def _bad_approvals(what: Subject, signs: Mapping[str, Sign]) -> Iterator[dict[str, Any]]:
    grace = signs["grace"]
    good = _sealed(what, "grace", grace)
    for name, value in good.items():  # edited
        yield good | {name: value + 1 if isinstance(value, float) else f"{value}0"}
        yield {other: kept for other, kept in good.items() if other != name}
    yield _sealed(what, "grace", signs["eve"])  # forged
    yield _sealed(what, "eve", signs["eve"])  # of nobody who counts
    yield _sealed(what, "ada", signs["ada"])  # of the initiator
    for name in Subject.__dataclass_fields__:  # rightly signed for something else
        yield _sealed(_other(what, name), "grace", grace)
    yield _sealed(what, "grace", grace, NOW - 2 * DAY_S)  # expired
    yield _sealed(what, "grace", grace, NOW + 60)  # not valid yet
    yield _sealed(what, "grace", grace, valid_s=30 * DAY_S)  # valid for too long


def _other(what: Subject, name: str) -> Subject:
    return Subject(**{field: getattr(what, field) + ("0" if field == name else "") for field in what.__slots__})


def _refused(lab: Lab, document: dict[str, Any] | None) -> bool:
    before, told = lab.seen(), lab.events().count("promote refused")
    try:
        lab.release("ada").promote("digest", "it wins", approval=document)
    except Refused:
        return lab.seen() == before and lab.events().count("promote refused") == told + 1
    return False


def audit_mutations() -> Tried:
    """Every single-record mutation of a trail of `RECORDS` records, verified with the anchor of its end."""
    records: list[dict[str, Any]] = []
    for number in range(RECORDS):
        last = records[-1] if records else None
        detail = {"reason": f"n{number}"}
        records.append(audit.record(last, at=NOW + number, actor="ada", task=TASK, event="step", detail=detail))
    end = audit.anchor(records)
    mutants = [mutant for place in range(RECORDS) for mutant in _mutants(records, place)]
    return Tried(len(mutants), sum(bool(audit.verify(mutant, end)) for mutant in mutants))


def _mutants(records: list[dict[str, Any]], place: int) -> Iterator[list[dict[str, Any]]]:
    """The trail with one record edited, sealed anew, deleted, doubled, moved, or the end cut off from it on."""
    found, before, after = records[place], records[:place], records[place + 1 :]
    for name, value in found.items():
        edited = value + 1 if isinstance(value, int | float) else {"reason": "other"} if name == "detail" else "x" * 64
        yield [*before, found | {name: edited}, *after]
        yield [*before, {other: kept for other, kept in found.items() if other != name}, *after]
    last = before[-1] if before else None
    yield [*before, audit.record(last, at=NOW, actor="eve", task=TASK, event="step", detail={}), *after]
    yield [*before, *after]
    yield [*before, found, found, *after]
    yield before
    yield [*before, *after[:1], found, *after[1:]] if after else [found, *before]


def database_hands(folder: Path) -> Tried:
    """SQL that changes or deletes audit records: the database itself refuses each."""
    lab = Lab(folder / "hands").run(install, prepare, start)
    lab.store.close()
    statements = (
        "UPDATE audit SET record = '{}'",
        "UPDATE audit SET sequence = sequence + 100",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 1",
        "INSERT OR REPLACE INTO audit SELECT task, sequence, '{}' FROM audit WHERE sequence = 1",
    )
    stopped = sum(_stopped(lab.folder / "store.db", statement) for statement in statements)
    lab.close()
    return Tried(len(statements), stopped)


def _stopped(path: Path, statement: str) -> bool:
    connection = sqlite3.connect(path)
    before = connection.execute("SELECT * FROM audit").fetchall()
    with suppress(sqlite3.IntegrityError), connection:
        connection.execute(statement)
    after = connection.execute("SELECT * FROM audit").fetchall()
    connection.close()
    return before == after
