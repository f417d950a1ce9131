"""Who stands in a certificate: URI names, and the rule by which one school's never fit another's.

`pupitre://<school>/device/<id>`, `pupitre://<school>/teacher/<id>`; the root bears
`pupitre://<school>`. They stand as a URI in the subject alternative name (RFC 5280, 4.2.1.6).
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

# Here and in all patterns `(?!\n)$`: Python's `$` alone takes a newline at the end, JSON Schema's
# does not, and what both read alike may stand in the description.
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+(?!\n)$")]
OptionalId = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._:-]*(?!\n)$")]
TEXT: Final = r"^[^\x00]*$"
"""No zero byte: one database takes it and another does not, so neither is given it."""
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=TEXT)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A number that every peer and database can hold."""
HELD_MAX: Final = 2**48
"""A server that was set back numbers above what a device says it holds: this leaves it room."""
HeldVersion = Annotated[int, Meta(ge=0, le=HELD_MAX)]
DiscoveryKey = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$")]
"""The school's key for the names of the day, in hex; empty: none. Not to be shown outside."""
CSR_MAX: Final = 8192
Csr = Annotated[str, Meta(max_length=CSR_MAX)]
"""A certificate request, PKCS#10 in PEM; empty: none is asked."""
Certificate = Annotated[str, Meta(max_length=4096)]
"""A certificate in PEM; empty: none is given."""
Role = Literal["device", "teacher"]


class Party(Struct, frozen=True):
    """One end of a link, as its certificate names it."""

    school: str
    role: Role
    id: str


def uri_of(party: Party) -> str:
    return f"pupitre://{party.school}/{party.role}/{party.id}"


def party_of(uri: str) -> Party | None:
    """Read a certificate's URI; None for anything that is not exactly one of ours."""
    scheme, _, rest = uri.partition("://")
    parts = rest.split("/")
    if scheme != "pupitre" or len(parts) != 3 or not all(parts):  # noqa: PLR2004 - school, role, id
        return None
    school, role, name = parts
    match role:
        case "device" | "teacher":
            return Party(school, role, name)
        case _:
            return None
