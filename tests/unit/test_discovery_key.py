"""One school, one discovery key: whoever derives it."""

from central_mdm.identity import discovery as at_the_server
from device_bridge.trust import discovery as in_the_app
from device_bridge.trust.identity import new_key


def test_a_school_keeps_its_discovery_key_when_a_server_comes_later() -> None:
    key = new_key()
    assert in_the_app.discovery_key(key) == at_the_server.discovery_key(key)
    assert in_the_app.discovery_key(new_key()) != in_the_app.discovery_key(key)
