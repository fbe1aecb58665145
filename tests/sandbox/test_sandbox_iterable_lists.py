"""Iterable's lists, single subscriptions, schema and privacy as the vendor documents them.

Source: https://github.com/Iterable/api-client (api-docs.json), read 2026-11; the recorded answers about lists
are those of https://github.com/mtchavez/iterable-api-client
"""

from __future__ import annotations

import hashlib

import pytest
from asking_iterable import JOHN, read, send

pytestmark = pytest.mark.asyncio


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


async def test_a_list_is_made_filled_read_and_deleted(running):
    async with running() as box:
        made = await send(box, "lists", {"name": "VIP", "description": "who buys"})
        number = made.json["listId"]
        subscribers = [{"email": JOHN, "userId": "id1"}, {"userId": "id2"}]
        assert (
            await send(box, "lists/subscribe", {"listId": number, "subscribers": subscribers})
        ).status == 200
        (found,) = (await send(box, "lists", None, "GET")).json["lists"]
        assert (found["id"], found["name"], found["listType"]) == (number, "VIP", "Standard")
        members = await send(box, f"lists/getUsers?listId={number}", None, "GET")
        assert (members.headers["Content-Type"].split(";")[0], members.body) == (
            "text/plain",
            f"{JOHN}\nid2\n".encode(),
        )
        by_user_id = await send(box, f"lists/getUsers?listId={number}&preferUserId=true", None, "GET")
        assert by_user_id.body == b"id1\nid2\n"
        sample = await send(box, f"lists/previewUsers?listId={number}&size=1", None, "GET")
        assert sample.body == f"{JOHN}\n".encode()
        assert (await send(box, f"lists/{number}/size", None, "GET")).body == b"2"
        assert (await send(box, f"lists/{number}", None, "DELETE")).json["code"] == "Success"
        assert (await send(box, f"lists/{number}/size", None, "GET")).body == b"0"
        again = await send(box, f"lists/{number}", None, "DELETE")
        assert (again.status, again.json["code"]) == (400, "BadParams")
        assert again.json["msg"] == f"Unable to delete list {number} in Project 1, which does not exist."


async def test_a_list_that_is_not_there_is_told_in_the_recorded_words(running):
    async with running() as box:
        box.sandbox.iterable.seed({"lists": [1]})
        reply = await send(box, "lists/getUsers?listId=42", None, "GET")
        assert (reply.status, reply.json["code"], reply.json["msg"]) == (
            400,
            "BadParams",
            "Invalid email list id",
        )
        assert (await send(box, "lists", {"name": ""})).json["code"] == "BadParams"


async def test_members_are_read_five_times_a_minute(running):
    async with running() as box:
        codes = [(await send(box, "lists/getUsers?listId=1", None, "GET")).status for _ in range(6)]
        assert codes == [200] * 5 + [429]


async def test_one_subscription_is_changed_and_the_others_are_left(running):
    async with running() as box:
        before = {"userId": "id1", "unsubscribedMessageTypeIds": [1, 2], "emailListIds": [3]}
        await send(box, "users/bulkUpdateSubscriptions", {"updateSubscriptionsRequests": [before]})
        assert (await send(box, "subscriptions/messageType/2/byUserId/id1", None, "PATCH")).status == 202
        assert (await send(box, "subscriptions/messageChannel/9/byUserId/id1", None, "DELETE")).status == 202
        many = {"users": [JOHN], "usersByUserId": ["id1"]}
        reply = await send(box, "subscriptions/emailList/7?action=subscribe", many, "PUT")
        assert (reply.status, reply.body) == (202, b"")
        fields = (await read(box, userId="id1"))["dataFields"]
        assert fields["unsubscribedMessageTypeIds"] == [1]
        assert fields["unsubscribedChannelIds"] == [9]
        assert fields["emailListIds"] == [3, 7]
        assert (await read(box, email=JOHN))["dataFields"]["emailListIds"] == [7]


@pytest.mark.parametrize("route", ["emailList/1?action=join", "somebody/1?action=subscribe", "emailList/x"])
async def test_a_subscription_that_is_none_is_refused(running, route):
    async with running() as box:
        assert (await send(box, f"subscriptions/{route}", {"users": [JOHN]}, "PUT")).status == 400


async def test_single_subscriptions_are_to_be_enabled(running):
    async with running() as box:
        box.sandbox.iterable.seed({"singleSubscriptions": False})
        assert (await send(box, "subscriptions/emailList/1/byUserId/id1", None, "PATCH")).status == 404


async def test_the_forgotten_are_hashed_in_lower_case_and_unforgotten(running):
    async with running() as box:
        await send(box, "users/forget", {"email": " John.Brown@example.com".strip()})
        await send(box, "users/forget", {"userId": "Id1"})
        assert (await send(box, "users/forgotten", None, "GET")).json == [digest(JOHN)]
        assert (await send(box, "users/forgottenUserIds", None, "GET")).json == [digest("id1")]
        assert (await send(box, "users/update", {"userId": "Id1"})).status == 409
        assert (await send(box, "users/unforget", {"userId": "Id1"})).json["code"] == "Success"
        assert (await send(box, "users/forgottenUserIds", None, "GET")).json == []
        assert (await send(box, "users/update", {"userId": "Id1"})).status == 200


@pytest.mark.parametrize(("project", "route"), [("email", "forgottenUserIds"), ("userId", "forgotten")])
async def test_the_other_project_forgets_nobody_so(running, project, route):
    async with running() as box:
        box.sandbox.iterable.seed({"project": project})
        assert (await send(box, f"users/{route}", None, "GET")).status == 400


async def test_a_merge_moves_what_the_source_has(running):
    async with running() as box:
        await send(box, "users/update", {"userId": "a", "dataFields": {"city": "x", "age": 1}})
        await send(box, "users/update", {"userId": "b", "dataFields": {"age": 2}})
        merged = {"sourceUserId": "a", "destinationUserId": "b"}
        assert (await send(box, "users/merge", merged)).json["code"] == "Success"
        assert await read(box, userId="a") is None
        assert (await read(box, userId="b"))["dataFields"] == {"city": "x", "age": 2}
        assert (await send(box, "users/merge", merged)).status == 400


async def test_a_field_has_the_type_of_its_first_value(running):
    values = {
        "text": "2026-01-31T12:00:00",
        "day": "1990-05-17",
        "moment": "2026-01-31 12:00:00 +00:00",
        "fine": "2026-01-31T12:00:00.123Z",
        "whole": 5,
        "half": 5.5,
        "is": True,
        "home_geo_location": {"lat": 1.5, "lon": 2},
        "own": {"a": 1},
        "many": [{"a": 1}],
        "names": ["x"],
    }
    async with running() as box:
        assert (await send(box, "users/update", {"userId": "a", "dataFields": values})).status == 200
        fields = (await send(box, "users/getFields", None, "GET")).json["fields"]
        assert fields == {
            "text": "string",
            "day": "date",
            "moment": "date",
            "fine": "date",
            "whole": "long",
            "half": "double",
            "is": "boolean",
            "home_geo_location": "geo_location",
            "own": "object",
            "many": "nested",
            "names": "string",
        }
        for wrong in ({"day": "17.05.1990"}, {"whole": 5.5}, {"text": "1990-05-17"}):
            reply = await send(box, "users/update", {"userId": "b", "dataFields": wrong})
            assert reply.json["code"] == "RequestFieldsTypesMismatched"
        assert (await send(box, "users/update", {"userId": "b", "dataFields": {"half": 5}})).status == 200


async def test_null_takes_a_field_off_the_profile(running):
    async with running() as box:
        await send(box, "users/update", {"userId": "a", "dataFields": {"city": "x", "age": 1}})
        await send(box, "users/update", {"userId": "a", "dataFields": {"city": None}})
        assert (await read(box, userId="a"))["dataFields"] == {"age": 1}


async def test_channels_and_message_types_have_names_for_the_numbers(running):
    async with running() as box:
        channels = (await send(box, "channels", None, "GET")).json["channels"]
        kinds = (await send(box, "messageTypes", None, "GET")).json["messageTypes"]
        assert {kind["channelId"] for kind in kinds} == {channel["id"] for channel in channels}
        assert {kind["subscriptionPolicy"] for kind in kinds} == {"OptIn", "OptOut"}


async def test_an_export_runs_and_gives_its_file_to_whoever_has_its_address(running):
    async with running(demo=True) as box:
        body = {"dataTypeName": "user", "outputFormat": "text/csv", "startDateTime": "2026-01-01 00:00:00"}
        number = (await send(box, "export/start", body)).json["jobId"]
        first = (await send(box, f"export/{number}/files", None, "GET")).json
        assert (first["jobState"], first["files"]) == ("Running", [])
        box.sandbox.advance(1)
        second = (await send(box, f"export/{number}/files", None, "GET")).json
        assert second["jobState"] == "Completed"
        (file,) = second["files"]
        path = "/" + file["url"].partition("://")[2].partition("/")[2]
        assert f"{JOHN},id1" in (await box.send("GET", path)).body.decode()
        assert (await box.send("GET", path, headers={"Api-Key": "sandbox"})).status == 403
        assert (await box.send("GET", path.partition("?")[0])).status == 403
        box.sandbox.advance(1)
        after = (await send(box, f"export/{number}/files?startAfter={file['file']}", None, "GET")).json
        assert after["files"] == []
        box.sandbox.advance(1801)
        assert (await box.send("GET", path)).status == 403


@pytest.mark.parametrize("wrong", [{"outputFormat": "xml"}, {"startDateTime": "yesterday"}])
async def test_an_export_of_no_form_or_date_is_refused(running, wrong):
    async with running() as box:
        body = {"dataTypeName": "user", "outputFormat": "text/csv", **wrong}
        assert (await send(box, "export/start", body)).json["code"] == "BadParams"
        assert (await send(box, "export/99/files", None, "GET")).json["code"] == "BadParams"


async def test_an_export_is_cancelled(running):
    async with running() as box:
        number = (await send(box, "export/start", {"dataTypeName": "user", "outputFormat": "text/csv"})).json[
            "jobId"
        ]
        assert (await send(box, f"export/{number}", None, "DELETE")).json["code"] == "Success"
        assert (await send(box, f"export/{number}/files", None, "GET")).json["jobState"] == "Failed"


async def test_exports_are_listed_by_their_state(running):
    async with running() as box:
        for _ in range(2):
            await send(box, "export/start", {"dataTypeName": "user", "outputFormat": "text/csv"})
            box.sandbox.advance(1.1)
        await send(box, "export/1", None, "DELETE")
        listed = (await send(box, "export/jobs", None, "GET")).json["jobs"]
        assert [(job["id"], job["jobState"]) for job in listed] == [(1, "Failed"), (2, "Running")]
        failed = (await send(box, "export/jobs?jobState=Failed", None, "GET")).json["jobs"]
        assert [job["id"] for job in failed] == [1]


async def test_what_is_done_for_one_user_at_a_time(running):
    who = {"email": JOHN}
    async with running(demo=True) as box:
        for _ in range(2):
            reply = await send(box, "users/registerBrowserToken", {**who, "browserToken": "web-1"})
            assert reply.json["code"] == "Success"
        both = {**who, "userId": "1", "browserToken": "web-1"}
        assert (await send(box, "users/registerBrowserToken", both)).status == 400
        change = {**who, "emailListIds": [7], "unsubscribedChannelIds": [1]}
        assert (await send(box, "users/updateSubscriptions", change)).json["code"] == "Success"
        event = {**who, "eventName": "bought", "id": "e1", "dataFields": {"n": 1}}
        assert (await send(box, "events/track", event)).json["code"] == "Success"
        asked = await send(box, "subscriptions/subscribeToDoubleOptIn", {**who, "messageTypeIds": [12]})
        assert (asked.status, asked.body) == (202, b"Accepted")
        user = await read(box, email=JOHN)
        fields = user["dataFields"]
        assert (fields["browserTokens"], fields["emailListIds"]) == (["web-1"], [7])
        assert fields["unsubscribedChannelIds"] == [1]
        assert box.sandbox.iterable.look("events", "e1")["dataFields"] == {"n": 1}
        sent = await send(box, f"users/getSentMessages?email={JOHN}", None, "GET")
        assert sent.json == {"messages": []}
        for query in ("", f"?email={JOHN}&userId=1", f"?email={JOHN}&limit=1001"):
            box.sandbox.advance(1.1)
            assert (await send(box, f"users/getSentMessages{query}", None, "GET")).status == 400
        await send(box, "users/forget", who)
        assert (await send(box, "users/updateSubscriptions", change)).status == 409
        assert (await send(box, "events/track", event)).status == 409
