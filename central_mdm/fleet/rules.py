"""A check-in: one indexed read when nothing changed, no write but what memory gathers."""

import logging
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import CheckedIn, CheckIn, Policy
from central_mdm.contract.names import Party
from central_mdm.contract.succession import STANDBY_TYPE, StandbyNamed
from central_mdm.fleet.ended import take_back
from central_mdm.fleet.enrolment import signed_assignment
from central_mdm.fleet.model import policies
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import Standing, of_token
from central_mdm.fleet.telling import Telling, keep, news_of
from central_mdm.fleet.wanted import statements
from central_mdm.identity.certificates import key_of_request
from central_mdm.identity.discovery import discovery_key
from central_mdm.identity.renewal import renew_once
from central_mdm.identity.revocation import is_lost, newer
from central_mdm.identity.statements import sign
from central_mdm.identity.succession import since
from central_mdm.journal.heads import newest_count, take
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotSignedIn, Refusal
from central_mdm.platform.ground import Ground
from central_mdm.platform.pace import next_check_in
from central_mdm.roster.rules import go_above

log = logging.getLogger(__name__)
EMPTY_HASH: Final = ""


async def read_device(
    connection: AsyncConnection, school: str, token_hash: str, now: int
) -> Caller | None:
    """Who holds this token of before there were passes (a `Reader`)."""
    del now  # it ends when the device enrols again, or shows its key for a pass
    found = await of_token(connection, school, token_hash)
    return None if found is None else Caller(school, "device", found[0], found[1])


async def check_in(ground: Ground, seen: Seen, caller: Caller, told: CheckIn) -> CheckedIn:
    """Answer what changed since; keep the report and the inventory where they changed."""
    known = caller.known
    if not isinstance(known, Standing):
        raise NotSignedIn
    seen.touch(caller.school, caller.id, ground.clock())
    kept = news_of(told, known)
    if kept is not None:
        async with ground.database.writing(caller.school) as connection:
            await keep(connection, Telling(caller.school, caller.id, kept, ground.clock()))
    keeps = kept is not None and kept.inventory is not None
    head_count = known.head_count
    if told.heads:
        head_count = await _take_heads(ground, caller, told)
    if told.lost_list:
        await _take_back(ground, caller, told.lost_list)
    news = await _news(ground, caller, told, known)
    changed = keeps or told.assignment_version != known.assignment_version
    wanted, urgent = await statements(
        ground, caller, told.wanted, known.wanted_version, changed=changed
    )
    return CheckedIn(
        next_check_in_seconds=next_check_in(caller.id, ground.clock()),
        policy=news.policy,
        assignment=news.assignment,
        deny_list=news.deny_list,
        want_list=news.lost_list and not told.lost_list,
        discovery=discovery_key(ground.keys.key(caller.school)) if told.wants_discovery else "",
        want_inventory=not keeps and told.inventory_hash not in {EMPTY_HASH, known.inventory_hash},
        head_count=head_count,
        successions=news.successions,
        certificate=news.certificate,
        release=known.release,
        standby=_standby(ground, caller.school, told, known),
        wanted=wanted,
        urgent=urgent,
    )


def _standby(ground: Ground, school: str, told: CheckIn, known: Standing) -> str:
    """Name the standby that the school has got since a device joined; "" where there is none."""
    if not (told.wants_standby and known.standby and told.epoch == known.epoch):
        return ""
    named = StandbyNamed(school, known.epoch, known.standby, ground.clock())
    return sign(ground.keys.key(school), STANDBY_TYPE, named)


class News(Struct, frozen=True):
    """What a device lacks. `lost_list`: its deny list is none that is known here."""

    policy: Policy | None = None
    assignment: str = ""
    deny_list: str = ""
    lost_list: bool = False
    successions: tuple[str, ...] = ()
    certificate: str = ""


async def _news(ground: Ground, caller: Caller, told: CheckIn, known: Standing) -> News:
    """Read what the device is behind in; nothing is read where it is not."""
    news, school = News(), caller.school
    held = told.policy_version, told.assignment_version, told.deny_list, told.epoch
    newest_ = known.policy_version, known.assignment_version, known.deny_list, known.epoch
    behind = [mine < theirs for mine, theirs in zip(held, newest_, strict=True)]
    behind[0] = behind[0] and told.wanted < 0  # who hears what is wanted has it there
    if told.assignment_version > known.assignment_version:
        async with ground.database.writing(school) as connection:
            now = ground.clock()
            await go_above(connection, school, caller.id, told.assignment_version, now)
        behind[1] = True
    behind[2] = told.deny_list != known.deny_list  # it may know of one that was lost here
    if any(behind):
        policy, assignment, denied, succeeded = behind
        async with ground.database.reading(school) as connection:
            news = News(
                await _newest(connection, school) if policy else None,
                await signed_assignment(connection, ground, school, caller.id)
                if assignment
                else "",
                await newer(connection, school, told.deny_list) if denied else "",
                denied and await is_lost(connection, school, told.deny_list),
                await since(connection, school, told.epoch) if succeeded else (),
            )
    if told.csr and told.epoch >= known.epoch:
        news = replace(news, certificate=await _renewed(ground, caller, told.csr))
    return news


async def _renewed(ground: Ground, caller: Caller, csr: str) -> str:
    """Renew its certificate; where that may not be, the rest of the check-in goes on."""
    try:
        key = key_of_request(csr)
        async with ground.database.writing(caller.school) as connection:
            mine = Party(caller.school, "device", caller.id)
            return await renew_once(connection, ground, mine, key)
    except Refusal as error:
        log.info("not renewed", extra={"device": caller.id, "why": error.code})
        return ""


async def _take_back(ground: Ground, caller: Caller, token: str) -> None:
    """Know again whom we had ended; where the list is none of ours, the check-in goes on."""
    try:
        await take_back(ground, caller.school, token)
    except Refusal as error:
        log.info("list not taken back", extra={"device": caller.id, "why": error.code})


async def _take_heads(ground: Ground, caller: Caller, told: CheckIn) -> int:
    """Keep the heads it brings; return how far its own goes here now."""
    async with ground.database.writing(caller.school) as connection:
        await take(connection, caller, told.heads, ground.clock())
        return await newest_count(connection, caller.school, caller.id)


async def _newest(connection: AsyncConnection, school: str) -> Policy | None:
    wanted = select(
        policies.c.version, policies.c.screen_timeout_seconds, policies.c.wallpaper
    ).where(policies.c.school == school)
    row = (await connection.execute(wanted.order_by(policies.c.version.desc()).limit(1))).first()
    return None if row is None else Policy(*row)
