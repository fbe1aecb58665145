"""CleverTap's three routes for lists of records: upload, subscribe and disassociate.

Every record stands for itself: the good ones are stored, the others come back with a code, and only
a body that is no list of records is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netaudience.sandbox.clevertap.provenance import MAX_RECORDS, MAX_TOKENS, SERVER_ERROR
from netaudience.sandbox.clevertap.records import (
    AddressRecord,
    Blame,
    EventRecord,
    Good,
    Judge,
    ProfileRecord,
    TokenRecord,
    disassociation,
    subscription,
)
from netaudience.sandbox.clevertap.state import CleverTapState, EventSummary, RaisedEvent, fail, update
from netaudience.sandbox.protocol import Call, Change, Json, Partial, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer


class Uploads:
    """The uploads into one CleverTap state."""

    def __init__(self, state: CleverTapState) -> None:
        self._state = state

    def upload(self, call: Call) -> Change:
        """Store profiles, events and tokens."""
        records = _records(call)
        tokens = sum(1 for record in records if isinstance(record, dict) and record.get("type") == "token")
        if tokens > MAX_TOKENS:
            raise Refused(fail(400, f"A maximum of {MAX_TOKENS} tokens are allowed"))
        judge = Judge(self._state.restricted_events, self._state.discarded_events)
        judged = [judge(record) for record in records]
        dry = call.query.get("dryRun") == "1"
        return self._change(call, records, judged, dry=dry)

    def subscribe(self, call: Call) -> Change:
        """Unsubscribe and resubscribe telephone numbers and addresses."""
        records = _records(call)
        return self._change(call, records, [subscription(record) for record in records])

    def disassociate(self, call: Call) -> Change:
        """Take telephone numbers from their profiles."""
        records = _records(call)
        return self._change(call, records, [disassociation(record) for record in records])

    def store(self, record: Good, now: int) -> None:
        """Store one good record."""
        match record:
            case ProfileRecord():
                profile = self._state.profile(record.key, record.ids)
                profile.data = update(profile.data, self._state.fitting(record.data))
            case EventRecord():
                profile = self._state.profile(record.key, record.ids)
                moment = now if record.ts is None else record.ts
                summary = profile.events.setdefault(record.name, EventSummary(0, moment, moment))
                summary.count += 1
                summary.first_seen = min(summary.first_seen, moment)
                summary.last_seen = max(summary.last_seen, moment)
                self._state.raised.append(RaisedEvent(record.key, record.name, moment, record.data))
            case TokenRecord():
                profile = self._state.profile(record.key, record.ids)
                profile.tokens[record.token] = record.type
            case AddressRecord(status=str() as status):
                self._state.subscriptions[record.type, record.key] = status
            case AddressRecord():
                self._state.disassociate(record.key)

    def _change(
        self, call: Call, records: Sequence[Json], judged: Sequence[Good | Blame], *, dry: bool = False
    ) -> Change:
        """The change that judged records ask for; the ledger counts those that were stored."""

        def take(doomed: frozenset[str]) -> Partial:
            taken: list[Good] = []
            unprocessed: list[dict[str, object]] = []
            for number, (sent, verdict) in enumerate(zip(records, judged, strict=True), 1):
                if isinstance(verdict, Blame):
                    unprocessed.append(verdict.to_json(number))
                elif verdict.key in doomed:
                    unprocessed.append(Blame(SERVER_ERROR, sent).to_json(number))
                else:
                    taken.append(verdict)
            stored = [] if dry else taken
            for record in stored:
                self.store(record, int(call.wall))
            return Partial(
                envelope(len(taken), unprocessed),
                [record.key for record in stored],
                [(record.key, record.data) for record in stored if record.data],
            )

        keys = [verdict.key for verdict in judged if not isinstance(verdict, Blame)]
        return Change(keys, lambda: take(frozenset()), blame=take, records=len(records))


def _records(call: Call) -> list[Json]:
    try:
        document = decode(call.body)
    except ValueError:
        raise Refused(fail(400, "Malformed request")) from None
    records = document.get("d") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise Refused(fail(400, "Malformed request"))
    if len(records) > MAX_RECORDS:
        raise Refused(fail(400, f"A maximum of {MAX_RECORDS} records are allowed"))
    return records


def envelope(processed: int, unprocessed: Sequence[Mapping[str, object]]) -> Answer:
    """The answer of an upload: success, partial or fail, always under HTTP 200."""
    status = "fail" if not processed else "partial" if unprocessed else "success"
    return json_answer({"status": status, "processed": processed, "unprocessed": list(unprocessed)})
