"""Whether every link inside a built site leads to a page, and to a place on it; it is given the folder."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """What a page links to, and the places on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the links and the places of one element."""
        for name, value in attrs:
            if name in ("href", "src") and value and tag != "base":
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def broken(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"{site} has no page"]
    found: list[str] = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            to, place = urldefrag(unquote(link))
            to = to.partition("?")[0]  # what tells one version of a style sheet from another
            target = (path.parent / to).resolve() if to else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                found.append(f"{path.relative_to(site)}: {link} leads to no file")
            elif target in pages and place not in pages[target].places:
                found.append(f"{path.relative_to(site)}: {link} leads to no place on its page")
    return found


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]).resolve())
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "every link inside leads somewhere\n")
    sys.exit(bool(lines))
