"""Writes an export as a CRM would: a byte-order mark, Windows line ends, and the dirt of real life.

Everything comes from a seed. What was written is remembered row by row, for somebody to check a run against;
the names are made of syllables and belong to nobody.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import attrs

COLUMNS = ("customer_id", "name", "email", "city", "note", "lastOrder", "points")
_SYLLABLES = ("ka", "lo", "mi", "şe", "ğa", "zü", "ré", "ño", "ßa", "ян", "さ", "ti", "or", "en")
_CITIES = ("İstanbul", "Ankara", "München", "São Paulo", "Łódź", "Kraków, Stare Miasto", "東京")
_NOTES = ("", "", "", "called, wants an offer", "first line\nsecond line", 'said "later"', "=cmd; x")
_BAD_MAILS = ("", "n/a", "two@at@example.com", "no-at.example.com", " spaces @example.com")


@attrs.frozen
class Export:
    """An export with the truth about it."""

    path: Path
    #: The customer id of each row, in order; None where the row is no proper row of CSV.
    ids: tuple[str | None, ...]
    #: The points of each row: what shows whether the last row of a customer was the last to be applied.
    points: tuple[str, ...]
    #: An id that the vendor refuses for reasons of its own.
    poison: str

    @property
    def good_ids(self) -> frozenset[str]:
        """The ids that can be delivered."""
        return frozenset(name for name in self.ids if name and name.isprintable() and name != self.poison)


def write_export(path: Path, rows: int, seed: int) -> Export:
    """Write an export of a number of rows."""
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose
    poison_row = rows // 2
    points: list[str] = []
    ids: list[str | None] = []
    poison, cut = "poison-77", 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in range(rows):
            customer = poison if row == poison_row else _customer(draw, row, ids)
            cells = [customer, *_cells(draw, row)]
            if draw.random() < 0.001 and row != poison_row:
                writer.writerow([f"c{row}", *cells[1 : draw.randrange(2, 5)]])  # cut short
                cut += 1
                continue
            writer.writerow(cells)
            points.append(cells[-1])
            ids.append(customer)
    # Lines that are no rows are counted after all rows.
    return Export(path, (*ids, *[None] * cut), (*points, *[""] * cut), poison)


def _customer(draw: random.Random, row: int, ids: list[str | None]) -> str:
    chance = draw.random()
    if chance < 0.005:
        return ""
    if chance < 0.02 and ids:
        return ids[draw.randrange(len(ids))] or f"c{row}"  # the same customer once more
    if chance < 0.04:
        return f"{draw.randrange(10**19, 10**20)}"  # twenty digits: no number survives as a float
    if chance < 0.06:
        return f"{row:010d}"  # leading zeros
    if chance < 0.0602:
        return f"c{row}\nx"  # a line break inside the quotes
    return f"c{row}"


def _cells(draw: random.Random, row: int) -> list[str]:
    name = "".join(draw.choice(_SYLLABLES) for _ in range(draw.randrange(2, 5))).capitalize()
    mail = draw.choice(_BAD_MAILS) if draw.random() < 0.02 else f"user{row}@example.com"
    order = "" if draw.random() < 0.3 else str(1_600_000_000_000 + draw.randrange(10**11))
    return [name, mail, draw.choice(_CITIES), draw.choice(_NOTES), order, str(draw.randrange(5000))]
