"""What ends is told in time, in days and by its name."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from central_mdm.contract.fleet import Whereabout, Whereabouts
from classroom_app.cloud.errors import Unreachable
from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.ends import Ends
from classroom_app.presenters.lasting import DAY_SECONDS, Lasting, lines
from classroom_app.presenters.words import weekday

NOW = 1_795_510_000.0


def after(days: float) -> float:
    return NOW + days * DAY_SECONDS


def test_nothing_is_said_while_all_holds_for_long() -> None:
    told = Lasting(grant_ends_at=int(after(7)), identity_ends_at=after(61), devices=[after(90)])
    assert lines(told, NOW) == []
    assert lines(Lasting(), NOW) == []


def test_without_the_school_the_day_is_named_until_which_it_works_and_then_what_helps() -> None:
    ends = int(after(5))
    told = Lasting(reached=False, grant_ends_at=ends)
    assert lines(told, NOW) == [f"Works offline until {weekday(ends)}."]
    (ended,) = lines(told, after(5))
    assert ended == f"Your right to teach ended on {weekday(ends)}. Go online once."
    assert " " in weekday(ends)


def test_identities_are_told_at_sixty_thirty_and_seven_days_the_most_pressing_counted() -> None:
    def told(*days: float) -> str:
        (line,) = lines(Lasting(devices=[after(each) for each in days]), NOW)
        return line

    assert told(59, 50, 200) == "2 identities of devices end in 60 days: go online once."
    assert told(59, 29) == "1 identities of devices end in 30 days: go online once."
    assert told(6, -3, 29) == "2 identities of devices end in 7 days: go online once."
    (own,) = lines(Lasting(identity_ends_at=after(59)), NOW)
    assert own.startswith("Your identity ends on")


async def test_the_server_s_word_counts_devices_that_were_not_met_and_their_renewals() -> None:
    class School:
        away = True

        async def classes(self) -> Sequence[Roster]:
            return [Roster(ClassId("5B"), "5B"), Roster(ClassId("5C"), "5C")]

        async def whereabouts(self, class_id: str) -> Whereabouts:
            if self.away:
                self.away = False
                raise Unreachable
            told = {"5B": ("d1", after(300)), "5C": ("d2", after(20))}
            device, ends = told[class_id]
            return Whereabouts((Whereabout(device, 1, "", int(ends)), Whereabout("old", 1)))

    school = School()
    ends = Ends(school, school)
    ends.note("d1", after(5))  # met, and renewed since: the server knows
    ends.note("d2", after(20))
    assert set(ends.all()) == {after(5), after(20)}
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * 3600):
            await ends.run()
    assert set(ends.all()) == {after(300), after(20)}
    ends.note("d2", after(390))  # renewed through this app
    await ends.once()
    assert set(ends.all()) == {after(300), after(390)}
