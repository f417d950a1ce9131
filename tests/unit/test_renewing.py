import asyncio
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from central_mdm.contract.identity import GrantIssued
from classroom_app.cloud.errors import Unreachable
from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.papers import Papers, SignedPapers
from classroom_app.renewing import AHEAD_AGAIN_SECONDS, FIRST_LOOK_SECONDS, Renewing
from device_bridge.protocol.errors import NotPaired
from device_bridge.trust.identity import Identity, thumbprint
from tests.papers import signed_papers
from tests.school import NOW, SmallSchool

DAY = 24 * 3600


@dataclass
class World:
    """A signed-in teacher, a school that gives grants, a store of one line; the test holds time."""

    school: SmallSchool = field(default_factory=SmallSchool)
    now: float = NOW
    away: bool = False
    lesson: bool = False
    kept: SignedPapers | None = None
    answer: Identity | None = None
    asked: list[str] = field(default_factory=list[str])
    here: tuple[str, ...] = ("5B",)
    given: tuple[str, ...] = ("5B",)
    grants: int = 0
    ahead: float = 0
    """By how much the server's clock is."""
    newest: str = ""

    def __post_init__(self) -> None:
        self.teacher = self.school.identity("teacher", "teacher-1")
        grant = self.school.grant(self.teacher)
        signed = signed_papers(self.school, self.teacher, grant=grant)
        self.kept = replace(signed, refresh="spent-once")
        self.held = Papers(self.kept, lambda: 0.0, lambda: self.now)
        self.renewing = Renewing(
            self, self, self.held, lambda: self.lesson, lambda: self.now, self.deny
        )

    async def grant(self, key: str) -> GrantIssued:
        assert key == thumbprint(self.teacher.key.public_key())
        if self.away:
            raise Unreachable
        self.grants += 1
        issued = self.school.grant(
            self.teacher,
            issued_at=int(self.now + self.ahead),
            classes=self.given,
            generation=self.held.deny_lists.denied.generation,
        )
        return GrantIssued(issued, int(self.now + self.ahead) + 7 * DAY, self.newest)

    async def deny(self, deny_list: str) -> None:
        if self.held.deny(deny_list):
            await self.change_papers(deny_list=deny_list)

    async def renew_certificate(self, csr: str) -> str:
        self.asked.append(csr)
        answer = self.answer or self.school.identity(
            "teacher", "teacher-1", begins=self.now, public=self.teacher.key.public_key()
        )
        return answer.certificate_pem.decode()

    async def classes(self) -> tuple[Roster, ...]:
        return tuple(Roster(ClassId(one), f"Class {one}") for one in self.here)

    async def papers(self) -> SignedPapers | None:
        return self.kept

    async def change_papers(self, **changed: object) -> None:
        assert self.kept is not None
        self.kept = replace(self.kept, **changed)


async def test_a_grant_a_day_old_is_renewed_and_kept_with_all_else_as_it_was() -> None:
    world = World()
    assert not await world.renewing.once()
    world.now += DAY + 1
    assert await world.renewing.once()
    assert world.held.grant_ends_at == int(world.now) + 7 * DAY
    assert world.kept is not None
    assert (world.kept.grant, world.kept.refresh) == (world.held.grant(), "spent-once")
    assert not await world.renewing.once()


async def test_nothing_is_renewed_while_a_lesson_runs_for_its_mandate_names_the_grant() -> None:
    world = World(lesson=True)
    world.now += 3 * DAY
    before = world.held.grant()
    assert not await world.renewing.once()
    assert world.held.grant() == before


async def test_a_class_that_was_just_given_is_in_the_grant_at_the_next_look() -> None:
    world = World(lesson=True, here=("5B", "4A"), given=("4A", "5B"))
    assert not await world.renewing.once(), "after the lesson"
    world.lesson = False
    assert await world.renewing.once()
    assert world.held.grant_classes == ("4A", "5B")
    assert not await world.renewing.once()
    world.here = ("5B", "4A", "6C")
    assert await world.renewing.once()
    assert not await world.renewing.once(), "the school did not give it with that: not asked anew"
    world.given = world.here = ("4A", "5B", "6C", "6D")
    assert await world.renewing.once()
    assert (world.held.grant_classes, world.grants) == (world.given, 3)


async def test_a_grant_whose_generation_the_school_has_ended_is_renewed_at_the_next_look() -> None:
    world = World()
    assert world.held.deny(world.school.deny_list(7, generation=1))
    assert await world.renewing.once()
    assert not world.held.grant_outdated
    assert not await world.renewing.once()


async def test_a_grant_of_a_clock_that_was_ahead_is_renewed_each_hour_until_it_is_of_now() -> None:
    world = World(ahead=365 * DAY)
    world.now += DAY + 1
    assert await world.renewing.once()
    assert world.held.grant_issued_at > world.now + 364 * DAY
    assert not await world.renewing.once(), "the server's clock is ahead still"
    world.now += AHEAD_AGAIN_SECONDS
    assert await world.renewing.once()
    world.ahead = 0
    world.now += AHEAD_AGAIN_SECONDS
    assert await world.renewing.once()
    assert world.held.grant_issued_at == world.now
    world.now += AHEAD_AGAIN_SECONDS
    assert not await world.renewing.once()


async def test_the_list_that_comes_with_a_grant_is_taken_before_it() -> None:
    world = World()
    world.newest = world.school.deny_list(7, issued_at=NOW + DAY)
    world.now += DAY + 1
    assert await world.renewing.once()
    assert world.held.deny_lists.denied.number == 7
    assert world.kept is not None
    assert (world.kept.deny_list, world.kept.grant) == (world.newest, world.held.grant())


async def test_news_from_the_school_shortens_the_wait_for_the_next_look() -> None:
    world = World()
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(world.renewing.run())
        await asyncio.sleep(FIRST_LOOK_SECONDS + 1)
        world.here = world.given = ("4A", "5B")
        world.renewing.wake()
        await asyncio.sleep(1)
        looking.cancel()
    assert world.held.grant_classes == ("4A", "5B")


async def test_a_school_that_is_away_leaves_the_grant_that_is_here() -> None:
    world = World(away=True)
    world.now += 3 * DAY
    before = world.held.grant()
    with pytest.raises(Unreachable):
        await world.renewing.once()
    assert world.held.grant() == before


async def test_a_teachers_certificate_is_renewed_sixty_days_before_its_end_with_its_key() -> None:
    world = World()
    assert world.kept
    before = world.kept
    world.now += (395 - 61 - 1) * DAY
    assert not await world.renewing.certificate()
    world.now += 2 * DAY
    assert await world.renewing.certificate()
    assert world.kept == replace(before, certificate=world.kept.certificate)
    again = Papers(world.kept, lambda: 0.0)
    assert again.identity.key.public_key() == world.held.identity.key.public_key()
    ends_at = again.identity.certificate.not_valid_after_utc
    assert ends_at > world.held.identity.certificate.not_valid_after_utc
    assert not await world.renewing.certificate(), "once is enough"
    assert len(world.asked) == 1


async def test_a_certificate_that_is_not_this_teachers_is_not_kept() -> None:
    world = World()
    before = world.kept
    world.now += 380 * DAY
    public = world.teacher.key.public_key()
    world.answer = world.school.identity("teacher", "teacher-2", begins=world.now, public=public)
    with pytest.raises(NotPaired):
        await world.renewing.certificate()
    world.answer = world.school.identity("device", "teacher-1", begins=world.now, public=public)
    with pytest.raises(NotPaired):
        await world.renewing.certificate()
    world.answer = world.school.identity("teacher", "teacher-1", begins=world.now)
    with pytest.raises(NotPaired):
        await world.renewing.certificate()
    assert world.kept == before
