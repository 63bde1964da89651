"""Every error that Contender raises on purpose.

::

    ContenderError                 something a person can act on; never a defect of the code
    ├── InvalidInput               what was handed in is wrong: names the field
    │   ├── InvalidRouting         a routing document that must not be obeyed
    │   └── InvalidArtifact        a serving artifact that must not be loaded
    ├── NotFound                   a version, alias, experiment or file that does not exist
    ├── Conflict                   somebody else was faster (compare-and-swap lost)
    ├── Refused                    a gate, a verdict or an approval says no
    ├── FaultFound                 drift or a data-quality fault was found
    └── Unavailable                a service does not answer
        └── DeadlineExceeded       … within the time it was given

The kinds are neutral: HTTP codes belong to `serving`, exit codes to `cli`. Adapters translate foreign
errors into these once, with ``raise … from``.
"""


class ContenderError(Exception):
    """An error a person can act on: what is wrong, and what to do next."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class InvalidInput(ContenderError):
    """What was handed in is wrong; `field` is where (a path such as ``instances[3].experience``)."""

    def __init__(self, field: str, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message, remedy=remedy)
        self.field = field


class InvalidRouting(InvalidInput):
    """A routing document that must not be obeyed; the last good one stays in force."""


class InvalidArtifact(InvalidInput):
    """A serving artifact that must not be loaded; `field` is the file at fault."""


class NotFound(ContenderError):
    """A version, alias, experiment or file that does not exist."""


class Conflict(ContenderError):
    """A compare-and-swap lost: the state is no longer the one the caller saw."""


class Refused(ContenderError):
    """A gate, a verdict or an approval says no."""


class FaultFound(ContenderError):
    """Drift or a data-quality fault was found."""


class Unavailable(ContenderError):
    """A service does not answer."""


class DeadlineExceeded(Unavailable):
    """A service did not answer within the time it was given."""
