"""The teacher's choices, and the signed-in teacher's papers: one line a setting."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from classroom_app.domain.errors import StoreFull
from classroom_app.domain.versions import STEP_AT_START
from classroom_app.papers import SignedPapers
from classroom_app.storage.store import Store
from classroom_app.storage.tables import settings

BEGUN: Final = ("versions", "origin")
CARRIED: Final = "carry"
"""So begins the name of each line that `storage.carrying` keeps."""
IN_STEP: Final = "in-step"
_papers: Final = msgspec.json.Decoder(SignedPapers)


class KeepsSettings(Store):
    async def begin(self) -> None:
        """Read the settings, and take a million version numbers for this start.

        A full disk does not hold up the start: the numbers are then written down with the first
        room there is. Until then they rest on what devices say that they hold.
        """
        self.chosen = begun(await self.write(read))
        with suppress(StoreFull):
            await self._keep_begun()

    async def look_for_room(self) -> int:
        """Put room by, and see whether a full disk takes something again.

        Returns how many bytes must be freed before room can be put by: 0 where it is.
        """
        lacks = await asyncio.to_thread(self.ballast.put_by)
        if self.full:
            with suppress(StoreFull):
                await self._keep_begun()
                # A line that still fits does not say that an act will.
                self.full = lacks > 0
        return lacks

    async def _keep_begun(self) -> None:
        await self.write(partial(keep, {name: self.chosen[name] for name in BEGUN}))

    def versions_above(self) -> int:
        return int(self.chosen["versions"]) - STEP_AT_START

    def language(self) -> str:
        return self.chosen.get("language", "")

    def theme(self) -> str:
        return self.chosen.get("theme", "light")

    def less_motion(self) -> bool:
        return self.chosen.get("motion") == "less"

    def unchanged(self) -> bool:
        """Whether to say under a picture how long it has been the same."""
        return self.chosen.get("unchanged") == "yes"

    def choose_unchanged(self, said: bool) -> None:  # noqa: FBT001 - a signal's own word
        self._choose("unchanged", "yes" if said else "no")

    def of_class(self, name: str) -> str:
        """Return what was kept of one class: `name` ends in its id."""
        return self.chosen.get(name, "")

    def choose_of_class(self, name: str, value: str) -> None:
        self._choose(name, value)

    def server(self) -> str:
        return self.chosen.get("server", "")

    def in_step_at(self) -> float:
        """Return when all was last exchanged with this school and server, UTC seconds; 0: never."""
        return float(self.chosen.get(IN_STEP, "") or "0")

    async def keep_in_step(self, at: float) -> None:
        self.chosen[IN_STEP] = str(at)
        await self.write(partial(keep, {IN_STEP: str(at)}))

    def sentence(self) -> str:
        """Return what the last lock said."""
        return self.chosen.get("sentence", "")

    def lesson_minutes(self) -> int:
        """Return how long the last lesson was to be; 0: never chosen."""
        return int(self.chosen.get("lesson-minutes", "0"))

    def choose_sentence(self, sentence: str) -> None:
        self._choose("sentence", sentence)

    def choose_lesson_minutes(self, minutes: int) -> None:
        self._choose("lesson-minutes", str(minutes))

    def choose_language(self, language: str) -> None:
        self._choose("language", language)

    def choose_theme(self, theme: str) -> None:
        self._choose("theme", theme)

    def choose_less_motion(self, less: bool) -> None:  # noqa: FBT001 - a signal's own word
        self._choose("motion", "less" if less else "usual")

    def _choose(self, name: str, value: str) -> None:
        """Note a choice; written behind the teacher's back, lost by a crash at worst."""
        self.chosen[name] = value
        self.writer.post(partial(keep, {name: value}))

    async def papers(self) -> SignedPapers | None:
        raw = self.chosen.get("papers", "")
        return _papers.decode(raw) if raw else None

    async def keep_papers(self, papers: SignedPapers) -> None:
        self.chosen |= await self.write(partial(_keep_papers, papers))

    async def keep_deny_list(self, deny_list: str) -> None:
        await self.change_papers(deny_list=deny_list)

    async def keep_floor(self, at: int) -> None:
        """Keep that it is `at` at least, UTC seconds; what is kept does not fall."""
        kept = await self.papers()
        if kept and kept.floor < at:
            await self.change_papers(floor=at)

    async def keep_refresh(self, refresh: str) -> None:
        if refresh:
            await self.change_papers(refresh=refresh)

    async def change_papers(self, **changed: object) -> None:
        """Change what is named and leave all else as it is; without papers nothing happens.

        One transaction: who changes something else at the same time puts back nothing old.
        """
        if kept := await self.write(partial(change, changed)):
            self.chosen |= kept


def read(connection: Connection) -> dict[str, str]:
    found = connection.execute(select(settings.c.name, settings.c.value)).all()
    return {str(name): str(value) for name, value in found}


def begun(kept: Mapping[str, str]) -> dict[str, str]:
    versions = str(int(kept.get("versions", "0")) + STEP_AT_START)
    return {"origin": str(uuid4()), **kept, "versions": versions}


def keep(chosen: Mapping[str, str], connection: Connection) -> None:
    made = insert(settings)
    newer = made.on_conflict_do_update(index_elements=["name"], set_={"value": made.excluded.value})
    connection.execute(newer, [{"name": name, "value": chosen[name]} for name in chosen])


def change(changed: Mapping[str, object], connection: Connection) -> dict[str, str]:
    raw = read(connection).get("papers", "")
    if not raw:
        return {}
    papers = msgspec.structs.replace(_papers.decode(raw), **changed)
    return _keep_papers(papers, connection)


def _keep_papers(papers: SignedPapers, connection: Connection) -> dict[str, str]:
    kept = {"server": papers.server, "papers": msgspec.json.encode(papers).decode()}
    raw = read(connection).get("papers", "")
    if raw:
        held = _papers.decode(raw)
        if held.root != papers.root:
            # It was signed by the old root, or sealed for a key that is derived from it.
            connection.execute(delete(settings).where(settings.c.name.startswith(CARRIED)))
        if (held.server, held.school) != (papers.server, papers.school):
            kept[IN_STEP] = ""  # with those of now nothing was exchanged yet
    keep(kept, connection)
    return kept
