"""How alike two pictures look: the structural similarity index, mean over the picture.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment, IEEE Transactions
on Image Processing 13(4), 2004; with their constants and their window of 11 pixels (sigma 1.5).
"""

import math
from typing import Final

from PIL import Image

_REACH: Final = 5
_SIGMA: Final = 1.5
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2

Plane = list[list[float]]


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Return 1.0 for pictures that are the same in luma; both of one size, from 11 px a side on."""
    a, b = _luma(one), _luma(other)
    mean_a, mean_b = _blurred(a), _blurred(b)
    square_a, square_b = _blurred(_product(a, a)), _blurred(_product(b, b))
    both = _blurred(_product(a, b))
    total = count = 0.0
    for rows in zip(mean_a, mean_b, square_a, square_b, both, strict=True):
        for ma, mb, aa, bb, ab in zip(*rows, strict=True):
            spread = aa - ma * ma + bb - mb * mb
            structure = (2 * (ab - ma * mb) + _C2) / (spread + _C2)
            total += (2 * ma * mb + _C1) / (ma * ma + mb * mb + _C1) * structure
            count += 1
    return total / count


def _luma(image: Image.Image) -> Plane:
    raw, width = image.convert("L").tobytes(), image.width
    return [[float(p) for p in raw[at : at + width]] for at in range(0, len(raw), width)]


def _product(a: Plane, b: Plane) -> Plane:
    return [[x * y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]


def _blurred(plane: Plane) -> Plane:
    """Return the weighted means of all windows that lie whole within the picture."""
    across = [_folded(row) for row in plane]
    down = [_folded(list(column)) for column in zip(*across, strict=True)]
    return [list(row) for row in zip(*down, strict=True)]


def _weights() -> list[float]:
    raw = [math.exp(-(at**2) / (2 * _SIGMA**2)) for at in range(-_REACH, _REACH + 1)]
    return [weight / sum(raw) for weight in raw]


_WEIGHTS: Final = _weights()


def _folded(row: list[float]) -> list[float]:
    return [
        sum(weight * row[at + n] for n, weight in enumerate(_WEIGHTS))
        for at in range(len(row) - 2 * _REACH)
    ]
