"""A management command that tags every active customer: put it into ``management/commands`` of an app.

The rows of the database are read in the command's own thread, in its own transaction, page by page as they
are sent: neither the rows nor their outcomes are ever all in memory.
"""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from netaudience.sync import NetmeraClient


class Command(BaseCommand):
    """``manage.py tag_active Sport``."""

    help = "Tag every active customer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the tag, and where to keep the run's memory."""
        parser.add_argument("tag")
        parser.add_argument("--journal", default="tag_active.journal")

    def handle(self, *, tag: str, journal: str, **_options: object) -> None:
        """Send them; after a crash the same command sends the rest."""
        active = get_user_model().objects.filter(is_active=True).order_by("pk")
        names = active.values_list("username", flat=True).iterator()
        with NetmeraClient.from_environment() as netmera:
            report = netmera.tag_users.journaled(journal, source="active").settled(names, tag=tag)
        self.stdout.write(report.sentence())
        if not report.ok:
            raise CommandError("Not every customer was tagged: run the command again for those who failed")
