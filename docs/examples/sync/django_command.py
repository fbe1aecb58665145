"""A management command that tags every active customer: put it into ``management/commands`` of an app.

The rows of the database are read in the command's own thread, in its own transaction, page by page as they
are sent: neither the rows nor their outcomes are ever all in memory.
"""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth import get_user_model

from netaudience import Report
from netaudience.integrations.django import DeliveringCommand
from netaudience.sync import NetmeraClient


class Command(DeliveringCommand):
    """``manage.py tag_active Sport``."""

    help = "Tag every active customer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the tag, and where to keep the run's memory."""
        parser.add_argument("tag")
        parser.add_argument("--journal", default="tag_active.journal")

    def deliver(self, *, tag: str, journal: str, **_options: object) -> Report:
        """Send them; after a crash the same command sends the rest."""
        active = get_user_model().objects.filter(is_active=True).order_by("pk")
        names = active.values_list("username", flat=True).iterator()
        with NetmeraClient.from_environment() as netmera:
            return netmera.tag_users.journaled(journal, source="active").settled(names, tag=tag)
