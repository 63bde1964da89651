"""Where predictions of a file go: batch by batch, then as one file, then a mark that it is done.

Every batch is a file of its own that appears whole. A run that was killed goes on behind the last one; the parts
become the predictions in one rename, and the journal's entry comes last.
"""

from __future__ import annotations

import csv
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from monitoring.quality.place import JOURNAL, replacing, replacing_bytes

PARTS: Final = ".parts"
_RUN: Final = ".run"

Form = Literal["csv", "parquet"]


class Scored(NamedTuple):
    """One row's prediction, as it is written. Nothing of the row but its id."""

    unit_id: str
    prediction_id: str
    label: str
    score: float | None
    confidence: float | None
    served_by: str
    model_version: str | None
    fallback_reason: str | None


@dataclass(frozen=True, slots=True)
class Outbox:
    """The folder of predictions of one task; parts of another `variant` (who scores, how many at a time) do not mix."""

    folder: Path
    form: Form = "csv"
    variant: str = ""

    def run(self) -> str:
        """A name of this folder that no other has, made once: whoever goes on here goes on under the same name."""
        kept = self.folder / _RUN
        if not kept.is_file():
            with replacing(kept) as content:
                content.write(secrets.token_hex(16))
        return kept.read_text(encoding="utf-8")

    def is_done(self, digest: str) -> bool:
        """Whether the file of this digest is scored already."""
        return self._entry(digest).is_file()

    def sweep(self) -> None:
        """Remove the parts of files that are done: a run killed at its very end left them."""
        for parts in (self.folder / PARTS).glob("*"):
            if self.is_done(parts.name):
                shutil.rmtree(parts)

    def batch(self, digest: str, number: int, score: Callable[[], Sequence[Scored]]) -> int:
        """The rows of batch `number`: those that are there already, or those that `score` gives now."""
        part = self._part(digest, number)
        if part.is_file():
            with part.open(encoding="utf-8", newline="") as content:
                return sum(1 for _ in csv.reader(content))
        scored = score()
        with replacing(part) as content:
            csv.writer(content, lineterminator="\n").writerows(scored)
        return len(scored)

    def finish(self, digest: str, name: str, batches: int, told: Mapping[str, Any]) -> Path:
        """One file of the first `batches` parts, in order; after that the file `digest` is done."""
        target = self.folder / f"{name}.{self.form}"
        whole_file = self._part(digest, 0).with_name("whole")
        with replacing(whole_file) as whole:
            csv.writer(whole, lineterminator="\n").writerow(Scored._fields)
            for number in range(batches):
                with self._part(digest, number).open(encoding="utf-8", newline="") as part:
                    shutil.copyfileobj(part, whole)
        self._publish(whole_file, target)
        with replacing(self._entry(digest)) as entry:
            entry.write(json.dumps({"file": target.name, **told}, indent=1, sort_keys=True) + "\n")
        shutil.rmtree(self.folder / PARTS / digest)
        return target

    def _publish(self, whole: Path, target: Path) -> None:
        if self.form == "csv":
            whole.replace(target)
            return
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet

        numbers = arrow_csv.ConvertOptions(column_types={"unit_id": "string", "model_version": "string"})
        with replacing_bytes(target) as content:
            parquet.write_table(arrow_csv.read_csv(whole, convert_options=numbers), content)

    def _part(self, digest: str, number: int) -> Path:
        return self.folder / PARTS / digest / self.variant / f"{number:06d}.csv"

    def _entry(self, digest: str) -> Path:
        return self.folder / JOURNAL / f"{digest}.json"


@dataclass(frozen=True, slots=True)
class FileScored:
    """What became of one file of good rows."""

    file: str
    rows: int
    seconds: float

    def to_document(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file of good rows that could not be scored, and what is wrong: the row, the field, never a value."""

    file: str
    problem: str

    def to_document(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
