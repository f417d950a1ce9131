"""The teacher's choices, and the signed-in teacher's papers: one line a setting."""

from collections.abc import Mapping
from functools import partial
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from classroom_app.domain.versions import STEP_AT_START
from classroom_app.papers import SignedPapers
from classroom_app.storage.store import Store
from classroom_app.storage.tables import settings


class KeepsSettings(Store):
    async def begin(self) -> None:
        """Read the settings, and take a million version numbers for this start."""
        self.chosen = await self.write(begin)

    def versions_above(self) -> int:
        return int(self.chosen["versions"]) - STEP_AT_START

    def language(self) -> str:
        return self.chosen.get("language", "")

    def theme(self) -> str:
        return self.chosen.get("theme", "light")

    def server(self) -> str:
        return self.chosen.get("server", "")

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

    def _choose(self, name: str, value: str) -> None:
        """Note a choice; written behind the teacher's back, lost by a crash at worst."""
        self.chosen[name] = value
        self.writer.post(partial(keep, {name: value}))

    async def papers(self) -> SignedPapers | None:
        raw = self.chosen.get("papers", "")
        return msgspec.json.decode(raw, type=SignedPapers) if raw else None

    async def keep_papers(self, papers: SignedPapers) -> None:
        kept = {"papers": msgspec.json.encode(papers).decode(), "server": papers.server}
        await self.write(partial(keep, kept))
        self.chosen |= kept

    async def keep_refresh(self, refresh: str) -> None:
        papers = await self.papers()
        if papers is not None and refresh:
            await self.keep_papers(msgspec.structs.replace(papers, refresh=refresh))


def begin(connection: Connection) -> dict[str, str]:
    found = connection.execute(select(settings.c.name, settings.c.value)).all()
    kept = {str(name): str(value) for name, value in found}
    kept["versions"] = str(int(kept.get("versions", "0")) + STEP_AT_START)
    kept.setdefault("origin", str(uuid4()))
    keep({name: kept[name] for name in ("versions", "origin")}, connection)
    return kept


def keep(chosen: Mapping[str, str], connection: Connection) -> None:
    made = insert(settings)
    newer = made.on_conflict_do_update(index_elements=["name"], set_={"value": made.excluded.value})
    connection.execute(newer, [{"name": name, "value": chosen[name]} for name in chosen])
