"""Who says which unit is asked about: the client, or the gateway that has checked the client's credentials.

Behind a gateway every request carries ``X-Unit-From``, which its route sets: ``header`` where the client is the
person, whose id the gateway takes from the token into ``X-Unit-Id``; ``body`` where the client is a system that asks
about others.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contender.errors import InvalidInput, Refused
from serving.transformer.codec import UNIT_FIELD, UNIT_HEADER, Asked, header_unit

FROM_HEADER: Final = "X-Unit-From"
_FROM: Final = FROM_HEADER.lower().encode()
_UNIT: Final = UNIT_HEADER.lower().encode()
_PERSON, _SYSTEM = b"header", b"body"

Headers = Mapping[bytes, bytes]


class UnitSource(StrEnum):
    """``client``: the body's unit, else the header's, as the client likes. ``gateway``: as ``X-Unit-From`` says."""

    CLIENT = "client"
    GATEWAY = "gateway"

    def header(self, headers: Headers) -> bytes | None:
        """The header that names the unit of a single row, where it may; None where the body alone says.

        Raises:
            Refused: the request did not come through a route of the gateway.
            InvalidInput: the route is for persons and the gateway named none.
        """
        given = headers.get(_UNIT)
        if self is UnitSource.CLIENT:
            return given
        origin = headers.get(_FROM)
        if origin == _SYSTEM:
            return None
        if origin != _PERSON:
            raise Refused(
                f"no route has said who names the unit ({FROM_HEADER})",
                remedy="ask through the gateway, or set it to body",
            )
        if given is None:
            raise InvalidInput(UNIT_HEADER, "the gateway found no unit in the token")
        return given

    def hold(self, asked: Asked, header: bytes | None) -> Asked:
        """`asked`, unless it is about somebody else than the person who asks.

        Raises:
            Refused: the body names another unit than the gateway.
        """
        if self is UnitSource.GATEWAY and header is not None and list(asked.units) != [header_unit(header)]:
            raise Refused(f"the body's {UNIT_FIELD} is not the person who asks", remedy=f"leave {UNIT_FIELD} out")
        return asked
