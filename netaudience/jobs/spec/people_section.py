"""What the tables of a job file about people share: which vendors, and by which columns people are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netaudience.jobs.spec.diagnostics import Section, listed, nearest
from netaudience.jobs.spec.validate import find_vendor
from netaudience.model.verb_facts import OWN, SHARED, Identity
from netaudience.vendors import names


def columns_of(section: Section, vendors: Iterable[str]) -> dict[str, str]:
    """Return the columns that people are known by: by an identity, or one vendor's alone: ``VENDOR_id``."""
    columns = dict(pairs_of(section, "columns"))
    if not columns and "columns" not in section:
        section.problems.add(
            section.path,
            f'{section.name} does not say who is meant: add columns = {{ id = "user_id", email = "email" }}',
        )
    known = (*SHARED, *(f"{vendor}_{identity}" for vendor in vendors for identity in OWN))
    for given in columns:
        if given not in known:
            section.wrong(
                "columns", f"columns has no {given}{nearest(given, known) or f': they are {listed(known)}'}"
            )
    return columns


def vendors_of(section: Section, key: str = "vendors") -> tuple[str, ...]:
    """Return the vendors that a section lists, by their names in commands."""
    slugs = list(names())
    if key not in section:
        every = ", ".join(f'"{slug}"' for slug in slugs)
        section.problems.add(
            section.path, f"{section.name} names no vendor: add vendors = [{every}], or some"
        )
    found: list[str] = []
    for given in section.texts(key):
        vendor = find_vendor(given)
        if vendor is None:
            meant = nearest(given, slugs) or f": it is one of {listed(slugs)}"
            section.wrong(key, f"there is no vendor {given!r}{meant}")
        elif vendor.slug not in found:
            found.append(vendor.slug)
    return tuple(found)


def pairs_of(section: Section, key: str) -> Iterator[tuple[str, str]]:
    """Give the pairs of a table; a whole number is as good as its text."""
    for name, value in section.table(key).items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # noqa: PLW2901 - the same, written otherwise
        if isinstance(value, str) and value.strip():
            yield name.replace("-", "_") if key == "columns" else name, value
        else:
            section.wrong(key, f"{key} of {name} is a text that is not empty")


def column_of(columns: Mapping[str, str], vendor: str, takes: Identity) -> str | None:
    """Return the column of an identity at a vendor, whose own ids come first."""
    return columns.get(f"{vendor}_{takes}") or columns.get(takes)
