"""What a command's summary counts, for the tests that read it."""

from __future__ import annotations

import re


def counts_of(summary: str) -> dict[str, int]:
    """Read the summary's first line: the numbers by their names, of which those of 0 are left out."""
    found = re.search(r": of ([\d,]+) rows?, (.*?)\.", summary)
    assert found is not None, summary
    parts = re.findall(r"([\d,]+) ([a-z ]+)", found[2])
    counts = {name.strip(): int(number.replace(",", "")) for number, name in parts}
    return {"rows": int(found[1].replace(",", "")), **counts}
