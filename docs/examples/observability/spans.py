"""Print the spans of one run and one call, one line each, as a collector would get them."""

import asyncio

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from netaudience import NetmeraClient, Settings
from netaudience.integrations.opentelemetry import Telemetry


def one_line(span: ReadableSpan) -> str:
    """Write a span as one line: its trace, its parent, and what it tells."""
    parent = f"{span.parent.span_id:016x}" if span.parent else "-"
    told = " ".join(f"{name}={value}" for name, value in (span.attributes or {}).items())
    return f"{span.context.trace_id:032x} {parent} {span.name} {told}\n"


async def main() -> None:
    """Tag three users and read one, under a span of our own, as a web framework would make it."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=one_line)))
    settings = Settings(on_event=Telemetry(provider))
    async with NetmeraClient.from_environment(settings=settings) as netmera:
        with provider.get_tracer("shop").start_as_current_span("POST /newsletter"):
            await netmera.tag_users(["id1", "id2", "id3"], tag="Sport")
            await netmera.count_users()
    provider.shutdown()


asyncio.run(main())
