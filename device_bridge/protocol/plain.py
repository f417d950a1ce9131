"""Text from elsewhere, made harmless to show: all of it is hostile, plain and cut."""

import unicodedata


def plain(text: str, most: int, *, lines: bool = False) -> str:
    """Cut hostile text: no control or format characters, at most `most` long.

    Format characters (Cf) hold the bidirectional overrides that turn a name around.
    """
    kept = "".join(
        character if _shown(character) else "\n" if lines and character == "\n" else " "
        for character in text[: 4 * most]
    )
    joined = kept if lines else " ".join(kept.split())
    return joined.strip() if len(joined) <= most else joined[: most - 1].rstrip() + "…"


def _shown(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
