"""A code that a vendor uses to slow callers down pauses the account for as long as the answer asks."""

from netaudience.errors import Throttled
from netaudience.model.wire import Response
from netaudience.vendors.netmera.answers import classify

body = b'{"code": 5031, "error": "Too many requests of this app"}'
error = classify(Response(400, {"Content-Type": "application/json", "Retry-After": "7"}, body))
assert isinstance(error, Throttled), repr(error)
assert error.retry_after == 7
assert not error.may_have_happened
