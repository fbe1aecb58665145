"""Iterable's bulk calls: what can be taken is taken, the rest is named, whatever the counters say."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from asking_iterable import JOHN, send

from netaudience.sandbox.iterable import Iterable

pytestmark = pytest.mark.asyncio

#: Not ours, and not in the project: real answers that others recorded.
CASES = os.environ.get("NETAUDIENCE_CASES")


def _filled(answer):
    """The lists of a bulk answer that hold something, in failedUpdates and beside it."""
    lists = {**answer.get("failedUpdates", {}), **{f"top {key}": value for key, value in answer.items()}}
    return {name: value for name, value in lists.items() if isinstance(value, list) and value}


def _applied(box, operation):
    return dict(box.sandbox.ledger.applied["iterable", operation])


async def test_a_bulk_update_takes_some_and_names_the_others_by_identifier(running):
    async with running(demo=True) as box:
        box.sandbox.iterable.seed({"forgotten": ["gone@b.c", "Gone"]})
        users = [
            {"email": "New@b.c", "dataFields": {"fresh": 1}},
            {"userId": "id1", "dataFields": {"name": "Ann"}},
            {"email": "FOO@"},
            {"userId": "x" * 53},
            {"email": "GONE@b.c"},
            {"userId": "Gone"},
            {"email": "User@Example.com", "userId": "id1"},
            {"email": "USER@example.com", "dataFields": {"name": 5}},
            {"userId": "Other", "dataFields": {"name": [5]}},
        ]
        reply = await send(box, "users/bulkUpdate", {"users": users})
        assert (reply.status, reply.json["successCount"], reply.json["failCount"]) == (200, 2, 7)
        assert _filled(reply.json) == {
            "invalidEmails": ["foo@"],
            "invalidUserIds": ["x" * 53],
            "forgottenEmails": ["gone@b.c"],
            "forgottenUserIds": ["Gone"],
            "conflictUserIds": ["id1"],
            "invalidDataEmails": ["user@example.com"],
            "invalidDataUserIds": ["Other"],
            "top createdFields": ["fresh"],
            "top invalidEmails": ["foo@"],
            "top invalidUserIds": ["x" * 53],
        }
        assert _applied(box, "bulkUpdate") == {"New@b.c": 1, "id1": 1}
        assert box.sandbox.iterable.look("users", "id1")["dataFields"]["name"] == "Ann"
        assert box.sandbox.iterable.look("users", "new@b.c")["dataFields"] == {"fresh": 1}
        assert box.sandbox.iterable.counts()["users"] == 3


async def test_unknown_fields_are_filtered_out_where_no_new_ones_may_be_made(running):
    async with running(demo=True) as box:
        users = [{"email": JOHN, "dataFields": {"name": "Ann", "b": 1, "a": 1}}]
        reply = await send(box, "users/bulkUpdate", {"users": users, "createNewFields": False})
        assert (reply.json["filteredOutFields"], reply.json["createdFields"]) == (["a", "b"], [])
        assert reply.json["failCount"] == 0
        fields = box.sandbox.iterable.look("users", JOHN)["dataFields"]
        assert (fields["name"], "a" in fields) == ("Ann", False)
        box.sandbox.iterable.create_new_fields = False
        reply = await send(box, "users/bulkUpdate", {"users": users})
        assert reply.json["filteredOutFields"] == ["a", "b"]
        reply = await send(box, "users/bulkUpdate", {"users": users, "createNewFields": True})
        assert (reply.json["filteredOutFields"], reply.json["createdFields"]) == ([], ["a", "b"])


@pytest.mark.parametrize(
    ("route", "body", "params"),
    [
        (
            "users/bulkUpdate",
            {"users": [{"email": "a@b.c"}, {"email": "c@b.c", "preferUserId": "yes"}]},
            {"obj.users[1].preferUserId": "Boolean value expected"},
        ),
        (
            "users/bulkUpdate",
            {"users": [{"email": 1}, "a@b.c", {"userId": "u", "dataFields": []}]},
            {
                "obj.users[0].email": "String value expected",
                "obj.users[1]": "Object value expected",
                "obj.users[2].dataFields": "Object value expected",
            },
        ),
        ("users/bulkUpdate", {}, {"obj.users": "Array value expected"}),
        ("lists/subscribe", {"subscribers": [{"email": "a@b.c"}]}, {"obj.listId": "Number value expected"}),
        (
            "lists/unsubscribe",
            {"listId": 1, "subscribers": [], "channelUnsubscribe": 1},
            {"obj.channelUnsubscribe": "Boolean value expected"},
        ),
        (
            "users/bulkUpdateSubscriptions",
            {"updateSubscriptionsRequests": [{"email": "a@b.c", "emailListIds": ["1"]}]},
            {"obj.updateSubscriptionsRequests[0].emailListIds": "Array value expected"},
        ),
        (
            "events/trackBulk",
            {"events": [{"email": "a@b.c", "eventName": "x"}, {"email": "c@b.c"}]},
            {"obj.events[1].eventName": "String value expected"},
        ),
    ],
)
async def test_one_wrong_type_fails_the_whole_body_and_is_named_by_its_path(running, route, body, params):
    async with running() as box:
        reply = await send(box, route, body)
        assert reply.status == 400
        assert reply.json == {
            "code": "BadJsonBody",
            "msg": f"[/api/{route}] Invalid JSON body",
            "params": params,
        }
        assert box.sandbox.iterable.count() == 0


@pytest.mark.parametrize(
    ("route", "body", "status", "code"),
    [
        ("users/bulkUpdate", {"users": []}, 400, "InvalidEmailAddressError"),
        ("users/bulkUpdate", {"users": [{"email": "a@b.c"}, {}]}, 400, "BadParams"),
        ("users/bulkUpdate", b"{", 400, "BadJsonBody"),
        ("lists/subscribe", {"listId": 9, "subscribers": [{"email": "a@b.c"}]}, 400, "Success"),
        ("lists/unsubscribe", {"listId": 9, "subscribers": []}, 400, "Success"),
        ("events/trackBulk", {"events": [{"eventName": "x"}]}, 400, "BadParams"),
        (
            "events/trackBulk",
            {"events": [{"email": "a@b.c", "eventName": "x", "id": "ü" * 257}]},
            400,
            "BadParams",
        ),
        (
            "users/bulkUpdateSubscriptions",
            {"updateSubscriptionsRequests": [{"email": "a@b.c"}, {"email": "gone@b.c"}]},
            409,
            "ForgottenUserError",
        ),
        (
            "users/bulkUpdateSubscriptions",
            {"updateSubscriptionsRequests": [{"email": "user@example.com", "userId": "id1"}]},
            409,
            "ExternalKeyConflict",
        ),
    ],
)
async def test_a_body_that_is_refused_whole_changes_nothing(running, route, body, status, code):
    async with running(demo=True) as box:
        box.sandbox.iterable.seed({"forgotten": ["gone@b.c"], "lists": [1]})
        reply = await send(box, route, body)
        assert (reply.status, reply.json["code"]) == (status, code), reply.body
        assert box.sandbox.iterable.counts()["users"] == 2
        assert not any(box.sandbox.ledger.applied.values())


async def test_an_unknown_list_says_success_in_its_code_and_the_truth_in_its_msg(running):
    async with running() as box:
        box.sandbox.iterable.known_lists = frozenset()
        reply = await send(box, "lists/subscribe", {"listId": 1, "subscribers": [{"email": "a@b.c"}]})
        assert (reply.status, reply.json["msg"]) == (400, "error.lists.invalidListId")


async def test_the_body_may_have_4_mb(running):
    async with running() as box:
        row = {"email": "a@b.c", "dataFields": {"text": ""}}
        room = 4_000_000 - len(orjson.dumps({"users": [row]}))
        for length, status in ((room, 200), (room + 1, 413)):
            row["dataFields"]["text"] = "x" * length
            assert (await send(box, "users/bulkUpdate", {"users": [row]})).status == status


@pytest.mark.parametrize("claimed", [0, 1, 2, 5])
async def test_the_counters_may_contradict_the_lists(running, claimed):
    async with running() as box:
        box.sandbox.iterable.seed({"answers": {"failCount": claimed}})
        body = {"users": [{"email": "a@b.c"}, {"email": "c@b.c"}, {"email": "Foo@"}]}
        answer = (await send(box, "users/bulkUpdate", body)).json
        assert answer["failCount"] == claimed
        assert answer["successCount"] == max(0, 3 - claimed)
        assert answer["failedUpdates"]["invalidEmails"] == ["foo@"]
        assert box.sandbox.iterable.counts()["users"] == 2


async def test_legacy_answers_name_only_invalid_emails(running):
    async with running() as box:
        box.sandbox.iterable.seed({"forgotten": ["gone@b.c"], "answers": {"style": "legacy"}})
        users = [{"email": "user@"}, {"email": "gone@b.c"}, {"email": "a@b.c"}]
        expected = {"successCount": 1, "failCount": 2, "invalidEmails": ["user@"]}
        for route, body in (
            ("users/bulkUpdate", {"users": users}),
            ("lists/subscribe", {"listId": 1, "subscribers": users}),
            ("events/trackBulk", {"events": [{**user, "eventName": "x"} for user in users]}),
        ):
            assert (await send(box, route, body)).json == expected
        body = {"updateSubscriptionsRequests": [{"email": "foo@"}]}
        assert (await send(box, "users/bulkUpdateSubscriptions", body)).json == {
            "successCount": 0,
            "failCount": 1,
            "invalidEmails": ["foo@"],
            "validEmailFailures": [],
        }


async def test_users_go_on_a_list_and_off_it(running):
    async with running(demo=True) as box:
        body = {"listId": 7, "subscribers": [{"email": JOHN.upper()}, {"email": "new@b.c"}, {"email": "no@"}]}
        reply = await send(box, "lists/subscribe", body)
        assert (reply.json["successCount"], reply.json["failedUpdates"]["invalidEmails"]) == (2, ["no@"])
        members = box.sandbox.iterable.look("lists", "7")["subscribers"]
        assert [member["email"] for member in members] == [JOHN, "new@b.c"]
        assert _applied(box, "subscribe") == {JOHN.upper(): 1, "new@b.c": 1}
        gone = {
            "listId": 7,
            "subscribers": [{"email": JOHN}, {"email": "Nobody@b.c"}, {"userId": "Nobody"}],
            "channelUnsubscribe": True,
        }
        reply = await send(box, "lists/unsubscribe", gone)
        assert (reply.json["successCount"], reply.json["failCount"]) == (1, 2)
        assert _filled(reply.json) == {"notFoundEmails": ["nobody@b.c"], "notFoundUserIds": ["Nobody"]}
        members = box.sandbox.iterable.look("lists", "7")["subscribers"]
        assert [member["email"] for member in members] == ["new@b.c"]
        assert box.sandbox.iterable.look("users", JOHN)["dataFields"]["channelUnsubscribed"] is True
        reply = await send(box, "lists/unsubscribe", {"listId": 7, "subscribers": []})
        assert (reply.json["successCount"], reply.json["failCount"]) == (0, 0)


async def test_only_existing_users_are_subscribed_where_that_is_asked(running):
    async with running(demo=True) as box:
        body = {
            "listId": 7,
            "subscribers": [{"email": "New@b.c"}, {"userId": "New"}, {"userId": "id1"}],
            "updateExistingUsersOnly": True,
        }
        reply = await send(box, "lists/subscribe", body)
        assert _filled(reply.json) == {"notFoundEmails": ["new@b.c"], "notFoundUserIds": ["New"]}
        assert box.sandbox.iterable.counts()["users"] == 2


async def test_an_unsubscribe_does_not_bring_back_who_was_deleted_before_it(running):
    async with running(demo=True, delay={"iterable": 60.0}) as box:
        assert (await send(box, f"users/{JOHN}", None, "DELETE")).status == 200
        reply = await send(box, "lists/unsubscribe", {"listId": 1, "subscribers": [{"email": JOHN}]})
        assert reply.json["successCount"] == 1
        box.sandbox.advance(60)
        assert box.sandbox.iterable.look("users", JOHN) is None


@pytest.mark.parametrize(
    ("route", "name", "expected"),
    [
        ("users/bulkUpdate", "users", {"invalidUserIds": ["New"], "top invalidUserIds": ["New"]}),
        ("lists/subscribe", "subscribers", {"notFoundUserIds": ["New"]}),
        ("events/trackBulk", "events", {"notFoundUserIds": ["New"]}),
    ],
)
async def test_an_email_based_project_knows_no_new_user_ids(running, route, name, expected):
    async with running() as box:
        box.sandbox.iterable.project = "email"
        row = {"eventName": "x", "userId": "New"}
        preferred = {**row, "userId": "Preferred", "preferUserId": True}
        reply = await send(box, route, {"listId": 1, name: [row, preferred]})
        assert (reply.json["successCount"], _filled(reply.json)) == (1, expected)
        assert box.sandbox.iterable.look("users", "Preferred")["email"] == "preferred@placeholder.email"


async def test_subscriptions_are_overwritten_where_they_are_given(running):
    async with running(demo=True) as box:

        async def update(**given):
            body = {"updateSubscriptionsRequests": [{"email": JOHN, **given}]}
            reply = await send(box, "users/bulkUpdateSubscriptions", body)
            assert reply.json == {
                "successCount": 1,
                "failCount": 0,
                "invalidEmails": [],
                "invalidUserIds": [],
                "validEmailFailures": [],
                "validUserIdFailures": [],
            }
            fields = box.sandbox.iterable.look("users", JOHN)["dataFields"]
            return {name: value for name, value in fields.items() if name.endswith("Ids")}

        assert await update(emailListIds=[2, 3], unsubscribedChannelIds=[5]) == {
            "emailListIds": [2, 3],
            "unsubscribedChannelIds": [5],
        }
        assert await update(emailListIds=None) == {"emailListIds": [2, 3], "unsubscribedChannelIds": [5]}
        assert await update(emailListIds=[]) == {"unsubscribedChannelIds": [5]}
        assert await update(unsubscribedChannelIds=[], subscribedMessageTypeIds=[1]) == {
            "subscribedMessageTypeIds": [1]
        }


async def test_events_are_kept_by_their_id_and_disallowed_ones_named(running):
    async with running() as box:
        box.sandbox.iterable.seed({"disallowedEvents": ["bad"], "forgotten": ["gone@b.c"]})
        events = [
            {"email": "a@b.c", "eventName": "x", "id": "1", "createdAt": 1},
            {"email": "a@b.c", "eventName": "x", "id": "1", "createdAt": 2},
            {"email": "a@b.c", "eventName": "y"},
            {"email": "a@b.c", "eventName": "bad"},
            {"email": "Gone@b.c", "eventName": "x"},
            {"email": "no@", "eventName": "x"},
        ]
        answer = (await send(box, "events/trackBulk", {"events": events})).json
        assert (answer["successCount"], answer["failCount"]) == (3, 3)
        assert answer["disallowedEventNames"] == ["bad"]
        assert "invalidDataEmails" not in answer["failedUpdates"]
        assert answer["failedUpdates"]["forgottenEmails"] == ["gone@b.c"]
        assert answer["failedUpdates"]["invalidEmails"] == ["no@"]
        assert box.sandbox.iterable.counts()["events"] == 2
        assert box.sandbox.iterable.look("events", "1")["createdAt"] == 2
        assert _applied(box, "trackBulk") == {"a@b.c": 3}


@pytest.mark.parametrize(
    ("route", "name", "listed"),
    [
        ("users/bulkUpdate", "users", ("invalidDataEmails", "invalidDataUserIds")),
        ("lists/subscribe", "subscribers", ("invalidDataEmails", "invalidDataUserIds")),
        ("events/trackBulk", "events", ("invalidEmails", "invalidUserIds")),
        (
            "users/bulkUpdateSubscriptions",
            "updateSubscriptionsRequests",
            ("top validEmailFailures", "top validUserIdFailures"),
        ),
    ],
)
async def test_a_blame_fault_names_its_users_and_takes_the_rest(running, route, name, listed):
    async with running(faults=["blame=Bad@b.c,ids=Bad"], delay={"iterable": 60}) as box:
        rows = [{"email": "a@b.c"}, {"email": "Bad@b.c"}, {"userId": "Bad"}, {"userId": "good"}]
        body = {"listId": 1, name: [{"eventName": "x", **row} for row in rows]}
        answer = (await send(box, route, body)).json
        assert (answer["successCount"], answer["failCount"]) == (2, 2)
        filled = _filled(answer)
        assert (filled[listed[0]], filled[listed[1]]) == (["bad@b.c"], ["Bad"])
        assert _applied(box, route.rpartition("/")[2]) == {"a@b.c": 1, "good": 1}
        assert box.sandbox.iterable.counts()["users"] == 0
        box.sandbox.advance(60)
        assert box.sandbox.iterable.counts()["users"] == 2
        assert box.sandbox.iterable.look("users", "Bad") is None


async def test_a_legacy_refusal_repeats_the_body_and_the_key(running):
    async with running() as box:
        box.sandbox.iterable.manners.style = "legacy"
        body = {"events": [{"email": "a@b.c", "eventName": None}]}
        answer = (await send(box, "events/trackBulk", body)).json
        assert answer["params"] == {
            "obj.events[0].eventName": [{"msg": ["error.expected.jsstring"], "args": []}]
        }
        assert answer["msg"].startswith('[/api/events/trackBulk] body: {"events":[{"email":"a@b.c"')
        assert "(Api-Key,sandbox)" in answer["msg"]


#: Their answers tell of lists, and by numbers, that only the recorded project has.
OF_ITS_PROJECT = {
    "GET /api/lists",
    "POST /api/lists",
    "DELETE /api/lists/{listId}",
    "GET /api/lists/getUsers",
}


def _recorded():
    if CASES is None:
        return []
    served = {f"{operation.method} {operation.path}" for operation in Iterable(()).operations}
    served -= OF_ITS_PROJECT
    cases = orjson.loads((Path(CASES) / "iterable.json").read_bytes())["cases"]
    return [case for case in cases if case["operation"] in served]


@pytest.mark.skipif(CASES is None, reason="NETAUDIENCE_CASES names no folder of recorded answers")
@pytest.mark.parametrize("case", _recorded(), ids=lambda case: case["id"])
async def test_a_recorded_request_gets_the_recorded_answer(running, case):
    async with running() as box:
        asked, recorded = case["request"], case["response"]
        known = [{"email": "sample@example.com"}, {"email": "sample-1507173084@example.com", "userId": "1"}]
        box.sandbox.iterable.seed({"project": "email", "answers": {"style": "legacy"}, "users": known})
        method, url = case["operation"].partition(" ")[0], urlsplit(asked["url"])
        path = f"{url.path}?{url.query}" if url.query else url.path
        data = None if asked["body"] is None else orjson.dumps(asked["body"])
        reply = await box.send(method, f"/iterable{path}", data=data, headers={"Api-Key": "sandbox"})
        answer, expected = reply.json, recorded["body"]
        if expected.get("code") == "BadJsonBody":
            # The message holds the request's headers; the oldest texts are not in a list of their own.
            answer, expected = (
                {**each, "msg": "", "params": set(each["params"])} for each in (answer, expected)
            )
        assert (reply.status, answer) == (recorded["status"], expected)
