"""Iterable's calls about many users: what can be taken is taken, the rest is named by identifier.

A field of the wrong type fails a body whole, as the vendor's does. A blamed user is named in a list
like any other failure, and nothing of a body is applied before all of it was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from netaudience.sandbox.iterable.fields import Fields, Identity, need, need_well_formed, refusal
from netaudience.sandbox.iterable.provenance import MAX_EVENT_ID_BYTES
from netaudience.sandbox.iterable.responses import (
    Failures,
    Manners,
    Reason,
    events_answer,
    subscriptions_answer,
    update_answer,
)
from netaudience.sandbox.iterable.state import IterableState, Judged, Objection, Profile
from netaudience.sandbox.iterable.writes import Writes, conflict, forgotten
from netaudience.sandbox.protocol import Call, Change, Json, Partial
from netaudience.sandbox.responses import Answer

BULK_UPDATE = "/api/users/bulkUpdate"
BULK_SUBSCRIPTIONS = "/api/users/bulkUpdateSubscriptions"
SUBSCRIBE = "/api/lists/subscribe"
UNSUBSCRIBE = "/api/lists/unsubscribe"
TRACK = "/api/events/trackBulk"
TRACK_ONE = "/api/events/track"
ONE_SUBSCRIPTION = "/api/users/updateSubscriptions"

_Values: TypeAlias = Sequence[tuple[str, Mapping[str, Json]]]


@attrs.frozen
class _Row:
    """One user of a body with what shall be stored."""

    key: str
    identity: Identity
    data_fields: Mapping[str, Json] = attrs.field(factory=dict[str, Json])
    prefer_user_id: bool = False
    merge: bool = False


@attrs.frozen
class _Event:
    """One event of a body."""

    row: _Row
    name: str
    #: The event as it is stored.
    stored: dict[str, Json]
    event_id: str | None


@attrs.frozen
class _Subscription:
    """What one user of a body is subscribed to from now on."""

    row: _Row
    #: The fields that were given, by their wire names.
    given: Mapping[str, list[int]]


class _Verdicts:
    """The rows of one body that are taken, with their fields, and the failures of the others."""

    def __init__(self, state: IterableState) -> None:
        self.failures = Failures(state)
        self.taken: list[tuple[_Row, Mapping[str, Json]]] = []
        self.created: dict[str, str] = {}
        self.dropped: set[str] = set()

    def partial(self, answer: Answer) -> Partial:
        """The answer with the keys and values that were taken."""
        return Partial(
            answer, [row.key for row, _ in self.taken], [(row.key, row.data_fields) for row, _ in self.taken]
        )


class Bulk:
    """The calls about many users of one Iterable project."""

    def __init__(self, state: IterableState, manners: Manners, writes: Writes) -> None:
        self._state = state
        self._manners = manners
        self._writes = writes

    def update(self, call: Call) -> Change:
        """Create or update users."""
        body = self._manners.read(call, BULK_UPDATE)
        rows = [self._row(fields) for fields in body.rows("users")]
        create = body.flag("createNewFields")
        body.finish()
        _need_all(rows)
        if not rows:
            raise refusal("InvalidEmailAddressError", "Emails invalid: ")

        def answer(verdicts: _Verdicts) -> Answer:
            return update_answer(
                self._manners,
                len(verdicts.taken),
                verdicts.failures,
                verdicts.created,
                verdicts.dropped,
            )

        return self._change(rows, answer, lambda _profile: None, create=create)

    def subscribe(self, call: Call) -> Change:
        """Put users on a list."""
        body = self._manners.read(call, SUBSCRIBE)
        list_id = body.whole("listId", required=True)
        rows = [self._row(fields) for fields in body.rows("subscribers")]
        existing_only = body.flag("updateExistingUsersOnly") or False
        body.finish()
        _need_all(rows)
        self._known_list(list_id)

        def then(profile: Profile) -> None:
            profile.lists.add(list_id or 0)

        return self._change(rows, self._list_answer, then, existing_only=existing_only, unknown="notFound")

    def unsubscribe(self, call: Call) -> Change:
        """Take users off a list, or off a whole channel."""
        body = self._manners.read(call, UNSUBSCRIBE)
        list_id = body.whole("listId", required=True)
        rows = [self._row(fields) for fields in body.rows("subscribers")]
        body.whole("campaignId")
        whole_channel = body.flag("channelUnsubscribe") or False
        body.finish()
        _need_all(rows)
        self._known_list(list_id)

        def then(profile: Profile) -> None:
            profile.lists.discard(list_id or 0)
            if whole_channel:
                profile.channel_unsubscribed = True

        return self._change(rows, self._list_answer, then, existing_only=True, unknown="notFound")

    def subscriptions(self, call: Call) -> Change:
        """Overwrite what users are subscribed to."""
        body = self._manners.read(call, BULK_SUBSCRIPTIONS)
        requests = [self._subscription(fields) for fields in body.rows("updateSubscriptionsRequests")]
        body.finish()
        _need_all([request.row for request in requests])
        taken: list[_Subscription] = []

        def take(blamed: frozenset[str]) -> Partial:
            objections = [self._state.objection(request.row.identity) for request in requests]
            if "forgotten" in objections:
                raise forgotten()
            if "conflict" in objections:
                raise conflict()
            failures = Failures(self._state)
            for request, objection in zip(requests, objections, strict=True):
                if request.row.key in blamed:
                    failures.count += 1
                    by = self._state.by_name(request.row.identity)
                    name = "validEmailFailures" if by == "email" else "validUserIdFailures"
                    failures.name(name, request.row.identity, by)
                elif objection is not None:
                    failures.add("invalid", request.row.identity)
                else:
                    taken.append(request)
            answer = subscriptions_answer(self._manners, len(taken), failures)
            return Partial(answer, [request.row.key for request in taken])

        def effect() -> None:
            for request in taken:
                self._overwrite(request)

        return Change(
            [request.row.key for request in requests], lambda: take(frozenset()), blame=take, effect=effect
        )

    def subscription(self, call: Call) -> Change:
        """Overwrite what one user is subscribed to."""
        body = self._manners.read(call, ONE_SUBSCRIPTION)
        request = self._subscription(body)
        body.finish()
        need_well_formed(need(request.row.identity))

        def apply() -> Answer:
            match self._state.objection(request.row.identity):
                case "forgotten":
                    raise forgotten()
                case "conflict":
                    raise conflict()
                case None:
                    return self._manners.success()
                case _:
                    raise refusal("BadParams", "The user is not known")

        return Change([request.row.key], apply, effect=lambda: self._overwrite(request))

    def _overwrite(self, request: _Subscription) -> None:
        profile = self._state.upsert(request.row.identity)
        if profile is not None:
            given = dict(request.given)
            profile.lists = set(given.pop("emailListIds", profile.lists))
            profile.subscriptions.update(given)

    def track_one(self, call: Call) -> Change:
        """Store one event."""
        body = self._manners.read(call, TRACK_ONE)
        event = self._event(body)
        body.finish()
        need(event.row.identity)
        if len((event.event_id or "").encode()) > MAX_EVENT_ID_BYTES:
            raise refusal("BadParams", f"An event's id has at most {MAX_EVENT_ID_BYTES} bytes")

        def apply() -> Answer:
            reason = self._state.objection(event.row.identity)
            if reason == "forgotten":
                raise forgotten()
            if reason == "conflict":
                raise conflict()
            if event.name in self._state.disallowed_events:
                raise refusal("BadParams", "The event's name is disallowed")
            return self._manners.success()

        return Change([event.row.key], apply, effect=lambda: self._keep(event))

    def _keep(self, event: _Event) -> None:
        if self._state.upsert(event.row.identity) is not None:
            self._state.add_event(event.event_id, event.stored)

    def track(self, call: Call) -> Change:
        """Store events."""
        body = self._manners.read(call, TRACK)
        events = [self._event(fields) for fields in body.rows("events")]
        body.finish()
        _need_all([event.row for event in events])
        if any(len((event.event_id or "").encode()) > MAX_EVENT_ID_BYTES for event in events):
            raise refusal("BadParams", f"An event's id has at most {MAX_EVENT_ID_BYTES} bytes")
        taken: list[_Event] = []

        def take(blamed: frozenset[str]) -> Partial:
            failures = Failures(self._state)
            disallowed: set[str] = set()
            for event in events:
                reason = self._reason(event.row, blamed, "invalid", existing_only=False, unknown="notFound")
                if reason is not None:
                    # The event answer has no list for a conflict of identifiers.
                    failures.add("invalid" if reason == "conflict" else reason, event.row.identity)
                elif event.name in self._state.disallowed_events:
                    failures.count += 1
                    disallowed.add(event.name)
                else:
                    taken.append(event)
            answer = events_answer(self._manners, len(taken), failures, disallowed)
            return Partial(answer, [event.row.key for event in taken])

        def effect() -> None:
            for event in taken:
                self._keep(event)

        return Change(
            [event.row.key for event in events], lambda: take(frozenset()), blame=take, effect=effect
        )

    def _change(  # noqa: PLR0913 - what the three kinds of row differ in
        self,
        rows: Sequence[_Row],
        answer: Callable[[_Verdicts], Answer],
        then: Callable[[Profile], None],
        *,
        create: bool | None = None,
        existing_only: bool = False,
        unknown: Reason = "invalid",
    ) -> Change:
        accepted: list[tuple[_Row, Mapping[str, Json]]] = []

        def take(blamed: frozenset[str]) -> Partial:
            create_new = self._state.create_new_fields if create is None else create
            verdicts = _Verdicts(self._state)
            for row in rows:
                judged = self._state.judge(row.data_fields, create=create_new, new=verdicts.created)
                reason = self._reason(
                    row, blamed, "invalidData", existing_only=existing_only, unknown=unknown
                )
                if reason is None and judged.mismatched:
                    reason = "invalidData"
                if reason is None:
                    self._accept(verdicts, row, judged)
                else:
                    verdicts.failures.add(reason, row.identity)
            self._writes.grow(verdicts.created)
            accepted.extend(verdicts.taken)
            return verdicts.partial(answer(verdicts))

        def effect() -> None:
            for row, kept in accepted:
                profile = (
                    self._state.find(row.identity) if existing_only else self._state.upsert(row.identity)
                )
                if profile is not None:
                    self._state.store(profile, kept, merge=row.merge)
                    then(profile)

        values: _Values = [(row.key, row.data_fields) for row in rows]
        return Change([row.key for row in rows], lambda: take(frozenset()), values, blame=take, effect=effect)

    def _accept(self, verdicts: _Verdicts, row: _Row, judged: Judged) -> None:
        verdicts.created.update(judged.new)
        verdicts.dropped.update(judged.dropped)
        verdicts.taken.append((row, judged.kept))

    def _reason(
        self, row: _Row, blamed: frozenset[str], blame: Reason, *, existing_only: bool, unknown: Reason
    ) -> Reason | None:
        if row.key in blamed:
            return blame
        objection: Objection | None = self._state.objection(
            row.identity, prefer_user_id=row.prefer_user_id, existing_only=existing_only
        )
        return unknown if objection == "unknown" else objection

    def _list_answer(self, verdicts: _Verdicts) -> Answer:
        return update_answer(self._manners, len(verdicts.taken), verdicts.failures, verdicts.created)

    def _known_list(self, list_id: int | None) -> None:
        if not self._state.has_list(list_id):
            # Seen in the wild: a failure whose code reads Success.
            raise refusal("Success", "error.lists.invalidListId")

    def _row(self, fields: Fields) -> _Row:
        identity = fields.identity()
        return _Row(
            self._state.key(identity),
            identity,
            fields.mapping("dataFields"),
            fields.flag("preferUserId") or False,
            fields.flag("mergeNestedObjects") or False,
        )

    def _subscription(self, fields: Fields) -> _Subscription:
        identity = fields.identity()
        names = (
            "emailListIds",
            "unsubscribedChannelIds",
            "unsubscribedMessageTypeIds",
            "subscribedMessageTypeIds",
        )
        given = {name: numbers for name in names if (numbers := fields.numbers(name)) is not None}
        return _Subscription(_Row(self._state.key(identity), identity), given)

    def _event(self, fields: Fields) -> _Event:
        row = self._row(fields)
        name, event_id = fields.wanted("eventName"), fields.text("id")
        fields.flag("createNewFields")  # which fields events have is not kept
        stored: dict[str, Json] = {
            "email": row.identity.folded,
            "userId": row.identity.user_id,
            "eventName": name,
            "id": event_id,
            "createdAt": fields.whole("createdAt"),
            "dataFields": {**row.data_fields},
        }
        given: dict[str, Json] = {key: value for key, value in stored.items() if value is not None}
        return _Event(row, name, given, event_id)


def _need_all(rows: Sequence[_Row]) -> None:
    for row in rows:
        need(row.identity)
