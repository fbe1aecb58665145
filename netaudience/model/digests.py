"""Digests that tell one thing from another: accounts, arguments, rows, files.

They are written with letters only. Hexadecimal digits are all decimal now and then, and read as somebody's
number then, to the people and the tools that look for such numbers in logs and reports.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_AS_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def digest_of(text: str, letters: int = 16) -> str:
    """Return the digest of a text; each of its letters holds four bits."""
    return digest_of_parts([text.encode("utf-8", "surrogatepass")], letters)


def digest_of_parts(parts: Iterable[bytes], letters: int = 32) -> str:
    """Return the digest of bytes that come in parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:letters].translate(_AS_LETTERS)


def digest_of_file(path: Path) -> str:
    """Return the digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32].translate(_AS_LETTERS)
