"""What the doctors find weak: rights, owners, ends, a service that does not run."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Connection

from classroom_app import own_state as apps
from classroom_app.cli import main as app_main
from classroom_app.storage.engine import open_connection, shut
from classroom_app.storage.keys import choose_passphrase, find_key
from classroom_app.storage.migrate import migrate
from device_bridge.agent import own_state as agents
from device_bridge.agent.cli import main as agent_main
from device_bridge.agent.seeing import seeing
from device_bridge.soundness import Finding, closed, lasting, plain, unprivileged
from tests.school import SmallSchool, now
from tests.teaching import enrolled

DAY = 86_400
NOW = 1_800_000_000


class NoRing:
    priority = 0.0

    def get_password(self, service: str, username: str) -> str | None:
        del service, username
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password


@pytest.mark.parametrize(
    ("days", "state"), [(61, "ok"), (59, "soon"), (30, "soon"), (7, "failed"), (-1, "failed")]
)
def test_an_end_is_told_sixty_days_ahead_and_pressed_in_its_last_week(
    days: int, state: str
) -> None:
    told = lasting("certificate", NOW + days * DAY, NOW, "Renew it.")
    assert told.state == state
    assert ("Renew it." in told.words) == (state != "ok")


def test_what_others_may_read_or_own_is_named_with_the_command_that_mends_it(
    tmp_path: Path,
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o640)
    tmp_path.chmod(0o700)
    told = closed([tmp_path, key, tmp_path / "missing"], os.getuid())
    assert [each.words for each in told] == [
        f"Others may reach {key} (0640). Close it: chmod 0600 {key}"
    ]
    assert "chown" in plain(closed([tmp_path], os.getuid() + 1))
    key.chmod(0o600)
    assert closed([tmp_path, key], os.getuid())[0].state == "ok"


def test_root_is_no_user_to_run_as() -> None:
    assert [unprivileged(uid).state for uid in (0, 998)] == ["failed", "ok"]


def test_the_doctor_says_where_no_screen_can_be_seen() -> None:
    wayland = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    cases: tuple[tuple[str, dict[str, str]], ...] = (
        ("win32", {}),
        ("linux", wayland),
        ("linux", {}),
    )
    found = [seeing(platform, environment) for platform, environment in cases]
    assert [one.state for [one] in found] == ["failed", "failed", "ok"]


def states(found: list[Finding], word: str) -> list[str]:
    return [each.state for each in found if word in each.words]


def test_a_device_hears_of_its_open_key_its_certificate_and_its_service(tmp_path: Path) -> None:
    folder = enrolled(SmallSchool(), tmp_path / "agent", "dev-1")
    found = agents.examined(folder, now(), lambda: "active")
    assert states(found, "closed to others") == ["ok"]
    assert states(found, "certificate holds until") == ["ok"]
    assert states(found, "kept by systemd") == ["ok"]
    assert states(found, "no standby") == ["soon"]
    folder.key.chmod(0o644)
    found = agents.examined(folder, now() + 360 * DAY, lambda: "failed")
    assert states(found, "chmod 0600") == ["failed"]
    assert states(found, "certificate ends in") == ["failed"]
    assert states(found, "not confined") == ["soon"]


def test_a_folder_that_is_not_there_is_said_and_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent_main(["doctor", "--own", "--folder", str(tmp_path / "none")]) == 1
    assert "enrol this device" in capsys.readouterr().out


@pytest.fixture
def store(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    connection = _opened(tmp_path)
    migrate(connection, tmp_path / "store.db")
    shut(connection)
    return tmp_path


def _opened(home: Path) -> Connection:
    return open_connection(home / "store.db", find_key(home, NoRing, apps.WAITS).digits)


def test_a_teacher_without_a_keyring_hears_whose_disk_tells_all(store: Path) -> None:
    found = apps.examined(store, NoRing, NOW)
    assert states(found, "No keyring") == ["failed"]
    assert states(found, "Nobody is signed in") == ["ok"]


def test_a_teacher_with_a_passphrase_hears_that_it_seals_the_key(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.trust.sealed.COST", 2**4)
    find_key(store, NoRing, apps.WAITS)
    choose_passphrase(store, "", "three white goats ate")
    found = apps.examined(store, NoRing, NOW)
    assert states(found, "sealed by your passphrase") == ["ok"]
    assert states(found, "No keyring") == []


def test_an_open_app_is_asked_to_close_and_nothing_is_changed(store: Path) -> None:
    connection = _opened(store)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        assert states(apps.examined(store, NoRing, NOW), "close it") == ["soon"]
    finally:
        shut(connection)


def test_where_nobody_has_signed_in_the_doctor_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app_main(["--home", str(tmp_path / "home"), "doctor"])
    assert "Nobody has signed in" in capsys.readouterr().out
    assert not (tmp_path / "home").exists()
