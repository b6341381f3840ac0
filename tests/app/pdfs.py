"""PDF files made for the tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_IDENTIFIER = bytes(range(16))


def write_pdf(
    path: Path,
    pages: int = 3,
    size: tuple[int, int] = (300, 200),
    password: str | None = None,
    *,
    box: int = 60,
    curves: int = 0,
) -> Path:
    """Pages of a size in points. Page n has a black square of `box` points at (40, 100) and n bars to its right.

    Some thousand curves take seconds to draw.

    With a password it is encrypted as PDF 1.4 knows it (RC4, 40 bits; algorithms 2 to 4 of the PDF reference).
    """
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
    kids = " ".join(f"{3 + 2 * page} 0 R" for page in range(pages))
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode()
    key, encryption = _encryption(password) if password is not None else (None, b"")
    for page in range(pages):
        bars = "".join(f"{120 + 20 * bar} 100 10 40 re f\n" for bar in range(page + 1))
        tangle = "".join(
            f"{n * 37 % 300} {n * 91 % 200} m {n * 53 % 300} 0 0 {n * 17 % 200} {n * 71 % 300} {n * 29 % 200} c S\n"
            for n in range(curves)
        )
        drawing = f"0 g 40 100 {box} {box} re f\n{bars}{tangle}".encode()
        number = 4 + 2 * page
        if key is not None:
            drawing = _rc4(hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10], drawing)
        objects[3 + 2 * page] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {number} 0 R >>".encode()
        )
        objects[number] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing)
    trailer = b"/Root 1 0 R /ID [<%s> <%s>]" % ((_IDENTIFIER.hex().encode(),) * 2)
    if key is not None:
        last = max(objects) + 1
        objects[last] = encryption
        trailer += b" /Encrypt %d 0 R" % last
    content, places = b"%PDF-1.4\n", []
    for number in sorted(objects):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        len(objects) + 1,
        trailer,
        len(content),
    )
    path.write_bytes(content)
    return path


def _encryption(password: str) -> tuple[bytes, bytes]:
    """The key of the file, and its encryption dictionary."""
    padded = (password.encode("latin-1") + _PADDING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    rights = (-4 & 0xFFFFFFFF).to_bytes(4, "little")
    key = hashlib.md5(padded + owner + rights + _IDENTIFIER).digest()[:5]
    user = _rc4(key, _PADDING)
    return key, b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>" % (owner.hex().encode(), user.hex().encode())


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
