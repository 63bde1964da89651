"""Approvals: a document in which somebody else than the initiator agrees to exactly one promotion.

Pure. It names the two versions with their digests and the evidence, lives for a limited time, counts once, and is
signed with the approver's own key. Whoever promotes holds only what verifies a signature, so cannot make one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from contender.errors import Refused
from contender.moments import DAY_S
from contender.release.state import Placed, ReleaseState

MAX_VALID_S: Final = 7 * DAY_S
"""No approval may be valid for longer: what was seen a week ago is no ground to promote on."""

NONCE: Final = "approval"
"""The field of an audit record's detail that names the approval it rests on."""

Verify = Callable[[bytes, str], bool]
"""Whether a signature (hex) is one key's over a message."""

Sign = Callable[[bytes], str]
"""The signature (hex) of a message."""

_REMEDY: Final = "ask somebody else for `contender approve`"
_TEXTS: Final = (
    "task",
    "champion",
    "champion_digest",
    "challenger",
    "challenger_digest",
    "evidence",
    "approver",
    "nonce",
    "signature",
)
_TIMES: Final = ("issued_at", "expires_at")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is approved: one task's challenger in place of its champion, for this evidence; all of it exact."""

    task: str
    champion: str
    champion_digest: str
    challenger: str
    challenger_digest: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A promotion that is about to happen: its subject, who brought it about, and which approvals were used before.

    `now` is in seconds since the epoch.
    """

    subject: Subject
    initiators: frozenset[str]
    used: frozenset[str]
    now: float


class Validity(NamedTuple):
    """When an approval was given and for how long it holds; in seconds since the epoch, and seconds."""

    issued_at: float
    valid_s: float


@dataclass(frozen=True, slots=True)
class Approvals:
    """Whose approvals count: approver's name to the check of that person's signature; and whether one is `required`."""

    keys: Mapping[str, Verify] = field(default_factory=dict)
    required: bool = False

    def check(self, document: Mapping[str, Any] | None, asked: Asked) -> dict[str, Any]:
        """What the audit record tells of the approval; empty when none is there and none is needed.

        Raises:
            Refused: none is there although one is required, or it does not hold, whether required or not.
        """
        if document is None and not self.required:
            return {}
        if problem := self._problem(document, asked):
            raise Refused(f"the approval does not hold: {problem}", remedy=_REMEDY)
        return {NONCE: document["nonce"], "approver": document["approver"]} if document else {}

    def _problem(self, document: Mapping[str, Any] | None, asked: Asked) -> str:
        if document is None:
            return "there is none, and it is required here"
        if problem := _misshapen(document):
            return problem
        verify = self.keys.get(document["approver"])
        if verify is None:
            return f"{document['approver']} is nobody whose approval counts here"
        if not verify(statement(document), document["signature"]):
            return f"it was not signed by {document['approver']}, or edited afterwards"
        return next((problem for rule in _RULES if (problem := rule(document, asked))), "")


def seal(subject: Subject, approver: str, validity: Validity, *, nonce: str, sign: Sign) -> dict[str, Any]:
    """The signed approval of `subject` by `approver`. `nonce` must be new: an approval counts once."""
    document: dict[str, Any] = {
        **asdict(subject),
        "approver": approver,
        "issued_at": validity.issued_at,
        "expires_at": validity.issued_at + validity.valid_s,
        "nonce": nonce,
    }
    return document | {"signature": sign(statement(document))}


def subject(state: ReleaseState, evidence: str) -> Subject:
    """What promoting the challenger of `state` on `evidence` would be."""
    return Subject(state.task, *_exact(state.champion), *_exact(state.challenger), evidence)


def statement(document: Mapping[str, Any]) -> bytes:
    """What is signed: everything but the signature, as canonical JSON."""
    content = {name: value for name, value in document.items() if name != "signature"}
    return b"contender approval\n" + json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def initiators(records: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Who brought the present challenger about, by the audit trail: who prepared it and who started its experiment."""
    prepared = max((at for at, record in enumerate(records) if record["event"] == "prepare"), default=0)
    added = (str(record["actor"]) for record in records[prepared:] if record["event"] == "add")
    return frozenset((*_last(records, "prepare"), *_last(records, "start"), *added))


def used_approvals(records: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The nonces of all approvals that the audit trail tells of."""
    return frozenset(record["detail"][NONCE] for record in records if NONCE in record["detail"])


def _exact(placed: Placed | None) -> tuple[str, str]:
    return (placed.model.version, placed.model.digest) if placed else ("", "")


def _last(records: Sequence[Mapping[str, Any]], event: str) -> list[str]:
    return [str(record["actor"]) for record in records if record["event"] == event][-1:]


def _misshapen(document: Mapping[str, Any]) -> str:
    if set(document) != {*_TEXTS, *_TIMES}:
        return "it has not the fields of an approval"
    if not all(isinstance(document[name], str) for name in _TEXTS):
        return "its fields are not of their kinds"
    return "" if all(_is_time(document[name]) for name in _TIMES) else "its times are not numbers"


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_another(document: Mapping[str, Any], asked: Asked) -> str:
    wrong = [name for name, value in asdict(asked.subject).items() if document[name] != value]
    return f"it is for another {', '.join(wrong)}" if wrong else ""


def _own(document: Mapping[str, Any], asked: Asked) -> str:
    approver = document["approver"]
    return f"{approver} brought the release about and cannot approve it" if approver in asked.initiators else ""


def _out_of_time(document: Mapping[str, Any], asked: Asked) -> str:
    issued, expires = document["issued_at"], document["expires_at"]
    if expires - issued > MAX_VALID_S:
        return f"it is valid for longer than {MAX_VALID_S / DAY_S:g} days"
    if asked.now < issued:
        return "it is not valid yet"
    return "it has expired" if asked.now >= expires else ""


def _replayed(document: Mapping[str, Any], asked: Asked) -> str:
    return "it was used before" if document["nonce"] in asked.used else ""


_RULES: Final[tuple[Callable[[Mapping[str, Any], Asked], str], ...]] = (_of_another, _own, _out_of_time, _replayed)
"""What a rightly signed approval can still lack, in the order it is told."""
