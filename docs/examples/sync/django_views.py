"""Django views that carry one customer's wish to the vendor, in the request in which it was made.

One client serves every thread and every worker of the site, whenever these were forked. What the vendor did
not do is answered by ``"netaudience.integrations.django.AnswersMiddleware"``, a line of ``MIDDLEWARE``.
"""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from netaudience import Settings
from netaudience.sync import NetmeraClient

# A visitor waits: what cannot leave within two seconds is not sent at all.
netmera = NetmeraClient.from_environment(settings=Settings(timeout=5.0, deadline=2.0))


@require_POST
def unsubscribe(_request: HttpRequest, ext_id: str) -> JsonResponse:
    """Stop all mail to a customer."""
    netmera.disable_mail([ext_id])
    return JsonResponse({"mail": False})


@require_POST
def remove_address(_request: HttpRequest, ext_id: str) -> JsonResponse:
    """Forget a customer's e-mail address."""
    netmera.remove_email(ext_id)
    return JsonResponse({"email": None})
