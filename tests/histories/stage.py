"""What those at work ask of where they are: a virtual world, or a process of their own."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import httpx
from msgspec import Struct

from central_mdm.contract.roster import DeviceRow, PupilRow
from tests.histories.checker import Ledger
from tests.histories.told import Fact

T = TypeVar("T")
SCHOOL: Final = "school-1"
DAY_SECONDS: Final = 86_400.0


class Person(Struct, frozen=True):
    id: str
    login: str
    password: str


class Template(Struct, frozen=True):
    """What is made once and copied for each history: the server's folder, an empty store each."""

    server: Path
    stores: Path
    teachers: tuple[Person, ...]
    classes: tuple[str, ...]
    pupils: tuple[PupilRow, ...]
    devices: tuple[DeviceRow, ...]
    codes: tuple[str, ...]

    def names(self) -> dict[str, set[str]]:
        """Return what its classes are called, as a ledger notes it."""
        return {one: {name_of(one)} for one in self.classes}


def name_of(class_id: str) -> str:
    return f"Class {class_id}"


class Earth(Protocol):
    """Chance, new ids, and what an engineer reads afterwards."""

    @property
    def chance(self) -> random.Random: ...
    def new_id(self) -> str: ...
    def tell(self, *words: object) -> None: ...


class Here(Protocol):
    """A program's run over its folder, as its own code sees it."""

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def alive(self) -> bool: ...
    @property
    def descriptors(self) -> list[int]:
        """Take what is given back to the system when it is dead."""
        ...

    def clock(self) -> float:
        """Tell what its wall clock says, UTC seconds; it may be wrong."""
        ...

    def boot(self) -> float:
        """Tell the seconds since the machine's start, which no jump of its clock changes."""
        ...

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]: ...
    def arm(self, points: int) -> None:
        """Let it die at its so many-th commit, rename or fsync from now, where that is known."""
        ...


class Stage(Protocol):
    """What all actors share. `over`: no more work, all is let settle."""

    @property
    def template(self) -> Template: ...
    @property
    def world(self) -> Earth: ...
    @property
    def ledger(self) -> Ledger:
        """Return what is known here; facts are written by `hear`."""
        ...

    @property
    def over(self) -> bool: ...
    def maybe(self, share: float) -> bool: ...
    async def while_(self, low: float, high: float) -> None: ...
    def client(self, process: Any) -> httpx.AsyncClient:  # noqa: ANN401 - a run in this kind of world
        """Return a client whose requests go over the history's network."""
        ...

    def hear(self, fact: Fact) -> None:
        """Write a fact into the ledger at once."""
        ...


class Visited(Protocol):
    """A device that is shown a teacher's papers, if it is there."""

    async def visited(self, deny_list: str, grant: str) -> None: ...


class Owner(Protocol):
    """Whose app it is; `devices`: those in the room."""

    @property
    def scene(self) -> Stage: ...
    @property
    def person(self) -> Person: ...
    @property
    def devices(self) -> Sequence[Visited]: ...


class Sees(Protocol):
    """A device as it is remembered outside of it: what the lists that it took have named."""

    seen_number: int
    seen_keys: set[str]

    @property
    def scene(self) -> Stage: ...
    @property
    def row(self) -> DeviceRow: ...
    @property
    def code(self) -> str: ...
