"""CleverTap's request, written from its page of the demerge and from nothing else.

Source: https://developer.clevertap.com/docs/demerge-user-profile-api
"""

from __future__ import annotations

from scripted_vendors import Golden

#: The delete page's field is the singular ``identity``; the demerge's is the plural.
GOLDEN = [
    Golden(
        operation="demerge",
        arguments=(["client-19827239", "a@example.com"],),
        url="https://in1.api.clevertap.com/1/demerge/profiles.json",
        body='{"identities":["client-19827239","a@example.com"]}',
        answer='{"status":"success"}',
    )
]
