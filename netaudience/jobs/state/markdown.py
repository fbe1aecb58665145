"""Text in a table of Markdown, as the pages of builds and of pull requests show it."""

from __future__ import annotations


def cell(text: str) -> str:
    """Return text that a cell of a Markdown table shows as it is."""
    plain = " ".join(text.split())
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "<", ">", "#"):
        plain = plain.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return plain
