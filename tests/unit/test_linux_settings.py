"""What is declared, on a real X server, in real GSettings, at a stand-in of logind."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from Xlib.display import Display

from central_mdm.contract.wanted import Body, Declaration, Report
from device_bridge.agent.platform import linux_settings as linux_settings_
from device_bridge.agent.platform.linux_restart import MANAGER, restart
from device_bridge.agent.platform.linux_ring import NO_SOUND, ring, tones
from device_bridge.agent.platform.linux_settings import (
    BEFORE,
    GONE,
    NO_DESKTOP,
    WAYLAND,
    Wallpaper,
    linux_settings,
)
from device_bridge.agent.settings import Failed, Unsupported, prove
from tests.buses import always, bus_in, service
from tests.x_servers import xvfb


def applied(feature: str, body: Body) -> Report:
    return prove(linux_settings(own_desktop=True), Declaration(feature, 1, body), None)


@pytest.fixture
def gsettings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let GSettings write to a file of the test's own."""
    monkeypatch.setenv("GSETTINGS_BACKEND", "keyfile")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_a_time_out_is_in_the_x_server_as_another_client_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with xvfb() as display:
        monkeypatch.setenv("DISPLAY", display)
        assert applied("screen_timeout", {"seconds": 240}).reason == "240 s"
        read = subprocess.run(["xset", "q"], capture_output=True, text=True, check=True).stdout
        assert "timeout:  240" in read
        told = prove(
            linux_settings(own_desktop=True),
            Declaration("screen_timeout", 2, {"seconds": 60}),
            Report("screen_timeout", 2, "applied", "60 s"),
        )
        assert told.reason == "60 s; it had become 240 s"
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")  # with an Xwayland beside it
        told = applied("screen_timeout", {"seconds": 60})
        assert (told.state, told.reason) == ("unsupported", WAYLAND)
        monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.delenv("DISPLAY")
    assert applied("screen_timeout", {"seconds": 60}).reason == NO_DESKTOP


def test_an_x_server_that_goes_in_the_midst_fails_a_setting_and_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Cut(Display):
        def get_screen_saver(self) -> Any:  # noqa: ANN401 - as Xlib has it
            self.display.socket.shutdown(socket.SHUT_RDWR)
            return super().get_screen_saver()

    monkeypatch.setattr(linux_settings_, "Display", Cut)
    with xvfb() as display:
        monkeypatch.setenv("DISPLAY", display)
        told = applied("screen_timeout", {"seconds": 240})
    assert (told.state, told.reason) == ("failed", GONE)


def test_a_time_out_of_none_gives_back_what_the_x_server_had_before_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def server() -> str:
        said = subprocess.run(["xset", "q"], capture_output=True, text=True, check=True).stdout
        return " ".join(next(line for line in said.splitlines() if "timeout:" in line).split())

    with xvfb() as display:
        monkeypatch.setenv("DISPLAY", display)
        as_made = server().split()[1]
        assert applied("screen_timeout", {"seconds": 0}).reason == f"{as_made} s"
        subprocess.run(["xset", "s", "321", "45"], check=True)  # as the pupil likes it
        for ours in (600, 240):  # each by an agent that has just begun
            assert applied("screen_timeout", {"seconds": ours}).reason == f"{ours} s"
        told = applied("screen_timeout", {"seconds": 0})
        assert (told.state, told.reason) == ("applied", "321 s")
        assert server() == "timeout: 321 cycle: 45"
        subprocess.run(["xset", "s", "77", "45"], check=True)  # theirs again, and left alone
        assert applied("screen_timeout", {"seconds": 0}).reason == "77 s"
        assert applied("screen_timeout", {"seconds": 600}).reason == "600 s"
        spoil = ["xprop", "-root", "-f", BEFORE, "8s", "-set", BEFORE, "spoilt"]
        subprocess.run(spoil, check=True)
        told = applied("screen_timeout", {"seconds": 0})
        assert (told.state, told.reason) == ("applied", f"{as_made} s")


@pytest.mark.usefixtures("gsettings")
def test_a_proxy_is_in_the_desktops_settings_and_out_again() -> None:
    told = applied("proxy", {"host": "cache.school", "port": 3128})
    assert (told.state, told.reason) == ("applied", "cache.school:3128")
    ask = ["gsettings", "get", "org.gnome.system.proxy.https", "port"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == "3128\n"
    assert applied("proxy", {"host": ""}).reason == "none"
    elsewhere = linux_settings(own_desktop=False)
    service = prove(elsewhere, Declaration("proxy", 1, {"host": ""}), None)
    assert (service.state, service.reason) == ("unsupported", NO_DESKTOP)


@pytest.mark.usefixtures("gsettings")
def test_a_wallpaper_is_one_that_lies_here(tmp_path: Path) -> None:
    (tmp_path / "tilleuls.jpg").write_bytes(b"picture")
    settings = {"wallpaper": Wallpaper(tmp_path)}
    told = prove(settings, Declaration("wallpaper", 1, {"name": "tilleuls"}), None)
    assert (told.state, told.reason) == ("applied", (tmp_path / "tilleuls.jpg").as_uri())
    for name in ("elms", "../tilleuls"):
        assert prove(settings, Declaration("wallpaper", 1, {"name": name}), None).state == "failed"
    dark = ("org.gnome.desktop.background", "picture-uri-dark")
    subprocess.run(["gsettings", "set", *dark, "file:///mine.jpg"], check=True)
    mended = prove(settings, Declaration("wallpaper", 1, {"name": "tilleuls"}), told)
    assert mended.state == "applied"
    assert mended.reason.endswith("it had become file:///mine.jpg")


def test_a_desktop_of_before_there_were_dark_windows_has_one_wallpaper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "gsettings"
    stand_in.write_text(
        "#!/bin/sh\n"
        'case "$1 $3" in "list-keys ") echo picture-uri;;\n'
        f'"set picture-uri") echo "$4" > {tmp_path}/is;;\n'
        f'"get picture-uri") /bin/cat {tmp_path}/is;; *) echo No such key >&2; exit 1;; esac\n'
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "is").write_text("''")
    (tmp_path / "elms.png").write_bytes(b"picture")
    told = prove(
        {"wallpaper": Wallpaper(tmp_path)}, Declaration("wallpaper", 1, {"name": "elms"}), None
    )
    assert (told.state, told.reason) == ("applied", (tmp_path / "elms.png").as_uri())


@pytest.mark.parametrize("feature", ["printers", "usb_storage", "wifi", "updates_window"])
def test_what_the_agent_has_no_right_to_is_told_as_unsupported(feature: str) -> None:
    assert applied(feature, {}).state == "unsupported"


def test_a_device_rings_on_its_sound_card_or_says_that_it_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards, player, devices = (tmp_path / name for name in ("cards", "aplay", "snd"))
    devices.mkdir()
    with pytest.raises(Unsupported):
        ring(cards, devices)
    cards.write_text("--- no soundcards ---\n")
    with pytest.raises(Unsupported):
        ring(cards, devices)
    cards.write_text(" 0 [PCH]: HDA-Intel\n")
    with pytest.raises(Unsupported, match=NO_SOUND):
        ring(cards, tmp_path / "none")  # as in the packaged service
    player.write_text(f'#!/bin/sh\n[ "$1 $2" = "-q -" ] && exec /bin/cat > {tmp_path}/heard\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    ring(cards, devices)
    assert (tmp_path / "heard").read_bytes() == tones()
    player.write_text("#!/bin/sh\necho busy >&2; exit 1\n")
    with pytest.raises(Failed, match="busy"):
        ring(cards, devices)


def test_a_restart_is_loginds_and_only_where_it_lets_us(tmp_path: Path) -> None:
    path = MANAGER.object_path
    with bus_in(tmp_path) as bus:
        with pytest.raises(Unsupported):
            restart(bus)
        asked = list[object]()

        def schedule(message: object) -> tuple[str, tuple[object, ...]]:
            asked.append(message)
            return "", ()

        for word in ("challenge", "yes"):
            answers = {(path, "CanReboot"): always("s", word), (path, "ScheduleShutdown"): schedule}
            with service(bus, "org.freedesktop.login1", answers):
                if word == "yes":
                    restart(bus)
                else:
                    with pytest.raises(Unsupported):
                        restart(bus)
        assert len(asked) == 1


class Odd:
    """A setting that reads what is no text for people."""

    def set(self, body: Body) -> None:
        del body

    def read(self, body: Body) -> tuple[bool, str]:
        del body
        return True, "a\0b\n" + "\u202e" + "c" * 300


def test_what_is_read_on_the_machine_makes_a_report_that_the_mdm_takes() -> None:
    told = prove({"odd": Odd()}, Declaration("odd", 1, {}), None)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Report) == told
    assert told.reason.startswith("a b c")
