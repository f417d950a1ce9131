"""Which benchmarks there are, and what each measures: `python -m tests.benchmarks`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
PARTS: Final = frozenset({"__main__", "on_screen"})
"""They run by themselves and measure nothing."""


def listed() -> Iterator[tuple[str, str]]:
    """Yield each benchmark's module and the first line of what it says of itself."""
    for path in sorted(HERE.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.stem not in PARTS and '\nif __name__ == "__main__":' in source:
            told = ast.get_docstring(ast.parse(source)) or ""
            yield path.stem, told.partition("\n")[0]


def main() -> None:
    found = list(listed())
    wide = max(len(name) for name, _ in found)
    for name, told in found:
        print(f"{name:{wide}}  {told}")
    print("\nEach by itself: python -m tests.benchmarks.NAME [--help]")


if __name__ == "__main__":
    main()
