"""What a close picture costs in each codec, there and back, and how true it is.

Bytes and processor time a frame; PSNR of the luma, the mean of all frames.

`python -m tests.benchmarks.codecs`, one thread. "flip": each frame is another page, half text and
half picture; "scroll": a page that moves by 8 pixels a frame; "window": a picture of 400 x 400
moves on a page that stays. Still codecs send what changed, as the product does, whole or in places;
H.264 (x264, as fast and as prompt as it can be) and VP8 (libvpx, real time) are there where PyAV
is: `pip install av`. Its wheels carry x264, so the product does not.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from math import log10
from typing import Any, Final, TypeVar

from PIL import Image, ImageChops

from device_bridge.agent.capabilities import Picture
from device_bridge.pictures.canvas import Canvas
from device_bridge.pictures.encode import Encoder
from device_bridge.pictures.raster import mapped
from device_bridge.protocol.pictures import Codec, Frame, bytes_of, covers
from tests.benchmarks.pages import SIZE, page
from tests.benchmarks.report import report

Done = TypeVar("Done")
FRAMES: Final = 20
STEP: Final = 8
MOVED: Final = 400
STILL: Final[tuple[tuple[str, Codec, int], ...]] = (
    ("jpeg_75", "jpeg", 75),
    ("jpeg_60", "jpeg", 60),
    ("webp_45", "webp", 45),
)
VIDEO: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "h264": (
        "libx264",
        "h264",
        {"preset": "ultrafast", "tune": "zerolatency", "crf": "28", "threads": "1"},
    ),
    "vp8": (
        "libvpx",
        "vp8",
        {
            "deadline": "realtime",
            "cpu-used": "12",
            "lag-in-frames": "0",
            "threads": "1",
            "crf": "30",
            "qmin": "20",
            "qmax": "45",
            "error-resilient": "1",
        },
    ),
}
RATE_BITS: Final = 40_000_000
"""Above what the product's own pictures of a scrolling screen take: quality decides, not this."""


def films(seed: int) -> dict[str, list[Image.Image]]:
    tall = Image.new("RGB", (SIZE[0], SIZE[1] * 2))
    for number in range(2):
        tall.paste(page("half", number, seed), (0, number * SIZE[1]))
    photo = page("half", 5, seed).crop((SIZE[0] // 2, 0, SIZE[0] // 2 + MOVED, MOVED))
    moving: list[Image.Image] = []
    for at in range(FRAMES):
        ground = page("half", 0, seed)
        ground.paste(photo, (1100 + 12 * at, 300 + 10 * at))
        moving.append(ground)
    return {
        "flip": [page("half", number, seed) for number in range(FRAMES)],
        "scroll": [tall.crop((0, at * STEP, SIZE[0], at * STEP + SIZE[1])) for at in range(FRAMES)],
        "window": moving,
    }


class Costs:
    """Sums over all frames but the first, which is a whole one for every codec."""

    def __init__(self) -> None:
        self.bytes = self.frames = 0
        self.encode = self.decode = self.psnr = 0.0

    def add(self, size: int, encode: float, decode: float, psnr: float) -> None:
        self.bytes, self.frames = self.bytes + size, self.frames + 1
        self.encode, self.decode = self.encode + encode, self.decode + decode
        self.psnr += psnr

    def figures(self, name: str) -> dict[str, float]:
        count = max(1, self.frames)
        return {
            f"{name}_kb": self.bytes / count / 1000,
            f"{name}_encode_ms": self.encode / count * 1000,
            f"{name}_decode_ms": self.decode / count * 1000,
            f"{name}_psnr_db": self.psnr / count,
        }


def timed(work: Callable[..., Done], *given: Any) -> tuple[Done, float]:  # noqa: ANN401 - anything
    began = time.process_time()
    done = work(*given)
    return done, time.process_time() - began


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return how true the luma is, in dB; 99 for the same."""
    apart = ImageChops.difference(one.convert("L"), other.convert("L"))
    squares = sum(count * value * value for value, count in enumerate(apart.histogram()))
    return 10 * log10(255**2 * SIZE[0] * SIZE[1] / squares) if squares else 99.0


def still(film: Sequence[Image.Image], codec: Codec, quality: int) -> Costs:
    """Send what changed by the product's own encoder; lay it by the product's own decoder."""
    encoder, canvas, costs, number = Encoder(codec=codec), Canvas(), Costs(), 0
    for at, image in enumerate(film):
        raw = image.convert("RGBA").tobytes("raw", "BGRA")
        screen = mapped(Picture(*SIZE, "BGRX", raw))
        patches, took = timed(encoder.patches, screen, quality, None, raw)
        base = 0 if covers(patches, SIZE) else number
        number = at + 1
        frame = Frame(number, 1, *SIZE, *SIZE, patches, base)
        _, back = timed(canvas.lay, frame, SIZE)
        whole = canvas.again(SIZE)
        if at and whole:
            costs.add(bytes_of(patches), took, back, psnr(image, whole.image))
    return costs


def video(film: Sequence[Image.Image], name: str) -> Costs:
    """Send frame by frame, none held back, as a live screen wants it."""
    av: Any = import_module("av")
    library, decoder_name, options = VIDEO[name]
    encoder: Any = av.CodecContext.create(library, "w")
    encoder.width, encoder.height, encoder.pix_fmt = *SIZE, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 30), Fraction(30)
    encoder.bit_rate, encoder.options = (0 if name == "h264" else RATE_BITS), options
    decoder: Any = av.CodecContext.create(decoder_name, "r")
    costs = Costs()
    for at, image in enumerate(film):
        raw = image.convert("RGBA").tobytes("raw", "BGRA")
        packets, took = timed(_encoded, av, encoder, raw, at)
        (pixels,), back = timed(_decoded, decoder, packets)
        if at:
            seen = Image.frombytes("RGB", SIZE, pixels)
            costs.add(sum(packet.size for packet in packets), took, back, psnr(image, seen))
    return costs


def _encoded(av: Any, encoder: Any, raw: bytes, at: int) -> list[Any]:  # noqa: ANN401 - PyAV's
    frame = av.VideoFrame(*SIZE, "bgra")
    frame.planes[0].update(raw)
    yuv = frame.reformat(format="yuv420p")
    yuv.pts = at
    return list(encoder.encode(yuv))


def _decoded(decoder: Any, packets: Sequence[Any]) -> list[bytes]:  # noqa: ANN401 - as above
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return [bytes(frame.reformat(format="rgb24").planes[0]) for frame in frames]


def run(seed: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for kind, film in films(seed).items():
        for name, codec, quality in STILL:
            figures |= still(film, codec, quality).figures(f"{kind}_{name}")
        for name in VIDEO if find_spec("av") else ():
            figures |= video(film, name).figures(f"{kind}_{name}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if find_spec("av") is None:
        print("PyAV is not installed: no video codec to compare with (pip install av)")
    report("codecs", vars(args), run(args.seed))


if __name__ == "__main__":
    main()
