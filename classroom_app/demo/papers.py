"""Documents for the demo: PDFs of a wanted size, sound to any reader, alike for one seed."""

import random
from pathlib import Path

LINES = (
    "Fiche 3 - Lire un climatogramme",
    "1. Quel est le mois le plus chaud ?",
    "2. Combien de mois sont secs ?",
    "3. Quel est ce climat ? Justifie.",
)


def _page(lines: tuple[str, ...]) -> bytes:
    text = "BT /F1 20 Tf 72 760 Td 28 TL " + " T* ".join(f"({line}) Tj" for line in lines) + " ET"
    return text.encode("latin-1")


def pdf(seed: int, size: int, lines: tuple[str, ...] = LINES) -> bytes:
    """Make a PDF 1.4 of about `size` bytes (ISO 32000-1, 7.5): one page, and an attached stream.

    The stream is random, so that it cannot be compressed on the way and every seed differs.
    """
    page = _page(lines)
    filling = random.Random(seed).randbytes(max(0, size - 900 - len(page)))  # noqa: S311 - a filling
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
            b" /Resources << /Font << /F1 4 0 R >> >> >>"
        ),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(filling), filling),
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    out += trailer % (len(bodies) + 1, start)
    return bytes(out)


def write_pdf(path: Path, seed: int, size: int) -> Path:
    path.write_bytes(pdf(seed, size))
    return path
