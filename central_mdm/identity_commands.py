"""The commands of `pupitre-mdm admin` on a school's people and the audit."""

import argparse
from collections.abc import Callable
from typing import Final

from msgspec import to_builtins

from central_mdm.checked import checked, from_to
from central_mdm.fleet.ended import keep_person
from central_mdm.identity import audit, second_factor
from central_mdm.identity.openid import Provider, choose_provider
from central_mdm.identity.people import Person, choose_password, person_of
from central_mdm.identity.roles import DEFAULTS
from central_mdm.platform.acting import about
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground
from central_mdm.typed import new_password, secret

NAMES: Final = frozenset({"person", "password", "second-factor", "openid", "audit"})
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    told = "add, change or take back a person; asks for a password, empty: the account only"
    person = command("person", told)
    for option in ("school", "id", "login", "name"):
        person.add_argument(f"--{option}", required=True)
    person.add_argument("--role", choices=tuple(DEFAULTS), default="teacher")
    told = "the account at the school's provider that is theirs, by the provider's own id"
    person.add_argument("--oidc-subject", dest="subject", default="", help=told)
    for name, text in (
        ("password", "give a person a new password, which it asks for; all sign-ins end"),
        ("second-factor", "end a person's second factor, whose telephone is lost, say"),
    ):
        made = command(name, text)
        made.add_argument("--school", required=True)
        made.add_argument("--login", required=True)
    openid = command("openid", "let people sign in at a provider; asks for the client's secret")
    openid.add_argument("--school", required=True)
    openid.add_argument("--issuer", required=True, help="as its discovery document names it")
    openid.add_argument("--client", required=True, help="the client's id there")
    openid.add_argument("--label", required=True, help="what the button says: the account's name")
    told = "the claim that is a person's login, for the first sign-in; default: link by hand"
    openid.add_argument("--claim", default="", help=told)
    acts = command("audit", "show the newest acts, or look whether all are as they were written")
    acts.add_argument("--school", required=True)
    told = "acts before this number"
    acts.add_argument("--before", type=from_to(0, 2**53), default=0, help=told)
    acts.add_argument("--verify", action="store_true")


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    match args.admin:
        case "person":
            told = Person(args.id, args.login, args.name, args.role, args.subject)
            person = checked(told, Person)
            password = new_password(person.login, may_lack=True)
            await keep_person(ground, args.school, person, password)
        case "password":
            async with ground.database.reading(args.school) as connection:
                about(await person_of(connection, args.school, args.login))
            await choose_password(ground, args.school, args.login, new_password(args.login))
        case "second-factor":
            async with ground.database.writing(args.school) as connection:
                person = await person_of(connection, args.school, args.login)
                about(person)
                await second_factor.end(connection, args.school, person)
        case "openid":
            given = secret("The client's secret")
            provider = Provider(args.issuer, args.client, given, args.label, args.claim)
            await choose_provider(ground, args.school, provider)
        case _:
            return await _audit(ground, args)
    return {"done": f"admin {args.admin}"}


async def _audit(ground: Ground, args: argparse.Namespace) -> object:
    async with ground.database.reading(args.school) as connection:
        if not args.verify:
            return to_builtins(await audit.acts_before(connection, args.school, args.before))
        found = await audit.verify(connection, args.school)
    if found.fault:
        told = f"act {found.fault} is not as it was written, or one before it is gone."
        raise Refused("audit-broken", told)
    return to_builtins(found)
