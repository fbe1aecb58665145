"""The extra `prometheus`: items are counted, and the other hook says what it needs."""

import asyncio
from importlib import import_module

from prometheus_client import REGISTRY

from netaudience import NetmeraClient, Settings
from netaudience.integrations.prometheus import PrometheusMetrics
from netaudience.sandbox import BackgroundSandbox, Sandbox

try:
    import_module("netaudience.integrations.opentelemetry")
except ImportError as error:
    sentence = str(error)
else:
    sentence = "it is imported without its package"
assert "pip install 'netaudience[otel]'" in sentence, sentence


async def tag(base_url: str) -> None:
    settings = Settings(on_event=PrometheusMetrics())
    async with NetmeraClient("sandbox", base_url=base_url, settings=settings) as netmera:
        assert (await netmera.tag_users(["id1"], tag="Sport")).ok


with BackgroundSandbox(Sandbox()) as sandbox:
    asyncio.run(tag(sandbox.url("netmera")))
labels = {"vendor": "Netmera", "operation": "tag_users", "outcome": "delivered"}
assert REGISTRY.get_sample_value("netaudience_items_total", labels) == 1
