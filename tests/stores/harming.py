"""Stores damaged by chance, and whether what is then said and done of them is right.

`python -m tests.stores.harming --count 300`; each try prints its number where something is wrong,
and `--first NUMBER --count 1` plays it again. Ends with 1 then.
"""

import argparse
import asyncio
import io
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from classroom_app.domain.acts import Declared
from classroom_app.domain.errors import NotKept, StoreSealed, StoreToMend
from classroom_app.storage.ahead import HEAD, STEP, walked
from classroom_app.storage.copies import DAILY, copy_of, keep_copy
from classroom_app.storage.engine import open_connection, shut
from classroom_app.storage.keeping import open_keeping
from classroom_app.storage.pages import PAGE, SALT, Opener
from classroom_app.storage.scattered import scattered
from classroom_app.store_commands import DAMAGED, NOT_DONE, WHOLE, look_after
from tests.rings import NoRing
from tests.stores import ONE
from tests.stores.opening import opened, words

FILED, LOGGED = 30, 30
"""So many acts are in the file, and so many more in the log."""
STORE, LOG, COPY, KEY = "store.db", "store.db-wal", f"store-{DAILY}.db", "store.key"
Files = dict[str, bytes]


class Base(NamedTuple):
    """Stores before the damage. `acts`: by each page, told by its bytes, the acts on it."""

    stores: Mapping[str, Files]
    others: Mapping[str, bytes]
    acts: Mapping[bytes, frozenset[int]]
    key: str


class Opened(NamedTuple):
    """What the app found: its acts by their numbers, and what it did not."""

    acts: frozenset[int]
    refused: NotKept | None
    fault: str = ""


def files_of(home: Path) -> Files:
    return {
        path.name: path.read_bytes()
        for path in home.iterdir()
        if path.name.startswith("store") and path.is_file() and path.suffix != ".lock"
    }


async def _written(home: Path, numbers: range) -> Files:
    async with opened(home) as keeping:
        for number in numbers:
            await keeping.remember(words(number), [Declared(ONE, "attention", number, b"lock")])
        return files_of(home)


@lru_cache(maxsize=1)
def base() -> Base:
    """Make the stores: one that was closed, one that was killed, both with a copy and without."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        asyncio.run(_written(home, range(FILED)))
        key = (home / KEY).read_text()
        closed = files_of(home)
        connection = open_connection(home / STORE, key)
        keep_copy(connection, copy_of(home / STORE, DAILY))
        shut(connection)
        copy = {COPY: (home / COPY).read_bytes()}
        killed = asyncio.run(_written(home, range(FILED, FILED + LOGGED)))
        assert _done(home, "repair")[0] == WHOLE  # it has another salt from now on
        others = {
            "another's": asyncio.run(_written(Path(folder) / "other", range(5)))[LOG],
            "later": asyncio.run(_written(home, range(90, 95)))[LOG],
        }
    killed.pop(COPY)
    stores = {"closed": closed, "killed": killed}
    stores |= {f"{name} with a copy": files | copy for name, files in stores.items()}
    return Base(stores, others, dict(_acts(stores["killed with a copy"], key)), key)


def _acts(files: Files, key: str) -> Iterator[tuple[bytes, frozenset[int]]]:
    """Yield each page of each file with the acts that it bears."""
    opener = Opener(key, files[STORE][:SALT])
    for number, page in _pages(files):
        plain = opener.page(page, number)
        left = scattered(bytes(PAGE) + plain, b"", proved=True) if plain and number > 1 else None
        if left:
            yield page, frozenset(row[0] - 1 for row in left.tables["journal"].rows.values())


def _pages(files: Files) -> Iterator[tuple[int, bytes]]:
    for name in (STORE, COPY):
        yield from enumerate(_cut_up(files.get(name)), 1)
    if len(files.get(LOG, b"")) > HEAD.size:
        yield from ((frame.number, frame.page) for frame in walked(files[LOG]).frames)


def _cut_up(raw: bytes | None) -> list[bytes]:
    return [raw[at : at + PAGE] for at in range(0, len(raw), PAGE)] if raw else []


def flipped(chance: random.Random, raw: bytearray) -> None:
    for _ in range(chance.choice((1, 1, 3, 20))):
        raw[chance.randrange(len(raw))] ^= chance.randrange(1, 256)


def zeroed(chance: random.Random, raw: bytearray) -> None:
    size = chance.choice((16, 512, PAGE, STEP, 40_000))
    at = chance.randrange(len(raw)) // size * size
    end = min(at + size, len(raw))
    raw[at:end] = bytes(end - at)


def garbled(chance: random.Random, raw: bytearray) -> None:
    at = chance.randrange(len(raw))
    end = min(at + chance.choice((16, PAGE, 30_000)), len(raw))
    raw[at:end] = chance.randbytes(end - at)


def cut(chance: random.Random, raw: bytearray) -> None:
    del raw[chance.randrange(len(raw)) :]


def swapped(chance: random.Random, raw: bytearray) -> None:
    one, two = (chance.randrange(len(raw) // PAGE) * PAGE for _ in range(2))
    raw[one : one + PAGE], raw[two : two + PAGE] = raw[two : two + PAGE], raw[one : one + PAGE]


def lengthened(chance: random.Random, raw: bytearray) -> None:
    raw += chance.randbytes(chance.choice((1, 100, STEP, 50_000)))


def emptied(_: random.Random, raw: bytearray) -> None:
    raw.clear()


def first_page(chance: random.Random, raw: bytearray) -> None:
    at, size = chance.choice(((0, SALT), (0, PAGE), (3, 1), (20, 1), (2000, 1), (4090, 1)))
    raw[at : at + size] = (byte ^ 1 for byte in raw[at : at + size])


HARMS: Final = {
    each.__name__: each
    for each in (flipped, zeroed, garbled, cut, swapped, lengthened, emptied, first_page)
}


def harmed(chance: random.Random) -> tuple[str, Files, Files]:
    """Return a store before and after some damage, and what that was."""
    name = chance.choice(sorted(base().stores))
    before = base().stores[name]
    files = dict(before)
    told = [name]
    beside = [each for each in (STORE, LOG, COPY) if each in files]
    for each in chance.sample(beside, chance.choice((1, 1, min(2, len(beside))))):
        how = chance.choice((*HARMS, "gone", *base().others))
        if how in base().others:
            files[LOG] = base().others[how]
        elif how == "gone":
            del files[each]
        else:
            raw = bytearray(files[each])
            HARMS[how](chance, raw)
            files[each] = bytes(raw)
        told.append(f"{each} {how}")
    return ", ".join(told), before, files


def held(before: Files, files: Files) -> frozenset[int]:
    """Return the acts on pages that are left, wherever; not those of a write that was cut short."""
    acts = base().acts
    left = [page for name in (STORE, COPY) if name in before for page in _cut_up(files.get(name))]
    raw, old = files.get(LOG, b""), before.get(LOG, b"")
    whole = [
        at for at in range(HEAD.size, len(old), STEP) if raw[at : at + STEP] == old[at : at + STEP]
    ]
    frames = walked(old).frames if whole else ()
    ends = [at for at in whole if frames[(at - HEAD.size) // STEP].size]
    left += [raw[at + STEP - PAGE : at + STEP] for at in whole if at <= max(ends, default=0)]
    return frozenset(act for page in left for act in acts.get(page, ()))


async def _opened(home: Path) -> Opened:
    try:
        keeping = await open_keeping(home, NoRing)
    except NotKept as error:
        return Opened(frozenset(), error)
    try:
        ids = await keeping.journal_ids()
        fault = await keeping.verify()
        await keeping.remember(words(1000))
        acts = frozenset(int(one.removeprefix("words-")) for one in ids)
        return Opened(acts, None, fault.what if fault else "")
    except NotKept as error:
        return Opened(frozenset(), error)
    finally:
        await keeping.close()


def _done(home: Path, what: str) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = look_after(
            home, what, home.parent / "out" if what == "export" else None, ring=NoRing
        )
    return code, said.getvalue()


def judged(before: Files, files: Files) -> Iterator[str]:
    """Yield what is wrong with what is said and done of the damaged store."""
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: Path(folder) / name for name in ("looked", "opened", "mended")}
        for home in homes.values():
            home.mkdir()
            for name, raw in files.items():
                (home / name).write_bytes(raw)
        looked = _done(homes["looked"], "check")
        left = asyncio.run(_opened(homes["opened"]))
        yield from _as_said(files, looked, left)
        if isinstance(left.refused, StoreToMend | StoreSealed) and (
            left.refused.args != ("database disk image is malformed",)
            and files_of(homes["opened"]) != files
        ):
            yield f"opening refused by {left.refused!r} and changed something"
        must = held(before, files)
        exported = _done(homes["looked"], "export")
        if files_of(homes["looked"]) != files:
            yield "check or export changed something"
        lines = Path(folder) / "out" / "journal.jsonl"
        told = len(lines.read_text().splitlines()) if lines.exists() else 0
        # Of the store alone: a copy is what a repair adds.
        own = held({name: raw for name, raw in before.items() if name != COPY}, files)
        if told < len(own):
            yield f"export has {told} of {len(own)}: {exported}"
        yield from _as_mended(homes["mended"], files, left, must)


def _as_said(files: Files, looked: tuple[int, str], left: Opened) -> Iterator[str]:
    code, said = looked
    if not any(files.get(name) for name in (STORE, COPY)) and code == NOT_DONE:
        return
    if code not in {WHOLE, DAMAGED}:
        yield f"check ended with {code}: {said}"
    if code == WHOLE and (left.refused or left.fault):
        yield f"check says whole, the app {left.refused!r} {left.fault}"
    if code == DAMAGED and not said.count("\n") > 1:
        yield f"check names nothing: {said}"
    if isinstance(left.refused, StoreSealed) and "by the key" not in said:
        yield f"the app says another key, check {said}"


def _as_mended(home: Path, files: Files, left: Opened, must: frozenset[int]) -> Iterator[str]:
    code, said = _done(home, "repair")
    if code != WHOLE:
        if must or files_of(home) != files:
            yield f"repair refused, and {len(must)} acts are left, or something changed: {said}"
        return
    beside = [raw for name, raw in files_of(home).items() if "damaged" in name]
    # One that is whole is left as it is; to open it moves its log into it.
    if "is whole" not in said and any(files[n] not in beside for n in (STORE, LOG) if n in files):
        yield "repair keeps not all that was damaged beside the new store"
    again = _done(home, "check")
    mended = asyncio.run(_opened(home))
    if again[0] != WHOLE or mended.refused:
        yield f"repair says done, check {again}, the app {mended.refused!r}"
    if lacking := (must | left.acts) - mended.acts:
        yield f"repair lost {sorted(lacking)}, which pages have that are left"
    if mended.fault not in {"", "removed"}:
        yield f"after repair the journal is {mended.fault}"


def tried(number: int) -> tuple[str, list[str]]:
    """Damage a store by chance; return how, and what was wrong then."""
    told, before, files = harmed(random.Random(number))  # noqa: S311 - a seed, not a secret
    return told, list(judged(before, files))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    wrong = 0
    for number in range(args.first, args.first + args.count):
        told, found = tried(number)
        wrong += bool(found)
        for each in found:
            print(f"{number} ({told}): {each}", flush=True)
    print(f"{args.count} stores were damaged, {wrong} of them wrongly told or mended")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
