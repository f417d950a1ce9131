"""The server's code of the version just before: `vNNNN.zip`, whose newest migration is NNNN.

While a region is updated such servers go on serving on the newest schema, so they are tested on it:
`python -m tests.previous COMMIT` makes the file of the last commit of that version, and removes the
one of before.
"""

import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
_RUN: Final = (
    "import sys; from central_mdm.platform.migrate import NEWEST; print(NEWEST, flush=True); "
    "from central_mdm.cli import main; sys.exit(main(sys.argv[1:]))"
)


def kept() -> list[Path]:
    """List what is here; it should be one."""
    return sorted(HERE.glob("v*.zip"))


def version_in(path: Path) -> str:
    return path.stem[1:]


def command(*words: str | Path) -> list[str]:
    """Return how to run `pupitre-mdm` of whatever code PYTHONPATH names; it says its version first.

    `-P`: what lies where it is started is none of its code.
    """
    return [sys.executable, "-P", "-c", _RUN, *map(str, words)]
