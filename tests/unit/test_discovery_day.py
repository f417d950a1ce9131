"""Names of the day: the school reads them, nobody else links two of them."""

from device_bridge.discovery.day import DAY_SECONDS, KnownNames, OwnName, name_of_the_day
from device_bridge.discovery.records import is_device_id, service_name

KEY, OTHER = bytes.fromhex("5c" * 32), bytes.fromhex("36" * 32)
TODAY = 20_780 * DAY_SECONDS + 3600.0


def known(key: bytes, *moments: float) -> KnownNames:
    return KnownNames(lambda: key, lambda: ("dev-1", "dev-2"), lambda: moments or (TODAY,))


def test_a_device_has_another_name_each_day_and_neither_tells_its_id() -> None:
    days = [name_of_the_day(KEY, "dev-1", day) for day in range(5)]
    assert len(set(days)) == 5
    assert all("dev" not in name and is_device_id(name) for name in days)
    assert service_name(days[0]).startswith(days[0])


def test_the_schools_teachers_know_whose_name_it_is_and_no_others() -> None:
    name = OwnName("dev-2", lambda: KEY, lambda: TODAY, bytes(16))()
    assert known(KEY).whose(name) == "dev-2"
    assert name in known(KEY).names_of("dev-2")
    assert known(OTHER).whose(name) == ""
    assert known(b"").whose(name) == ""


def test_a_device_that_slept_all_summer_is_known_and_so_is_one_just_after_midnight() -> None:
    for days_off in (-99, -1, 0, 1):
        name = OwnName("dev-1", lambda: KEY, lambda d=days_off: TODAY + d * DAY_SECONDS, b"")()
        assert known(KEY).whose(name) == "dev-1", days_off


def test_a_teachers_clock_that_is_years_ahead_finds_all_by_the_schools_signature() -> None:
    name = OwnName("dev-1", lambda: KEY, lambda: TODAY, b"")()
    assert known(KEY, TODAY + 3650 * DAY_SECONDS).whose(name) == ""
    assert known(KEY, TODAY + 3650 * DAY_SECONDS, TODAY).whose(name) == "dev-1"


def test_without_a_key_the_name_is_chance_until_the_key_has_come() -> None:
    keys = [b""]
    own = OwnName("dev-1", lambda: keys[0], lambda: TODAY, b"\x07" * 16)
    assert own() == "07" * 16
    keys[0] = KEY
    assert known(KEY).whose(own()) == "dev-1"


def test_an_agent_of_before_there_were_names_of_the_day_is_known_by_its_id() -> None:
    assert known(KEY).whose("dev-1") == "dev-1"
