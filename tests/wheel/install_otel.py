"""The extra `otel`: the hook works with OpenTelemetry's API alone, and the other hook says what it needs."""

import asyncio
from importlib import import_module

from netaudience import NetmeraClient, Settings
from netaudience.integrations.opentelemetry import Telemetry
from netaudience.sandbox import BackgroundSandbox, Sandbox

try:
    import_module("netaudience.integrations.prometheus")
except ImportError as error:
    sentence = str(error)
else:
    sentence = "it is imported without its package"
assert "pip install 'netaudience[prometheus]'" in sentence, sentence


async def tag(base_url: str) -> None:
    settings = Settings(on_event=Telemetry())
    async with NetmeraClient("sandbox", base_url=base_url, settings=settings) as netmera:
        assert (await netmera.tag_users(["id1"], tag="Sport")).ok


with BackgroundSandbox(Sandbox()) as sandbox:
    asyncio.run(tag(sandbox.url("netmera")))
