"""Real little networks: namespaces as machines, a bridge as the access point, veths as cables.

All of a network lives in namespaces of its own, so nothing is changed on the machine itself, and
all of it goes when they are deleted.
"""

import ctypes
import os
import signal
import subprocess
import uuid
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


class NoNamespaces(Exception):
    """No network namespaces are to be had here; the text says what is needed."""


NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET; Python itself has it from 3.12 on."""
NEW_MOUNTS: Final = 0x00020000
"""CLONE_NEWNS."""
X_SOCKETS: Final = Path("/tmp/.X11-unix")  # noqa: S108 - Xlib's own place


def _ip(*args: str) -> None:
    _run("ip", *args)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"{' '.join(command)}: {done.stderr.strip()}")


def move_out() -> None:
    """Give this thread, and what it starts from now on, a network and X sockets of its own.

    The network has a loopback and no more. An X server takes the first number that is free in its
    network, and python-xlib looks for it in the file system: there, two would be one. `unshare(2)`.
    Raises `NoNamespaces`.
    """
    _unshare(NEW_NETWORK | NEW_MOUNTS)
    _ip("link", "set", "lo", "up")
    X_SOCKETS.mkdir(exist_ok=True)
    _run("mount", "--make-rslave", "/")
    _run("mount", "-t", "tmpfs", "tmpfs", str(X_SOCKETS))


def own_memory(folder: Path) -> None:
    """Give this thread, and what it starts from now on, an empty `folder` in memory of their own.

    However they end, the last of them takes it along, and all that was mounted below it. Raises
    `NoNamespaces`.
    """
    _unshare(NEW_MOUNTS)
    _run("mount", "--make-rslave", "/")
    _run("mount", "-t", "tmpfs", "tmpfs", str(folder))


def end_with_parent() -> None:
    """Have this process killed when the thread that started it ends (prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _unshare(what: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(what):
        raise NoNamespaces(f"unshare: {os.strerror(ctypes.get_errno())}")


@contextmanager
def _namespace(name: str) -> Generator[str]:
    if os.geteuid():
        raise NoNamespaces("Tests of whole networks need root: run `sudo make test`.")
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


@dataclass
class Machine:
    """One namespace; `addresses` by the cable's name, and the `ports` where it ends in a switch."""

    name: str
    addresses: dict[str, str] = field(default_factory=dict[str, str])
    ports: dict[str, str] = field(default_factory=dict[str, str])

    def command(self, *args: str) -> list[str]:
        """Return the command that runs `args` in here."""
        return ["ip", "netns", "exec", self.name, *args]

    def move(self, cable: str, address: str) -> None:
        """Give the machine another address on a cable, as DHCP would."""
        _ip("-n", self.name, "address", "flush", "dev", cable)
        _ip("-n", self.name, "address", "add", f"{address}/24", "dev", cable)
        self.addresses[cable] = address

    def unplug(self, cable: str) -> None:
        _ip("-n", self.name, "link", "set", cable, "down")

    def forget_neighbours(self, cable: str) -> None:
        """Forget whose hardware has which address, as the system does by itself after a minute."""
        _ip("-n", self.name, "neigh", "flush", "dev", cable)

    def plug(self, cable: str) -> None:
        _ip("-n", self.name, "link", "set", cable, "up")

    def route(self, target: str, via: str) -> None:
        _ip("-n", self.name, "route", "replace", target, "via", via)

    def drop_mdns(self) -> None:
        """Drop what comes for UDP port 5353, as a laptop's own firewall does."""
        chain = "type filter hook input priority 0\nudp dport 5353 drop"
        self._nft(f"table inet wall {{\nchain in {{\n{chain}\n}}\n}}\n")

    def let_mdns(self) -> None:
        self._nft("delete table inet wall")

    def _nft(self, rules: str) -> None:
        done = subprocess.run(
            self.command("nft", "-f", "-"), input=rules, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoNamespaces(f"nft: {done.stderr.strip()}")


class Classroom:
    """Makes switches and machines; the context manager `classroom` takes them away."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._mark = uuid.uuid4().hex[:6]
        self._count = 0

    def _enter(self, kind: str) -> str:
        self._count += 1
        return self._stack.enter_context(_namespace(f"pupitre-{self._mark}-{kind}{self._count}"))

    def switch(self) -> str:
        """Make a network on which all machines hear each other."""
        name = self._enter("switch")
        # Without snooping: there is no router here that would ask for group members.
        _ip("-n", name, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        _ip("-n", name, "link", "set", "bridge", "up")
        return name

    def hub(self, switch: str) -> None:
        """Send everything to everybody, as a Wi-Fi's air does."""
        _ip("-n", switch, "link", "set", "bridge", "type", "bridge", "ageing_time", "0")

    def machine(self, cables: Sequence[tuple[str, str]]) -> Machine:
        """Make a machine with a cable to each `(switch, address)`: `net0`, `net1` and so on."""
        machine = Machine(self._enter("machine"))
        for number, (switch, address) in enumerate(cables):
            cable, end = f"net{number}", f"port{self._count}-{number}"
            machine.ports[cable] = end
            peer = ("peer", "name", end, "netns", switch)
            _ip("-n", machine.name, "link", "add", cable, "type", "veth", *peer)
            _ip("-n", switch, "link", "set", end, "master", "bridge", "up")
            _ip("-n", machine.name, "link", "set", cable, "up")
            machine.move(cable, address)
        return machine

    def isolate(self, switch: str, *, but: str = "", on: bool = True) -> None:
        """Keep a switch's machines apart, as client isolation does; all reach the port `but`."""
        done = subprocess.run(
            ["ip", "-n", switch, "-brief", "link", "show", "master", "bridge"],
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            port = line.split("@", maxsplit=1)[0].split()[0]
            state = "on" if on and port != but else "off"
            _ip("-n", switch, "link", "set", port, "type", "bridge_slave", "isolated", state)


@contextmanager
def classroom() -> Generator[Classroom]:
    """Make a classroom; raise `NoNamespaces` with one sentence where the machine allows none."""
    with ExitStack() as stack:
        yield Classroom(stack)
