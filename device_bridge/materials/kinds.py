"""What a file is by its first bytes, where that is cheap to see."""

from pathlib import Path
from typing import Final

_PDF_HEAD_BYTES: Final = 1024
"""ISO 32000-1 readers look for `%PDF-` in the first 1024 bytes (Annex H, note 13)."""


def looks_whole(path: Path) -> bool:
    """Tell whether a file is at all what its name says: a PDF. Blocks; raises `OSError`."""
    if path.suffix.lower() != ".pdf":
        return True
    with path.open("rb") as file:
        return b"%PDF-" in file.read(_PDF_HEAD_BYTES)
