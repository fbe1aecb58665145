"""Celery tasks: what could not be sent is tried again, and only that.

The client is made when the module is imported, before the workers are forked; each worker opens its own
connections. The limits of an account are kept inside each process, so give every one its share of the rate
(what is no whole number is rounded down).
"""

from __future__ import annotations

from celery import Celery

from netaudience import Settings
from netaudience.integrations.celery import DeliveringTask
from netaudience.sync import NetmeraClient

WORKERS = 4

app = Celery("audience")
netmera = NetmeraClient.from_environment(settings=Settings(rate=20 / WORKERS))


@app.task(base=DeliveringTask)
def forget_address(ext_id: str) -> None:
    """Forget a customer's e-mail address."""
    netmera.remove_email(ext_id)


@app.task(base=DeliveringTask, bind=True)
def tag(self: DeliveringTask, ext_ids: list[str], name: str) -> int:
    """Tag up to a thousand customers; return how many were."""
    report = netmera.tag_users.settled(ext_ids, tag=name)
    return self.settle(report, lambda failed: (failed, name))
