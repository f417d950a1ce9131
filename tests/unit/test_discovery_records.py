"""What a record says, and what is not believed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.discovery.records import (
    SERVICE_TYPE,
    instance_of,
    is_device_id,
    read_text,
    service_name,
    text_of,
)
from device_bridge.discovery.sightings import NotAnAddress, dialable, typed
from device_bridge.protocol.fields import HOME_PORT


def as_bytes(strings: dict[str, str]) -> dict[bytes, bytes | None]:
    return {key.encode(): value.encode() for key, value in strings.items()}


def test_what_a_device_says_is_read_back() -> None:
    said = read_text(as_bytes(text_of("dev-7", "laptop")))
    assert said is not None
    assert (said.name, said.kind, said.lowest, said.highest) == ("dev-7", "laptop", 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "../../etc"},
        {"id": "a" * 65},
        {"id": "dev 7"},
        {"id": "dév"},
        {"p": ""},
        {"p": "1"},
        {"p": "2-1"},
        {"p": "1-99999"},
        {"p": "\u0663-\u0664"},
        {"id": "x" * 255},
    ],
)
def test_a_record_that_is_not_ours_is_not_read(change: dict[str, str]) -> None:
    assert read_text(as_bytes(text_of("dev-7", "laptop") | change)) is None


def test_a_kind_is_cut_and_holds_nothing_unprintable() -> None:
    said = read_text(as_bytes(text_of("dev-7", "lap\x1b[31mtop\n" + "x" * 90)))
    assert said is not None
    assert said.kind.startswith("lap[31mtop")
    assert len(said.kind) == 64


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.binary(max_size=300), st.none() | st.binary(max_size=300)))
def test_no_record_breaks_the_reader(strings: dict[bytes, bytes | None]) -> None:
    said = read_text(strings)
    assert said is None or is_device_id(said.name)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True))
def test_every_device_id_has_a_name_that_dns_can_carry(device: str) -> None:
    label = instance_of(device)
    assert len(label) <= 63
    assert "." not in label
    assert service_name(device) == f"{label}.{SERVICE_TYPE}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.4:7000", ("10.0.0.4", 7000)),
        (" 10.0.0.4:7000 ", ("10.0.0.4", 7000)),
        ("[fe80::1%eth0]:7000", ("fe80::1%eth0", 7000)),
        ("[2001:db8::1]:1", ("2001:db8::1", 1)),
        ("PC-12.school.example.:7000", ("pc-12.school.example", 7000)),
        ("10.0.0.4", ("10.0.0.4", HOME_PORT)),
        ("pc-12", ("pc-12", HOME_PORT)),
        ("fe80::1%eth0", ("fe80::1%eth0", HOME_PORT)),
        ("[2001:db8::1]", ("2001:db8::1", HOME_PORT)),
    ],
)
def test_a_typed_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert typed(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("10.0.0.4:0", "port"),
        ("10.0.0.4:65536", "port"),
        ("10.0.0.4:\u0667", "port"),
        ("10.0.0.4:", "port"),
        ("2001:db8::1::2", "host"),
        ("10.0.0.400:7000", "host"),
        ("224.0.0.251:7000", "host"),
        ("0.0.0.0:7000", "host"),
        ("[10.0.0.4]:7000", "host"),
        ("[::1:7000", "host"),
        ("-x.example:7000", "host"),
        ("a b:7000", "host"),
        ("a" * 64 + ":7000", "host"),
        (":7000", "host"),
    ],
)
def test_what_is_no_address_says_which_part(text: str, why: str) -> None:
    with pytest.raises(NotAnAddress) as refused:
        typed(text)
    assert refused.value.why == why


def test_a_stranger_cannot_make_us_knock_at_our_own_doors() -> None:
    hosts = ["127.0.0.1", "::1", "224.0.0.251", "0.0.0.0", "255.255.255.255", "10.0.0.4"]  # noqa: S104
    assert dialable(hosts, 7000, loopback=False) == (("10.0.0.4", 7000),)
    assert ("127.0.0.1", 7000) in dialable(hosts, 7000, loopback=True)
    assert dialable(hosts, 0, loopback=True) == ()
    assert dialable(hosts, None, loopback=True) == ()


def test_a_record_with_a_hundred_addresses_costs_eight() -> None:
    assert len(dialable([f"10.0.0.{n}" for n in range(1, 101)], 7000, loopback=False)) == 8
