"""Every attack of the list, by a process of its own on a network of its own."""

from pathlib import Path

import pytest

from tests.attack import lesson
from tests.attack.__main__ import main
from tests.attack.each import another_ca, plain_bytes
from tests.attack.ground import ground
from tests.attack.kinds import Attack, Ended, played
from tests.attack.listed import ATTACKS
from tests.attack.table import CASES, row, told
from tests.attack.verdict import LOCK_MS_MAX
from tests.desktop import join_waiters

pytestmark = pytest.mark.real_loop
EACH = Path(__file__).parent / "each"


EVERY_TIME = [each for each in ATTACKS if each.every_time and not each.besieges]
"""Who besieges has its turn in `test_siege`."""


@pytest.mark.parametrize("attack", EVERY_TIME, ids=lambda attack: attack.name)
async def test_a_listed_attack_is_withstood(
    attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How quick a lock stays is for `make attack` to say: beside other tests it is late at times.
    monkeypatch.setattr(lesson, "LOCK_MS_P99_MAX", LOCK_MS_MAX)
    with ground(tmp_path) as machines:
        end = await played(attack, machines)
    join_waiters()
    assert end.fault == "", row(end)


def test_every_file_of_an_attack_is_listed_once_under_its_own_name() -> None:
    files = sorted(path.stem for path in EACH.glob("[a-z]*.py"))
    assert sorted(attack.name for attack in ATTACKS) == files
    assert all(set(attack.numbers) <= CASES for attack in ATTACKS)


def test_the_table_names_who_failed_and_counts_who_was_not_made() -> None:
    ends = [Ended(plain_bytes.ATTACK, "closed"), Ended(another_ca.ATTACK, "", "it came in")]
    assert "NOT WITHSTOOD it came in" in row(ends[1])
    assert told(ends, [*(end.attack for end in ends), plain_bytes.ATTACK]).endswith(
        "1 of 3 attacks of the list were withstood."
    )


def test_fewer_attacks_than_the_list_has_are_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0", "--only", "none of them"]) == 1
    assert f"0 of {len(ATTACKS)} attacks of the list" in capsys.readouterr().out
