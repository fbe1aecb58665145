"""The page at the sandbox's root: what happens here, for somebody who looks.

One file without a network of its own. It is served with a policy that lets a browser run its script
alone and ask nobody but this server.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from aiohttp import web

_FILE = files("netaudience.sandbox") / "page.html"


async def page(_request: web.Request) -> web.Response:
    """The page."""
    text = _FILE.read_text(encoding="utf-8")
    return web.Response(
        text=text, content_type="text/html", headers={"Content-Security-Policy": _policy(text)}
    )


def _policy(text: str) -> str:
    """What a browser may do for this page: run its one script, and ask the host it came from."""
    script = "".join(re.findall(r"<script>(.*?)</script>", text, re.DOTALL))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
