"""Write the two files of a new vendor, its client and its sandbox: `python docs/new_vendor.py acme`.

They are those of tests/house/sixth-vendor.patch under another name, so what is written here is tested there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATCH = ROOT / "tests" / "house" / "sixth-vendor.patch"


def files() -> Iterator[tuple[str, str]]:
    """Give the path and the text of each file that the patch makes."""
    for part in PATCH.read_text(encoding="utf-8").split("diff --git ")[1:]:
        (path,) = re.findall(r"^\+\+\+ b/(.+)$", part, re.MULTILINE)
        body = part[part.index("\n@@ ") + 1 :].splitlines()[1:]
        yield path, "".join(f"{line[1:]}\n" for line in body if line.startswith("+"))


def main() -> int:
    """Write them, and say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("slug", help="the vendor's name in commands: lower-case letters and digits")
    parser.add_argument("--name", help="the vendor's own name, as AcmeClient has it; Slug if left out")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    given = parser.parse_args()
    name = given.name or given.slug.capitalize()
    if not re.fullmatch(r"[a-z][a-z0-9]*", given.slug) or name.lower() != given.slug:
        parser.error("write the slug in lower-case letters and digits, and the name alike but for its case")

    def renamed(text: str) -> str:
        return text.replace("acme", given.slug).replace("Acme", name).replace("ACME", given.slug.upper())

    written = [(given.root / renamed(path), renamed(text)) for path, text in files()]
    for path, _ in written:
        if path.exists():
            parser.error(f"{path} is there already")
    for path, text in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(given.root)}\n")
    sys.stdout.write("What comes next stands in docs/contributing.md, under A vendor.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
