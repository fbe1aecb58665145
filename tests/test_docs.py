"""The documentation tells of what there is: its commands exist, its imports work, its numbers are right."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from netaudience.cli.app import build
from netaudience.vendors import clients

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
VENDORS = {vendor.slug: vendor for vendor in clients()}
#: Which it takes a quarter of a second to build, and nobody changes.
APP = build(None)
each_page = pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", VENDORS)
def test_every_vendor_has_a_page_that_the_readme_leads_to(slug: str) -> None:
    assert (ROOT / "docs" / "vendors" / f"{slug}.md").is_file()
    told = text_of(ROOT / "README.md")
    vendor, count = VENDORS[slug].vendor, len(VENDORS[slug].operations())
    assert f"| [{vendor}](docs/vendors/{slug}.md) | {count} |" in told
    assert f"{vendor} ({count}" in text_of(ROOT / "CHANGELOG.md")


@each_page
def test_every_command_that_is_shown_is_one(page: Path) -> None:
    for slug, command in re.findall(r"\bnetaudience (\w+) ([a-z][a-z-]+)", text_of(page)):
        if slug in VENDORS:
            assert command in APP[slug], f"netaudience {slug} {command}"


@each_page
def test_every_flag_that_is_shown_is_one(page: Path) -> None:
    lines = text_of(page).replace("\\\n", " ").splitlines()
    for line in lines:
        for slug, command, rest in re.findall(r"\bnetaudience (\w+) ([a-z][a-z-]+)([^#`|]*)", line):
            if slug not in VENDORS:
                continue
            arguments = APP[slug][command].assemble_argument_collection()
            known = {name for argument in arguments for name in argument.names}
            for flag in re.findall(r"(?<=\s)--[a-z-]+", rest):
                assert flag in known, f"netaudience {slug} {command} {flag}"


@each_page
def test_every_import_that_is_shown_works(page: Path) -> None:
    for module, names in re.findall(
        r"^ *from (netaudience[\w.]*) import ([\w, ]+)$", text_of(page), re.MULTILINE
    ):
        for name in names.split(","):
            assert hasattr(import_module(module), name.strip()), f"from {module} import {name}"


@each_page
def test_every_link_inside_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of(page)):
        assert (page.parent / link).exists(), link


@each_page
def test_every_variable_that_is_shown_is_read(page: Path) -> None:
    sources = "".join(text_of(file) for file in (ROOT / "netaudience" / "vendors").rglob("*.py"))
    for slug, name in re.findall(r"NETAUDIENCE_([A-Z]+)_([A-Z_]+[A-Z])", text_of(page)):
        plain = name.removesuffix("_FILE").lower()
        if slug.lower() in VENDORS and plain:
            assert f'"{plain}"' in sources, f"NETAUDIENCE_{slug}_{name}"
