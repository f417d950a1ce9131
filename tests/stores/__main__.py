"""Make a store of the sample lesson: `python -m tests.stores tests/stores/vNNNN`."""

import argparse
import asyncio
from pathlib import Path

from central_mdm.contract.journal import Outcome
from classroom_app.storage.keeping import open_keeping
from tests.rings import NoRing
from tests.stores import CURSOR, DECLARED, ROSTER, SCOPE, lesson_acts
from tests.sync_store import sum_of


async def make(folder: Path) -> None:
    keeping = await open_keeping(folder, NoRing)
    keeping.choose_language("fr")
    await keeping.apply(SCOPE, "epoch-1", ROSTER, CURSOR, len(ROSTER), sum_of(ROSTER))
    for act in lesson_acts():
        declared = DECLARED if act.id == "act-6" else ()
        await keeping.remember(act, declared)
    await keeping.settled((Outcome("act-1", "applied"), Outcome("act-2", "refused", "malformed")))
    await keeping.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True)
    asyncio.run(make(folder))


if __name__ == "__main__":
    main()
