"""Where a device is to be found: pure judgements of ranges and routers."""

from pathlib import Path

from central_mdm.contract.grants import Assignment
from device_bridge.agent.guard.networks import Networks
from device_bridge.agent.platform.linux_gateway import gateway_of
from device_bridge.discovery.interfaces import OwnAddress

WIFI = OwnAddress("wlan0", "10.7.0.20", 24)
WIFI6 = OwnAddress("wlan0", "2001:db8::20", 64)
LOCAL6 = OwnAddress("wlan0", "fe80::20", 64, 3)
HOME = OwnAddress("eth0", "192.168.1.20", 24)
LO = OwnAddress("lo", "127.0.0.1", 8)
ROUTER, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Device:
    def __init__(self, networks: tuple[str, ...] = (), gateways: tuple[str, ...] = ()) -> None:
        self.rules = Assignment("d", "s", 1, ("5B",), 0, networks, gateways)
        self.here: tuple[OwnAddress, ...] = (WIFI, WIFI6, LOCAL6, HOME, LO)
        self.router = ROUTER
        self.networks = Networks(lambda: self.rules, lambda: self.here, lambda _: self.router)


def test_a_school_that_rules_nothing_has_its_devices_found_everywhere() -> None:
    assert Device().networks.allowed() is None
    assert Device().networks.join() == 0
    assert Networks(lambda: None, lambda: (), lambda _: "").allowed() is None


def test_in_a_range_of_the_school_all_addresses_of_that_interface_are_open_and_no_others() -> None:
    device = Device(("10.7.0.0/16",))
    assert device.networks.allowed() == (WIFI.address, WIFI6.address)
    assert device.networks.elsewhere() == ("192.168.1.0/24",)


def test_a_home_with_a_schools_range_is_told_by_its_router() -> None:
    device = Device(("192.168.1.0/24",), (ROUTER,))
    assert device.networks.allowed() == (HOME.address,)
    device.router = OTHER
    assert device.networks.allowed() == ()
    device.router = ""
    assert device.networks.allowed() == ()


def test_a_wider_network_than_the_schools_range_is_not_the_schools() -> None:
    device = Device(("10.7.0.0/16",))
    device.here = (OwnAddress("wlan0", "10.7.0.20", 8),)
    assert device.networks.allowed() == ()


def test_what_a_pupil_joins_is_open_until_the_device_leaves_it() -> None:
    device = Device(("10.7.0.0/16",))
    device.here = (HOME,)
    assert device.networks.allowed() == ()
    assert device.networks.join() == 1
    assert device.networks.allowed() == (HOME.address,)
    assert device.networks.elsewhere() == ()
    device.here = (WIFI,)
    assert device.networks.allowed() == (WIFI.address,)
    device.here = (HOME,)
    assert device.networks.allowed() == (), "it left and came back"


def test_another_router_in_the_same_range_is_another_network_than_the_joined() -> None:
    device = Device(("10.7.0.0/16",))
    device.here = (HOME,)
    device.networks.join()
    device.router = OTHER
    assert device.networks.allowed() == ()


def test_the_router_is_read_as_the_kernel_tells_it(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway\nwlan0\t0000070A\t00000000\nwlan0\t00000000\t0100070A\n"
    )
    (tmp_path / "arp").write_text(
        "IP address HW type Flags HW address Mask Device\n"
        "10.7.0.1 0x1 0x2 02:00:00:00:00:AB * eth0\n"
        "10.7.0.1 0x1 0x2 02:00:00:00:00:CD * wlan0\n"
    )
    assert gateway_of("wlan0", tmp_path) == "02:00:00:00:00:cd"
    assert gateway_of("eth0", tmp_path) == ""
    assert gateway_of("wlan0", tmp_path / "nothing") == ""
