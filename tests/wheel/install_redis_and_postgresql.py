"""The extras `redis` and `postgresql`: the stores are made, and a server that is not there is told of."""

import asyncio

from netaudience import NetmeraClient, NotSent, Settings
from netaudience.quotas import quotas_at


async def tag(url: str) -> str:
    settings = Settings(quotas=quotas_at(url), deadline=1.0)
    async with NetmeraClient("sandbox", base_url="http://127.0.0.1:9", settings=settings) as netmera:
        try:
            await netmera.tag_users(["id1"], tag="Sport")
        except NotSent as error:
            return str(error)
    raise AssertionError("it was sent without its quota")


for url in ("redis://:secret-word@127.0.0.1:9/0", "postgresql://shop:secret-word@127.0.0.1:9/shop"):
    sentence = asyncio.run(tag(url))
    assert "secret-word" not in sentence, sentence
