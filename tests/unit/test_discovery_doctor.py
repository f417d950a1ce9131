"""What the doctor concludes, and that each conclusion has words."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from device_bridge.discovery.doctor import Check, Evidence, Key, judge
from device_bridge.discovery.doctor_words import plain, sentence
from device_bridge.discovery.examine import firewall
from device_bridge.discovery.interfaces import OwnAddress, announced, is_cut

WIFI = OwnAddress("wlan0", "10.0.0.5", 24)
LOOPBACK = OwnAddress("lo", "127.0.0.1", 8)
WELL = Evidence(
    own=(LOOPBACK, WIFI),
    echo=True,
    firewall="",
    answered=("10.0.0.9",),
    devices=("10.0.0.20",),
    heard=("10.0.0.20",),
    reached=("10.0.0.20",),
    wall_seconds=1.8e9,
    clock_off_seconds=1.2,
)


def found(seen: Evidence) -> dict[Key, Check]:
    return {check.key: check for check in judge(seen)}


def test_all_is_well() -> None:
    checks = found(WELL)
    assert set(checks) == set(get_args(Key))
    assert {check.state for check in checks.values()} == {"ok", "not-needed"}


@pytest.mark.parametrize(
    ("change", "key", "state", "cause"),
    [
        ({"own": (LOOPBACK,)}, "addresses", "failed", "offline"),
        ({"own": (OwnAddress("wlan0", "169.254.3.4", 16),)}, "addresses", "failed", "no-dhcp"),
        ({"multicast_error": "in use"}, "multicast", "failed", ""),
        ({"multicast_error": "in use"}, "own-announcement", "unknown", ""),
        ({"echo": False}, "own-announcement", "failed", ""),
        ({"firewall": None}, "firewall", "unknown", ""),
        ({"firewall": "ufw"}, "firewall", "ok", ""),
        ({"firewall": "ufw", "answered": (), "heard": ()}, "firewall", "failed", ""),
        ({"answered": (), "heard": ()}, "other-machines", "failed", "silence"),
        ({"answered": (), "heard": (), "linked": ("Z",)}, "other-machines", "ok", "linked"),
        ({"devices": ("10.9.0.20",), "reached": ()}, "device-network", "failed", ""),
        ({"devices": ("10.9.0.20",)}, "device-network", "unknown", ""),
        ({"devices": ("pc-1.example",), "reached": ()}, "device-network", "failed", ""),
        ({"reached": (), "silent": ("10.0.0.20",)}, "reach", "failed", "isolation"),
        ({"reached": (), "heard": (), "silent": ("10.0.0.20",)}, "reach", "failed", "away"),
        (
            {"reached": (), "heard": (), "silent": ("10.0.0.20",), "told_here": 1},
            "reach",
            "failed",
            "isolation",
        ),
        ({"reached": (), "told_here": 2}, "reach", "failed", "isolation"),
        ({"reached": (), "refused": ("10.0.0.20",)}, "reach", "failed", "agent-not-running"),
        ({"reached": ()}, "reach", "not-needed", ""),
        ({"listening": True}, "listening", "ok", ""),
        ({"listening": False}, "listening", "failed", ""),
        ({"wall_seconds": 0.0, "clock_off_seconds": None}, "clock", "failed", "past"),
        ({"wall_seconds": 0.0, "clock_off_seconds": -1.8e9}, "clock", "failed", "behind"),
        ({"clock_off_seconds": -3600.0}, "clock", "failed", "behind"),
        ({"clock_off_seconds": 3600.0}, "clock", "failed", "ahead"),
        ({"clock_off_seconds": None}, "clock", "unknown", ""),
        (
            {"clock_off_seconds": None, "floor_seconds": 1.8e9 + 3600},
            "clock",
            "failed",
            "past",
        ),
        ({"clock_off_seconds": None, "floor_seconds": 1.7e9}, "clock", "unknown", "signed"),
        ({"clock_off_seconds": None, "clock_refusal": "early"}, "clock", "failed", "early"),
        ({"clock_off_seconds": None, "clock_refusal": "late"}, "clock", "failed", "late"),
    ],
)
def test_what_is_seen_says_what_is_wrong(
    change: dict[str, object], key: Key, state: str, cause: str
) -> None:
    check = found(replace(WELL, **change))[key]
    assert check.state == state
    assert not cause or check.facts["cause"] == cause
    assert "{" not in sentence(check)


HOSTS = st.lists(st.sampled_from(["10.0.0.20", "10.9.9.9", "fe80::1", "pc-1"]), max_size=3).map(
    tuple
)


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Evidence,
        own=st.lists(st.sampled_from([WIFI, LOOPBACK])).map(tuple),
        multicast_error=st.sampled_from(["", "in use"]),
        echo=st.none() | st.booleans(),
        firewall=st.none() | st.sampled_from(["", "ufw"]),
        answered=HOSTS,
        devices=HOSTS,
        heard=HOSTS,
        reached=HOSTS,
        refused=HOSTS,
        silent=HOSTS,
        listening=st.none() | st.booleans(),
        wall_seconds=st.sampled_from([0.0, 1.8e9]),
        clock_off_seconds=st.none() | st.floats(-1e6, 1e6),
        clock_refusal=st.sampled_from(["", "early", "late"]),
        floor_seconds=st.sampled_from([0.0, 1.7e9, 1.9e9]),
    )
)
def test_every_finding_has_words(seen: Evidence) -> None:
    checks = judge(seen)
    assert len(plain(checks).splitlines()) == sum(c.state != "not-needed" for c in checks)


@pytest.mark.parametrize(
    ("off_seconds", "words"),
    [(-56 * 31_557_600.0, "56 years behind"), (86_400.0, "1 day ahead"), (420.0, "7 minutes")],
)
def test_how_wrong_a_clock_is_is_said_as_people_say_it(off_seconds: float, words: str) -> None:
    assert words in sentence(found(replace(WELL, clock_off_seconds=off_seconds))["clock"])


def test_the_firewall_is_known_by_its_files(tmp_path: Path) -> None:
    assert firewall(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/modules").write_text("ext4 1 0\n")
    assert not firewall(tmp_path)
    (tmp_path / "proc/modules").write_text("nft_reject 1 0\n")
    assert firewall(tmp_path) is None
    (tmp_path / "run/firewalld").mkdir(parents=True)
    assert firewall(tmp_path) == "firewalld"
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    assert firewall(tmp_path) == "ufw"


def test_an_interface_without_a_link_is_known_by_the_kernels_word(tmp_path: Path) -> None:
    for name, state in (("eth0", "down"), ("eth1", "lowerlayerdown"), ("lo", "unknown")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(f"{state}\n")
    cut = [name for name in ("eth0", "eth1", "lo", "gone0") if is_cut(name, tmp_path)]
    assert cut == ["eth0", "eth1"]


def test_only_what_reaches_us_from_outside_is_announced() -> None:
    own = [
        LOOPBACK,
        WIFI,
        OwnAddress("wlan0", "fe80::1", 64, 2),
        OwnAddress("w", "2001:db8::5", 64),
    ]
    assert announced(own) == ("10.0.0.5", "2001:db8::5")
