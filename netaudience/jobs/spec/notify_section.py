"""The table [notify] of a job file: who is notified how a run ended."""

from __future__ import annotations

from netaudience.jobs.spec.diagnostics import Section, nearest
from netaudience.jobs.spec.model import EVENTS, Notify
from netaudience.jobs.spec.secrets import secret
from netaudience.jobs.spec.source_section import FUNCTION

NOTIFY = ("webhook", "format", "on", "new_rejects", "healthcheck", "on_end")


def notify_of(notify: Section) -> Notify:
    """Read who is told; what is wrong goes to the section's problems."""
    default = Notify()
    events = notify.texts("on")
    for event in events:
        if event not in EVENTS:
            notify.wrong("on", f"on lists {', '.join(EVENTS)}{nearest(event, EVENTS)}")
    on_end = notify.text("on_end")
    if on_end is not None and not FUNCTION.fullmatch(on_end):
        notify.wrong("on_end", 'on-end must name a function: on-end = "module:function"')
    return Notify(
        webhook=secret(notify, "webhook"),
        format="json" if notify.choice("format", ("slack", "json")) == "json" else "slack",
        on=events or default.on,
        new_rejects=notify.share("new_rejects") or default.new_rejects,
        healthcheck=secret(notify, "healthcheck"),
        on_end=on_end,
    )
