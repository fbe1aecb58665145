"""A vendor that repeats what it was sent in whatever it answers: the body, the path, the credentials.

It stands for every careless gateway, debug page and error message there is. It runs in a thread of its own,
so that commands that have a loop of their own can be pointed at it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from threading import Thread
from urllib.parse import unquote

__all__ = ["COMMANDING", "WAYS", "Echo", "Handling", "echoing"]

#: What would command a terminal: colours, a clean screen, a title, a bell, and text that runs to the left.
COMMANDING = "\x1b[31m \x1b[2J \x1b]0;title\x07 \x9b1A \x00 \r \u202e \u2066"

STATUSES = (400, 401, 404, 429, 500)
#: How it fails: a status with the request in JSON, or worse.
WAYS = (
    *map(str, STATUSES),
    "429 then 400", "html", "html 200", "redirect", "cut", "cut in the middle", "no http",
    "lies", "partial", "no token",
)  # fmt: skip
#: Where vendors put their words.
_WORDS = (
    "error", "errors", "msg", "message", "title", "detail", "description", "code", "type", "status", "reason",
    "request_id", "exception", "stack_trace", "meta", "info", "params", "errorMessage", "statusCode",
)  # fmt: skip

#: Those of them that are never data.
_TALK = ("error", "errors", "msg", "message", "detail", "code", "status", "reason", "exception")
_HOW = ("invalid", "notFound", "conflict", "forgotten", "invalidData")


class Echo:
    """The address, and how the next answers fail."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.way = "400"
        self.requests = 0


class Handling(BaseHTTPRequestHandler):
    """Keeps connections, logs nothing, and answers in one piece: two would wait for one another."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def echoing() -> Iterator[Echo]:
    """Run the vendor."""

    class Handler(Handling):
        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if "oauth/token" in self.path and echo.way != "no token":
                self.answer(200, {"access_token": "kanarya-token-5a6b7c", "expires_in": 3600})
                return
            echo.requests += 1
            heads = " ".join(f"{name}: {value}" for name, value in self.headers.items())
            self.fail(f"{unquote(self.path)} {heads} {body}", body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815 - their names

        def fail(self, request: str, body: str) -> None:
            # What was sent as plain words, in a sentence, as vendors say it.
            plain = " ".join(re.findall(r'"([A-Za-z]+)"', body))
            words = f"cannot use {COMMANDING} {plain} of {request}"
            match echo.way:
                case "html" | "html 200":
                    page = f"<html><title>{request}</title><body>{words}</body></html>"
                    self.answer(200 if "200" in echo.way else 502, page, "text/html")
                case "redirect":
                    self.answer(302, "", Location=f"{echo.url}/login?{_header(request)}")
                case "cut":
                    self.close_connection = True
                    self.connection.close()
                case "cut in the middle":
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(request.encode())
                    self.close_connection = True
                case "no http":
                    self.wfile.write(f"{_header(request)}\r\nnothing of the kind: {words}\r\n\r\n".encode())
                    self.close_connection = True
                case "lies":
                    self.answer(200, dict.fromkeys(_TALK, words))
                case "partial":
                    self.answer(200, _partial(request, words, body))
                case "no token":
                    self.answer(401, {"error": words, "message": request})
                case "429 then 400" if echo.requests % 2:
                    self.answer(429, {"message": words}, Retry_After="0")
                case way:
                    told = {
                        **dict.fromkeys(_WORDS, words),
                        **_partial(request, words, body),
                        "status": "fail",
                    }
                    # Longer than anybody's patience.
                    self.answer(int(way.split()[-1]), told, Retry_After="100000", X_Request=_header(request))

        def answer(self, status: int, body: object, kind: str = "application/json", **named: str) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": kind, **named}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    echo = Echo(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield echo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _header(text: str) -> str:
    return re.sub(r"[^ -~]+", "", text)[:2000]


def _partial(request: str, words: str, body: str) -> dict[str, object]:
    """Return the shapes in which vendors name what they did not take, filled with what they were sent."""
    values = re.findall(r'"([^"]+)"', body)[:10]
    blamed = [
        {"error": words, "code": request, "record": request, "status": "fail", "input": value}
        for value in values
    ]
    return {
        "status": "partial",
        "success": False,
        "processed": 0,
        "successCount": 0,
        "failCount": len(values),
        "unprocessed": blamed,
        "errors": blamed,
        "failed": blamed,
        "failures": blamed,
        "results": blamed,
        "invalidEmails": values,
        "invalidUserIds": values,
        "filteredOutFields": values,
        "disallowedEventNames": values,
        "createdFields": values,
        "failedUpdates": dict.fromkeys(map("".join, product(_HOW, ("Emails", "UserIds"))), values),
        "params": {"ip": words, "values": values},
    }
