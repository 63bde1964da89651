"""What a release needs from the world. Adapters fit these shapes; tests bring fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from contender.routing import Routing
from contender.values import ModelVersion


class Rates(NamedTuple):
    """How many units were answered, and how many of them met each fault (by name) at least once."""

    units: int
    faults: Mapping[str, int]


class Slots(Protocol):
    """Places where model versions are served."""

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        """Serve `version` in `slot`: return once the slot *answers* with that version and its golden requests hold.

        Idempotent: a slot that already does goes on. Who prepared it last may have died before the golden requests were
        asked, so that they are asked again.

        Raises:
            Unavailable: not within `deadline_s`, with the slot's own reason.
            InvalidArtifact: the artifact is not the one that `version` names; what was served before still is.
        """
        ...

    def serves(self, slot: str, version: ModelVersion) -> bool:
        """Whether `slot` is to serve exactly that version and answers as it; the place of artifacts may be away."""
        ...

    def answers(self, slot: str) -> str | None:
        """The version that `slot` answers with now, or None when it does not answer."""
        ...

    def retire(self, slot: str) -> None:
        """Stop serving in `slot`. Idempotent."""
        ...


class RoutingStore(Protocol):
    """The routing document's home: readers see a whole old or a whole new document, never a mix."""

    def read(self, task: str) -> Routing | None:
        """The routing in force, or None before the first one."""
        ...

    def write(self, routing: Routing, *, expected: int | None) -> None:
        """Replace the document if its generation is still `expected` (None: there is none yet).

        Raises:
            Conflict: another writer was faster.
        """
        ...

    def wait_applied(self, task: str, generation: int, *, deadline_s: float) -> None:
        """Return once every reader obeys `generation` or a later one.

        Raises:
            DeadlineExceeded: some reader does not yet.
        """
        ...


class Registry(Protocol):
    """Model versions and the aliases that point at them."""

    def version(self, task: str, ref: str) -> ModelVersion:
        """The version that `ref` (a version number or an alias) names.

        Raises:
            NotFound: no such version or alias.
        """
        ...

    def aliases(self, task: str) -> Mapping[str, str]:
        """Alias to version number."""
        ...

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        """Point `alias` at `version`, or remove it when None. Idempotent."""
        ...


class ReleaseStore(Protocol):
    """Where release states and audit records live."""

    def load_release(self, task: str) -> dict[str, Any] | None:
        """The release document that was saved last, or None."""
        ...

    def save_release(self, task: str, document: Mapping[str, Any], *, expected: int | None) -> None:
        """Replace the release document if its ``revision`` is still `expected`.

        Raises:
            Conflict: another process moved the release on.
        """
        ...

    def append_audit(self, task: str, record: Mapping[str, Any]) -> None:
        """Append a record for good. Its ``sequence`` must follow the last one.

        Raises:
            Conflict: another process appended first.
        """
        ...

    def audit(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All records that were not pruned, oldest first."""
        ...

    def prune_audit(self, task: str, through: int) -> int:
        """Delete the records up to number `through`, which a later record must seal already; how many went.

        Raises:
            Refused: nothing seals them, or they are too young: nothing was deleted.
        """
        ...


class Anchors(Protocol):
    """Where the ends of audit trails are kept, out of reach of whoever holds the trails."""

    def keep(self, task: str, anchor: Mapping[str, Any]) -> None:
        """Keep an anchor for good, beside all earlier ones. Repeating the last one changes nothing."""
        ...

    def kept(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All anchors of `task`, in the order they were kept."""
        ...
