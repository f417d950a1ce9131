"""A bundle's edges, guided by coverage: `python -m tests.fuzz.guided EDGES SECONDS SEED KEPT`.

libFuzzer (atheris) changes bytes until it has reached every branch of ours it can; half of its
changes are `mutate`'s, which know what our messages look like. `EDGES` has commas between. What
reaches something new goes to `KEPT`. Ends with 1, and `FOUND` on a line, at an input that is
neither read nor refused: it is laid in the corpus of its edge.
"""

import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["device_bridge", "classroom_app", "central_mdm"]):
    from tests.fuzz.bundles import joined, split
    from tests.fuzz.edges import EDGES
    from tests.fuzz.mutate import mutated
    from tests.fuzz.tries import CORPUS, SHOWN, memory_watched, offered

INPUT_BYTES_MAX = 8192
RSS_MEGABYTES_MAX = 1024
SLOW_SECONDS = 10


def guide(edges: tuple[str, ...], seconds: int, seed: int, kept: Path) -> None:
    """Try until time is up; libFuzzer ends the process."""
    for edge in edges:
        found = [path.read_bytes() for path in sorted((CORPUS / edge).glob("*"))]
        for number, example in enumerate((*EDGES[edge].examples, *found)):
            (kept / f"{edge}-{number}").write_bytes(joined(edges, edge, example))

    def one(whole: bytes) -> None:
        edge, raw = split(edges, whole)
        _, fault = offered(edge, raw)
        if fault:
            head = raw[:SHOWN].hex() + ("…" if len(raw) > SHOWN else "")
            path = CORPUS / edge / f"found-{random.Random(raw).randbytes(4).hex()}"  # noqa: S311 - a name by content
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(raw)
            print(f"FOUND {edge}: {fault}; {len(raw)} bytes, kept as {path}: {head}", flush=True)
            os._exit(1)

    def other(raw: bytes, most: int, chance: int) -> bytes:
        if chance % 2:
            return atheris.Mutate(raw, most)
        edge, rest = split(edges, raw)
        changed = mutated(random.Random(chance), rest)  # noqa: S311 - to be repeated
        return joined(edges, edge, changed)[:most]

    limits = (f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-seed={seed}")
    guards = (f"-rss_limit_mb={RSS_MEGABYTES_MAX}", f"-timeout={SLOW_SECONDS}")
    # libFuzzer's own artifacts tell of hangs and of memory: they lie beside what it keeps.
    options = (*limits, *guards, "-print_final_stats=1", f"-artifact_prefix={kept.parent}/")
    atheris.Setup([sys.argv[0], *options, str(kept)], one, custom_mutator=other)
    with memory_watched(), suppress(SystemExit):
        atheris.Fuzz()


if __name__ == "__main__":
    guide(tuple(sys.argv[1].split(",")), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
