"""Django: answers to what a vendor did not do, for views, and an end for management commands.

For the clients of `netaudience.sync`, and for those of `netaudience` in async views.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any

try:
    from django.core.management.base import BaseCommand, CommandError
    from django.http import HttpRequest, JsonResponse
    from django.utils.deprecation import MiddlewareMixin
except ImportError as missing:
    raise ImportError("The helpers for Django need it: pip install 'netaudience[django]'") from missing

from netaudience.errors import NetaudienceError
from netaudience.integrations.answers import answer_to
from netaudience.outcomes import Report

__all__ = ["AnswersMiddleware", "DeliveringCommand"]

log = logging.getLogger(__name__)


class AnswersMiddleware(MiddlewareMixin):
    """Answers to every error of a vendor's client by the table of `answer_to`, whichever view raises it.

    A line of ``MIDDLEWARE``: ``"netaudience.integrations.django.AnswersMiddleware"``.
    """

    def process_exception(self, _request: HttpRequest, error: Exception) -> JsonResponse | None:
        """Answer to an error that is a client's; Django calls this."""
        if not isinstance(error, NetaudienceError):
            return None
        answer = answer_to(error)
        log.warning("Answered %d: %s", answer.status, error)
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)


class DeliveringCommand(BaseCommand):
    """A management command that carries a run: it says what became of it, and fails unless all arrived."""

    @abstractmethod
    def deliver(self, *args: Any, **options: Any) -> Report:  # noqa: ANN401 - whoever overrides it names them
        """Send, and return the report, as ``settled`` gives it; what `handle` is for other commands."""

    def handle(self, *args: object, **options: object) -> None:
        """Deliver; Django calls this.

        Raises:
            CommandError: not every item was delivered, or nothing could be sent.
        """
        try:
            report = self.deliver(*args, **options)
        except NetaudienceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(report.sentence())
        if not report.ok:
            raise CommandError("Not every item was delivered: run the command again for those that failed")
