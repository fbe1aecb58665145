"""E1: what watching costs, one item per request, against the same run with nobody watching.

One item per request is the worst case: a request has three events, whatever it carries. The control is the
run that nobody watches against itself; that being unwatched costs nothing cannot be measured against a build
without events, so a test sees to it that none is made then.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from benchmarks.measure import Work, median_ratio, rounds
from benchmarks.plan import Measurement, Plan, Result, serve
from benchmarks.vendor import VendorClient
from netaudience import Settings
from netaudience.events import Event, Hook

__all__ = ["MEASUREMENTS"]


def _look_away(_event: Event) -> None:
    pass


def _hooks() -> dict[str, tuple[Hook, str, float]]:
    """Return the hooks by their parts, with what they are and what is promised."""
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415 - extras, imported where they are asked for
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF  # noqa: PLC0415 - likewise
    from opentelemetry.trace import NoOpTracerProvider  # noqa: PLC0415 - likewise
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - likewise

    from netaudience.integrations.opentelemetry import Telemetry  # noqa: PLC0415 - likewise
    from netaudience.integrations.prometheus import PrometheusMetrics  # noqa: PLC0415 - likewise

    meters = MeterProvider([InMemoryMetricReader()])
    return {
        "nothing": (_look_away, "a hook that does nothing", 0.80),
        "prometheus": (PrometheusMetrics(CollectorRegistry()), "PrometheusMetrics", 0.70),
        "no sdk": (Telemetry(NoOpTracerProvider(), NoOpMeterProvider()), "Telemetry without an SDK", 0.75),
        "sampled out": (
            Telemetry(TracerProvider(sampler=ALWAYS_OFF), NoOpMeterProvider()),
            "Telemetry, spans sampled out, no metrics",
            0.75,
        ),
        "metrics": (Telemetry(NoOpTracerProvider(), meters), "Telemetry, metrics alone", 0.5),
        "spans": (Telemetry(TracerProvider(), NoOpMeterProvider()), "Telemetry, every span made", 0.45),
    }


async def _watched(plan: Plan) -> list[Result]:
    hooks = _hooks()
    async with serve(plan) as sink, AsyncExitStack() as stack:

        async def carrying(hook: Hook | None) -> Work:
            client = await stack.enter_async_context(VendorClient(sink.url, settings=Settings(on_event=hook)))

            async def carry(requests: int) -> None:
                ids = (f"customer-{number:08d}" for number in range(requests))
                async with client.touch.each(ids) as outcomes:
                    async for _ in outcomes.chunks():
                        pass
                    if not outcomes.report.ok:
                        raise RuntimeError("The run did not deliver every item, so its time says nothing")

            return carry

        variants = {"off": await carrying(None), "off again": await carrying(None)}
        for name, (hook, _, _) in hooks.items():
            variants[name] = await carrying(hook)
        taken = await rounds(variants, plan.pairs)
    control = median_ratio(taken["off"], taken["off again"])
    return [
        Result(
            id="E1",
            part=name,
            what=f"1 item per request, {what}, vs nobody watching",
            measured=median_ratio(taken["off"], taken[name]),
            promise=least,
            bound="at least",
            control=control,
        )
        for name, (_, what, least) in hooks.items()
    ]


MEASUREMENTS = (Measurement(("E1",), _watched, moody=True),)
