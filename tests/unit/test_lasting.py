"""What ends is told in time, in days and by its name."""

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
