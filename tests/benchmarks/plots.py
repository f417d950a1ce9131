"""`make bench-plots`: wall and show at 10, 20, 40 and 100 devices, drawn into docs/pictures.

Each run is a process of its own; its last line is kept beside the pictures, so that
`--drawn-only` draws again without measuring. Needs the extra "plots" (matplotlib).
"""

import argparse
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

COUNTS: Final = (10, 20, 40, 100)
PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"
Panel = tuple[str, tuple[str, ...], float | None]
"""Title, figures, and the line not to be crossed, or reached: at 40 devices, at 30 in a show."""
WALL: Final[tuple[Panel, ...]] = (
    ("Processor, cores", ("app_cpu_cores", "window_cpu_cores", "decoders_cpu_cores"), 0.4),
    ("Devices together, cores (nice 10)", ("devices_cpu_cores",), None),
    ("Frames a second, each device", ("frames_per_second_per_device",), None),
    ("Oldest picture, s", ("staleness_seconds_max", "staleness_seconds_p50"), 1.0),
    ("Window's stalls, ms", ("ui_stall_ms_p999", "ui_stall_ms_max"), 30.0),
    ("Memory, MB", ("app_rss_mb", "window_rss_mb"), 350.0),
)
SHOW: Final[tuple[Panel, ...]] = (
    ("Frames a second, the slowest receiver", ("frames_per_second",), 10.0),
    (
        "... one of them at 1 Mbit/s",
        ("frames_per_second_others", "frames_per_second_throttled"),
        10,
    ),
    ("Encodes a frame", ("encodes_per_frame",), 1.0),
    ("Processor, cores", ("app_cpu_cores", "receivers_cpu_cores"), None),
    ("Bytes a second, each, changing pages", ("bytes_per_second_per_receiver",), 250_000.0),
    ("Bytes a second, each, still page", ("bytes_per_second_still",), 5_000.0),
)
DRAWN: Final = {"wall": WALL, "show": SHOW}


def measure(benchmark: str, seconds: float) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for count in COUNTS:
        command = [sys.executable, "-m", f"tests.benchmarks.{benchmark}", "--devices", str(count)]
        done = subprocess.run(
            [*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True, check=True
        )
        told.append(json.loads(done.stdout.splitlines()[-1]))
    return told


def draw(told: list[dict[str, Any]], panels: tuple[Panel, ...], path: Path) -> None:
    # Not everyone who checks types has it.
    import_module("matplotlib").use("Agg")
    plots: Any = import_module("matplotlib.pyplot")
    shown, spots = plots.subplots(2, 3, figsize=(12, 6.4), layout="constrained")
    counts = [run["args"]["devices"] for run in told]
    for spot, (title, names, limit) in zip(spots.flat, panels, strict=True):
        for name in names:
            values = [run["figures"][name] for run in told]
            spot.plot(counts, values, marker="o", label=name)
        if limit is not None:
            spot.axhline(limit, color="grey", linestyle="--", linewidth=1)
        spot.set_title(title, fontsize=10)
        spot.set_xlabel("devices", fontsize=8)
        spot.set_xticks(counts)
        spot.set_ylim(bottom=0)
        spot.grid(visible=True, alpha=0.3)
        spot.legend(fontsize=7)
    shown.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--drawn-only", action="store_true")
    args = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    for benchmark, panels in DRAWN.items():
        kept = PICTURES / f"{benchmark}-scaling.json"
        if not args.drawn_only:
            kept.write_text(json.dumps(measure(benchmark, args.seconds), indent=1) + "\n")
        draw(json.loads(kept.read_text()), panels, kept.with_suffix(".png"))


if __name__ == "__main__":
    main()
