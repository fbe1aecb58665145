"""Real processes that share one account over a store, against a server that counts its windows."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from aiohttp import web
from store_servers import postgresql_server, redis_server

PROGRAM = """
import asyncio, sys
from netaudience import IterableClient, Settings
from netaudience.quotas import quotas_at

async def main():
    url, where, rate, seconds, name = sys.argv[1:]
    quotas = quotas_at(where, lease=1.5)
    settings = Settings(rate=float(rate), in_flight=50, quotas=quotas, account="shop-tr")
    async with IterableClient(f"key-{name}", base_url=url, settings=settings) as client:
        loop = asyncio.get_running_loop()
        until = loop.time() + float(seconds)
        print("ready", flush=True)
        async def work(number):
            while loop.time() < until:
                await client.update_user({"email": f"{name}-{number}@example.com"})
        await asyncio.gather(*(work(number) for number in range(8)))

asyncio.run(main())
"""


class Counting:
    """A server of one account that takes so many requests in any second."""

    def __init__(self, rate):
        self.rate, self.taken, self.refused = rate, [], 0

    async def answer(self, request):
        await request.read()
        now = time.monotonic()
        if sum(now - at < 1.0 for at in self.taken[-self.rate - 5 :]) >= self.rate:
            self.refused += 1
            return web.json_response({}, status=429)
        self.taken.append(now)
        return web.json_response({"msg": "", "code": "Success", "params": None})


async def share(rate, folder, where, seconds, *, after=None, processes=4, warns=False):
    server = Counting(rate)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    program = folder / "program.py"
    program.write_text(PROGRAM)
    words = [sys.executable, str(program), url, where, str(rate), str(seconds)]
    made = [
        await asyncio.create_subprocess_exec(
            *words, str(name), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in range(processes)
    ]
    try:
        for process in made:
            assert (await process.stdout.readline()).strip() == b"ready", await process.stderr.read()
        if after is not None:
            await after(made[0])
        for process in made:
            _, errors = await process.communicate()
            assert warns or not errors, errors.decode()
            assert b"pass-of" not in errors
    finally:
        for process in made:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await runner.cleanup()
    return server, [process.returncode for process in made]


async def killed(process):
    await asyncio.sleep(1.5)
    process.kill()


async def stopped(process):
    await asyncio.sleep(1.5)
    os.kill(process.pid, signal.SIGSTOP)
    await asyncio.sleep(3)
    os.kill(process.pid, signal.SIGCONT)


ENDS = [(None, [0, 0, 0, 0]), (killed, [-signal.SIGKILL, 0, 0, 0]), (stopped, [0, 0, 0, 0])]


@pytest.fixture
def where(request, tmp_path):
    """Where the limits are shared: a server of its own, or a file."""
    kind = request.param
    if kind == "sqlite":
        yield str(tmp_path / "quotas.db")
        return
    with redis_server(tmp_path) if kind == "redis" else postgresql_server() as server:
        yield server.url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "rate"),
    [("sqlite", 20), ("sqlite", 100), ("redis", 100), ("postgresql", 100)],
    indirect=["where"],
)
@pytest.mark.parametrize(("after", "ends"), ENDS)
def test_four_processes_of_an_account_are_never_refused(tmp_path, where, rate, after, ends):
    server, codes = asyncio.run(share(rate, tmp_path, where, 6, after=after))
    assert codes == ends
    assert server.refused == 0
    assert len(server.taken) >= 0.5 * rate * 6


@pytest.mark.slow
def test_a_store_that_comes_back_empty_lets_nothing_out_that_was_used(tmp_path):
    with redis_server(tmp_path) as store:

        async def emptied(process):
            await asyncio.sleep(2.5)
            store.kill()
            await asyncio.sleep(1.5)
            store.start()

        server, codes = asyncio.run(share(100, tmp_path, store.url, 8, after=emptied, warns=True))
    assert codes == [0, 0, 0, 0]
    assert server.refused == 0
    assert len(server.taken) >= 0.3 * 100 * 8
