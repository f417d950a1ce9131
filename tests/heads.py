"""Signed heads for tests: by whoever, of whatever."""

from central_mdm.contract.heads import Account, Head, Mark, SignedHead
from central_mdm.contract.names import Role
from device_bridge.trust.heads import sign_head
from device_bridge.trust.identity import Identity

NOW = 1_795_500_000


def mark(count: int, chain: str = "a") -> Mark:
    """Say what stands at `count` in the journal called `chain`."""
    return Mark(count, (chain * 4 + f"{count:060x}")[:64]) if count else Mark()


def head(  # noqa: PLR0913 - each is a way to be another head
    identity: Identity,
    party: str,
    newest: Mark,
    earlier: Mark | None = None,
    *,
    role: Role = "device",
    school: str = "school-1",
    journal: str = "",
    lesson: str = "",
    at: int = NOW,
    account: Account | None = None,
) -> SignedHead:
    made = Head(
        school, role, party, journal or party, newest, earlier or Mark(), lesson, at, account
    )
    return sign_head(made, identity)
