"""Transports for the blocking clients: one that holds every request, and one that answers at once."""

from __future__ import annotations

import asyncio
import threading

from multidict import CIMultiDict

from netaudience import Settings
from netaudience.engine.retry import RetryPolicy
from netaudience.model.wire import Prepared, Response

#: No pace that a test would have to sit through, and one attempt.
FREE = Settings(rate=1_000_000, retry=RetryPolicy(attempts=1, first_wait=0))


class Held:
    """Takes requests and never answers them."""

    def __init__(self) -> None:
        #: Released once for each request that came.
        self.came = threading.Semaphore(0)
        self.under_way = 0
        self.cancelled = 0

    async def send(self, _: Prepared, /) -> Response:
        self.under_way += 1
        self.came.release()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        raise AssertionError

    async def aclose(self) -> None:
        pass


class AtOnce:
    """Answers every request with an empty success, after it has had a look round."""

    def __init__(self, look=lambda: None) -> None:
        self.look = look
        self.seen = []
        self.sent = 0

    async def send(self, _: Prepared, /) -> Response:
        self.sent += 1
        self.seen.append(self.look())
        return Response(200, CIMultiDict(), b"")

    async def aclose(self) -> None:
        pass
