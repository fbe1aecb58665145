"""The extras of frameworks: an application has its client, an error is answered, a task comes to its end."""

import asyncio

from celery import Celery
from django.conf import settings
from fastapi import FastAPI

from netaudience import LimitReached, NetmeraClient
from netaudience.integrations.celery import DeliveringTask
from netaudience.integrations.django import AnswersMiddleware
from netaudience.integrations.fastapi import AppClient, add_answers
from netaudience.sandbox import BackgroundSandbox, Sandbox


async def serve(base_url: str) -> None:
    netmera = AppClient(lambda: NetmeraClient("sandbox", base_url=base_url))
    app = FastAPI(lifespan=netmera.lifespan)
    add_answers(app)
    async with app.router.lifespan_context(app):
        client = await netmera.client()
        assert (await client.tag_users(["id1"], tag="Sport")).ok


with BackgroundSandbox(Sandbox()) as sandbox:
    asyncio.run(serve(sandbox.url("netmera")))

settings.configure()
answer = AnswersMiddleware(lambda _request: None).process_exception(None, LimitReached("It is used up", 3))
assert (answer.status_code, answer["Retry-After"]) == (503, "3")

app = Celery("tasks")
tries = []


@app.task(base=DeliveringTask)
def task() -> int:
    tries.append(1)
    if len(tries) < 3:
        raise LimitReached("It is used up", 0)
    return len(tries)


app.conf.task_always_eager = True
assert task.delay().get() == 3
