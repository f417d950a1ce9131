"""Signing in with an account that is kept elsewhere: OpenID Connect, code flow with PKCE.

The server asks the provider, so that the client's secret is on no teacher's computer (decision 27).
What is under way is kept nowhere: it is sealed in the `state`, which only this server opens.
People are known by issuer and subject, never by an e-mail address, which others get in time.
"""

import hashlib
import secrets
from typing import Final
from urllib.parse import urlencode

from cryptography.exceptions import InvalidTag
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode  # refuses what is not canonical
from msgspec import Struct, json
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.openid import OpenIdAsked, OpenIdBegun, OpenIdDone
from central_mdm.identity import audit, boxes
from central_mdm.identity.model import openid_providers, openid_spent, openid_subjects, teachers
from central_mdm.identity.openid_tokens import CLAIM_MAX, Claims, read_id_token
from central_mdm.identity.providers import Providers, may_be_asked
from central_mdm.identity.rules import Proven, admit, school_row
from central_mdm.platform.authentication import TWO_FACTORS
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Missing, NotAllowed, NotSignedIn
from central_mdm.platform.ground import Ground

UNDER_WAY_SECONDS: Final = 600
"""For typing a password, finding a telephone and giving its code."""
SCOPES: Final = "openid profile"
ADDRESSES: Final = frozenset({"email", "phone_number"})
"""Claims by which nobody is known: they are given to somebody else one day."""


class Provider(Struct, frozen=True):
    """As the school has registered with its provider. `claim`: see the table."""

    issuer: str
    client: str
    secret: str
    label: str
    claim: str = ""


class _State(Struct, frozen=True):
    nonce: str
    returns: str
    challenge: str
    until: int


async def choose_provider(ground: Ground, school: str, provider: Provider) -> None:
    """Let the school's people sign in there. Raises Malformed."""
    if not may_be_asked(provider.issuer):
        raise Malformed("issuer", "An issuer is an https address.")
    if provider.claim in ADDRESSES or len(provider.claim) > CLAIM_MAX:
        raise Malformed("claim", "By an address nobody is known. Name a claim that stays, or none.")
    if not provider.label.strip():
        raise Malformed("label", "The account's name is what the button says: one letter or more.")
    sealed = boxes.seal(ground.keys, school, "openid-secret", provider.secret.encode())
    facts = {"issuer": provider.issuer, "client": provider.client, "secret": sealed}
    facts |= {"label": provider.label, "claim": provider.claim}
    async with ground.database.writing(school) as connection:
        await connection.execute(
            upsert(connection, openid_providers)
            .values(school=school, **facts)
            .on_conflict_do_update(index_elements=["school"], set_=facts)
        )


async def link(connection: AsyncConnection, school: str, teacher: str, subject: str) -> None:
    """Say that this account of the school's provider is this person, and no other is."""
    issuer = select(openid_providers.c.issuer).where(openid_providers.c.school == school)
    found = (await connection.execute(issuer)).scalar()
    if found is None:
        raise Missing("no-openid")
    mine = (openid_subjects.c.school == school, openid_subjects.c.issuer == found)
    await connection.execute(
        delete(openid_subjects).where(*mine, openid_subjects.c.teacher == teacher)
    )
    row = {"school": school, "issuer": found, "subject": subject, "teacher": teacher}
    await connection.execute(insert(openid_subjects).values(row))


async def label_of(ground: Ground, school: str) -> str:
    """Return how the account is called that people here sign in with; empty: there is none."""
    ground.limits.stranger(school, "account")
    wanted = select(openid_providers.c.label).where(openid_providers.c.school == school)
    async with ground.database.reading(school) as connection:
        return (await connection.execute(wanted)).scalar() or ""


async def begin(ground: Ground, providers: Providers, asked: OpenIdAsked) -> OpenIdBegun:
    """Return the address for the browser. Raises Missing, or Busy where the provider is away."""
    ground.limits.stranger(asked.school, "account-begun")
    provider = await _provider(ground, asked.school)
    about = await providers.about(provider.issuer)
    until = ground.clock() + UNDER_WAY_SECONDS
    under_way = _State(ground.new_secret(), asked.returns, asked.challenge, until)
    box = boxes.seal(ground.keys, asked.school, "openid-state", json.encode(under_way))
    state = urlsafe_b64encode(box).decode("ascii")
    query = {
        "response_type": "code",
        "client_id": provider.client,
        "redirect_uri": asked.returns,
        "scope": SCOPES,
        "state": state,
        "nonce": under_way.nonce,
        "code_challenge": asked.challenge,
        "code_challenge_method": "S256",
    }
    mark = "&" if "?" in about.authorization_endpoint else "?"
    return OpenIdBegun(f"{about.authorization_endpoint}{mark}{urlencode(query)}", state)


async def finish(ground: Ground, providers: Providers, done: OpenIdDone) -> SignedIn:
    """Exchange the code for who it is. Raises NotSignedIn, NotAllowed, Missing or Busy."""
    ground.limits.stranger(done.school, "account-done")
    provider = await _provider(ground, done.school)
    state = _opened(ground, done)
    answer = await providers.exchange(
        provider.issuer, (provider.client, provider.secret), done, state.returns
    )
    claims = await read_id_token(answer, provider.issuer, providers)
    now = ground.clock()
    claims.judge(provider.issuer, provider.client, state.nonce, now)
    async with ground.database.writing(done.school) as connection:
        await _spend(connection, done.school, state)
        who = await _person(connection, done.school, provider, claims, now)
    return await admit(ground, who, done.csr, teacher=done.teacher)


def _opened(ground: Ground, done: OpenIdDone) -> _State:
    """Open the state. That its verifier is the app's own is judged here: not all providers do."""
    try:
        box = urlsafe_b64decode(done.state.encode())
        state = json.decode(
            boxes.open_box(ground.keys, done.school, "openid-state", box), type=_State
        )
    except (ValueError, InvalidTag):
        raise NotSignedIn("openid-state") from None
    digest = hashlib.sha256(done.verifier.encode()).digest()
    challenge = urlsafe_b64encode(digest).decode("ascii")
    fits = secrets.compare_digest(challenge, state.challenge)
    if not fits or state.until <= ground.clock():
        raise NotSignedIn("openid-state")
    return state


async def _spend(connection: AsyncConnection, school: str, state: _State) -> None:
    """Raise NotSignedIn where this state has signed somebody in already, however it is written."""
    digest = hashlib.sha256(state.nonce.encode()).hexdigest()
    row = {"school": school, "state_hash": digest, "ends_at": state.until}
    spent = upsert(connection, openid_spent).values(row).on_conflict_do_nothing()
    if not (await connection.execute(spent)).rowcount:
        raise NotSignedIn("openid-state")


async def _person(
    connection: AsyncConnection, school: str, provider: Provider, claims: Claims, now: int
) -> Proven:
    subject = (
        openid_subjects.c.school == school,
        openid_subjects.c.issuer == provider.issuer,
        openid_subjects.c.subject == claims.sub,
    )
    people = select(teachers.c.id, teachers.c.name, teachers.c.role)
    people = people.where(teachers.c.school == school, teachers.c.ended.is_(False))
    linked = people.join(
        openid_subjects,
        (openid_subjects.c.school == teachers.c.school)
        & (openid_subjects.c.teacher == teachers.c.id),
    ).where(*subject)
    row = (await connection.execute(linked)).first()
    if row is None and (login := claims.text(provider.claim)):
        taken = select(openid_subjects.c.teacher).where(
            openid_subjects.c.school == school, openid_subjects.c.issuer == provider.issuer
        )
        known = select(openid_subjects.c.teacher).where(*subject)
        # Whoever administrates is linked by hand; who has an account already has no second one.
        first = people.where(
            teachers.c.login == login,
            teachers.c.role.not_in(TWO_FACTORS),
            teachers.c.id.not_in(taken),
            ~known.exists(),
        )
        row = (await connection.execute(first)).first()
        if row is not None:
            await link(connection, school, row.id, claims.sub)
            by = audit.By(f"person:{row.id}", row.role)
            await audit.record(connection, now, school, by, "openid-linked", row.id)
    if row is None:
        raise NotAllowed("unknown-account", "The school has linked this account to nobody yet.")
    return Proven(row.id, row.name, row.role, await school_row(connection, school))


async def _provider(ground: Ground, school: str) -> Provider:
    wanted = select(openid_providers).where(openid_providers.c.school == school)
    async with ground.database.reading(school) as connection:
        row = (await connection.execute(wanted)).first()
    if row is None:
        raise Missing("no-openid")
    try:
        secret = boxes.open_box(ground.keys, school, "openid-secret", row.secret).decode()
    except InvalidTag:
        raise Missing("no-openid") from None  # of another server's keys: it was never chosen here
    return Provider(row.issuer, row.client, secret, row.label, row.claim)
