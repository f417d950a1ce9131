"""What the Wi-Fi is called, by stand-ins for the programs that know: no test has a radio."""

import os
from pathlib import Path

import pytest

from device_bridge.discovery import wifi


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    """Put a program of that name into `folder` that notes how it is called and says its piece."""
    made = folder / name
    made.write_text(
        f"#!/bin/sh\necho \"$LC_ALL $*\" >> {folder}/asked\ncat <<'END'\n{says}\nEND\nexit {code}\n"
    )
    made.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which programs are looked for, beside `cat` and `sh`."""
    for tool in ("cat", "sh"):
        found = next(path for part in ("/bin", "/usr/bin") if (path := Path(part, tool)).exists())
        (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_manager_of_networks_is_asked_for_the_active_one(programs: Path) -> None:
    program(programs, "nmcli", "no:wlan0:Guest\nyes:wlan0:École\\: salle 2\nyes:wlan1:Cart\n")
    assert wifi.names_of(["wlan0"]) == {"wlan0": "École: salle 2"}
    assert (programs / "asked").read_text().startswith("C --terse")


def test_without_a_manager_iw_is_asked(programs: Path) -> None:
    connected = "Connected to 02:00:00:00:01:00 (on wlan0)\n\tSSID: \\xc3\\x89cole 5\n\tfreq: 2437"
    program(programs, "iw", connected)
    assert wifi.names_of(["wlan0"]) == {"wlan0": "École 5"}
    program(programs, "iw", "Not connected.")
    assert wifi.names_of(["wlan0"]) == {}


def test_where_nobody_knows_there_is_no_name(programs: Path) -> None:
    assert wifi.names_of(["wlan0"]) == {}
    program(programs, "nmcli", "Error: NetworkManager is not running.", code=8)
    program(programs, "iw", "yes:wlan0:Lie", code=237)
    assert wifi.names_of(["wlan0"]) == {}


def test_a_name_is_cut_and_plain() -> None:
    assert wifi.plain(b"Free\x1b[31m\nWi-Fi\xff") == "Free[31mWi-Fi�"
    assert len(wifi.plain(b"x" * 500)) == 32


async def test_only_radios_are_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eth0").mkdir()
    (tmp_path / "wlan0/phy80211").mkdir(parents=True)
    assert wifi.radios(tmp_path) == ("wlan0",)
    assert wifi.radios(tmp_path / "none") == ()
    monkeypatch.setattr(wifi, "radios", tuple[str, ...])
    monkeypatch.setenv("PATH", os.devnull)
    assert await wifi.wifi_names() == {}
