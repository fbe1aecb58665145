"""Fynd's groups: members that come from a file later, pages of cursors, and rows that are rejected."""

from __future__ import annotations

from base64 import b64encode

import orjson
import pytest

pytestmark = pytest.mark.asyncio

TOKEN = "/fynd/service/panel/authentication/v1.0/company/sandbox/oauth/token"
USERS = "/fynd/service/platform/user/v1.0/company/sandbox/application/sandbox"
FILE = "https://files.example/members.csv"
NEW = {"name": "Group 1", "description": "d", "category": "l1", "file_url": FILE}


async def _fynd(box, *users, **seed):
    document = {"users": list(users), **seed}
    await box.send("POST", "/_sandbox/state/fynd", json=document)
    basic = {"Authorization": "Basic " + b64encode(b"sandbox:sandbox").decode()}
    reply = await box.send("POST", TOKEN, json={"grant_type": "client_credentials"}, headers=basic)
    headers = {"Authorization": f"Bearer {reply.json['access_token']}", "Content-Type": "application/json"}

    async def send(method, path, body=None, **query):
        data = None if body is None else orjson.dumps(body)
        return await box.send(method, f"{USERS}/{path}", data=data, headers=headers, params=query)

    return send


async def _members(fynd, group_id, **query):
    reply = await fynd("GET", f"user_group/{group_id}/users", **query)
    assert reply.status == 200
    return [user["user_id"] for user in reply.json["items"]]


async def test_a_group_is_made_at_once_and_its_members_come_later(running):
    people = [
        {"user_id": "u1", "emails": ["u1@example.com"]},
        {"user_id": "u2", "phone_numbers": [{"country_code": 91, "phone": "9999999999"}]},
    ]
    async with running(delay={"fynd": 30}) as box:
        csv = "email,phone_number\nu1@example.com,\n,+919999999999\n,000\n"
        fynd = await _fynd(box, *people, files={FILE: csv})
        made = await fynd("POST", "user_group", NEW)
        assert made.status == 201
        assert made.json == {**made.json, **NEW, "type": "bulk", "status": "pending", "is_active": True}
        assert set(made.json) >= {"_id", "uid", "tags", "application_id", "created_at", "modified_at", "__v"}
        group_id = made.json["_id"]
        assert await _members(fynd, group_id) == []
        box.sandbox.advance(30)
        assert await _members(fynd, group_id) == ["u1", "u2"]
        group = (await fynd("GET", f"user_group/{group_id}")).json
        assert group["status"] == "partial"
        assert group["error"]["count"] == 1
        rejected = box.sandbox.fynd.files[group["error"]["file_url"]]
        assert rejected == "email,phone_number\n,000\n"


async def test_a_file_that_names_only_users_leaves_no_error(running):
    async with running() as box:
        fynd = await _fynd(box, "u1", "u2", files={FILE: "user_id\nu1\nu2\nu1\n"})
        group_id = (await fynd("POST", "user_group", NEW)).json["_id"]
        group = (await fynd("GET", f"user_group/{group_id}")).json
        assert group["status"] == "complete"
        assert "error" not in group
        assert await _members(fynd, group_id) == ["u1", "u2"]


async def test_a_change_is_applied_at_once_and_its_file_later(running):
    second = "https://files.example/second.csv"
    files = {FILE: "user_id\nu1\nu2\n", second: "user_id,action\nu1,remove\nu3,add\nu2,explode\nu9,add\n"}
    async with running() as box:
        fynd = await _fynd(box, "u1", "u2", "u3", files=files)
        path = f"user_group/{(await fynd('POST', 'user_group', NEW)).json['_id']}"
        box.sandbox.set_delay({"fynd": 30})
        changed = await fynd("PATCH", path, {"name": "New", "file_url": second})
        assert (changed.status, changed.json["name"], changed.json["status"]) == (200, "New", "pending")
        assert (changed.json["description"], changed.json["__v"]) == ("d", 1)
        group_id = changed.json["_id"]
        assert await _members(fynd, group_id) == ["u1", "u2"]
        box.sandbox.advance(30)
        assert await _members(fynd, group_id) == ["u2", "u3"]
        assert (await fynd("GET", path)).json["error"]["count"] == 2
        rows = {
            "type": "json",
            "user_data": [{"user_id": "u1", "action": "add"}, {"user_id": "u2", "action": "remove"}],
        }
        assert (await fynd("PATCH", path, rows)).status == 200
        box.sandbox.advance(30)
        assert await _members(fynd, group_id) == ["u3", "u1"]
        group = (await fynd("GET", path)).json
        assert "error" not in group
        renamed = await fynd("PATCH", path, {"description": "other"})
        assert renamed.json["status"] == "complete"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"file_url": 5},
        {"user_data": [{"user_id": "u1"}]},
        {"type": "json", "user_data": ["u1"]},
        [],
    ],
)
async def test_a_wrong_change_is_refused(running, body):
    async with running() as box:
        fynd = await _fynd(box, groups=[{"_id": "g1", "name": "a"}])
        assert (await fynd("PATCH", "user_group/g1", body)).status == 400
        assert box.sandbox.fynd.groups["g1"].version == 0


async def test_a_group_by_conditions_has_no_file_and_says_so(running):
    async with running() as box:
        fynd = await _fynd(box)
        conditions = [{"user_attribute_definition_id": "d1", "type": "eq", "value": "gold"}]
        made = await fynd("POST", "user_group", {"name": "n", "description": "d", "conditions": conditions})
        assert (made.status, made.json["type"], made.json["conditions"]) == (201, "conditional", conditions)
        found = await fynd("GET", "user_group?type=conditional")
        assert [group["_id"] for group in found.json["items"]] == [made.json["_id"]]


async def test_a_job_ends_later_with_its_counts_and_the_rows_that_failed(running):
    async with running(delay={"fynd": 30}) as box:
        url = "https://files.example/new.csv"
        fynd = await _fynd(box, files={url: "email,name\na@example.com,Ann\n,Nobody\n"})
        job = (await fynd("POST", "users/jobs/import", {"absolute_url": url, "file_format": "csv"})).json
        assert job["status"] == "inprogress"
        box.sandbox.advance(30)
        done = (await fynd("GET", f"users/jobs/{job['_id']}")).json
        assert (done["status"], done["count"]) == ("partial", {"total": 2, "success": 1, "error": 1})
        assert box.sandbox.fynd.files[done["links"]["error"]["absolute_url"]] == "email,name\n,Nobody\n"
        listed = (await fynd("GET", "users/jobs/import?status=partial")).json["items"]
        assert [each["_id"] for each in listed] == [job["_id"]]
        assert (await fynd("GET", "customers/list?q=a@example.com")).json["items"][0]["_id"]
        export = (await fynd("POST", "users/jobs/export", {"file_format": "csv"})).json
        box.sandbox.advance(30)
        exported = (await fynd("GET", f"users/jobs/{export['_id']}")).json
        assert exported["count"]["success"] == len(box.sandbox.fynd.users)
        assert (await fynd("GET", "users/jobs/nothing")).status == 404
        assert (await fynd("GET", "customers/nobody/timeline")).status == 404


@pytest.mark.parametrize("missing", list(NEW))
async def test_a_new_group_needs_all_four_fields(running, missing):
    async with running() as box:
        fynd = await _fynd(box)
        body = {name: value for name, value in NEW.items() if name != missing}
        assert (await fynd("POST", "user_group", body)).status == 400
        assert box.sandbox.fynd.groups == {}


async def test_a_group_that_is_made_twice_is_there_twice(running):
    async with running() as box:
        fynd = await _fynd(box)
        first, second = [(await fynd("POST", "user_group", NEW)).json for _ in range(2)]
        assert first["_id"] != second["_id"]
        assert second["uid"] == first["uid"] + 1
        listed = (await fynd("GET", "user_group", name="Group 1")).json
        assert listed["page"]["item_total"] == 2
        assert box.sandbox.check("fynd", "createUserGroup", ["Group 1"]).applications == 2


async def test_a_deleted_group_is_gone_and_says_so_with_a_boolean(running):
    async with running() as box:
        fynd = await _fynd(box, groups=[{"_id": "g1", "name": "a"}])
        reply = await fynd("DELETE", "user_group/g1")
        assert (reply.status, reply.json["success"], reply.json["id"]) == (200, True, "g1")
        for method, path, body in (
            ("GET", "user_group/g1", None),
            ("PATCH", "user_group/g1", {"name": "x"}),
            ("DELETE", "user_group/g1", None),
            ("GET", "user_group/g1/users", None),
            ("POST", "user_group/g1/refresh", None),
        ):
            assert (await fynd(method, path, body)).status == 404


async def test_a_refresh_is_accepted_and_counts_later(running):
    async with running(delay={"fynd": 10}) as box:
        groups = [{"_id": "g1", "name": "a", "members": ["u1", "u2", "u3"], "blacklisted": ["u2"]}]
        fynd = await _fynd(box, "u1", "u2", "u3", groups=groups)
        reply = await fynd("POST", "user_group/g1/refresh")
        assert (reply.status, reply.json["uid"]) == (202, 1)
        assert "total_users" not in (await fynd("GET", "user_group/g1")).json
        box.sandbox.advance(10)
        assert (await fynd("GET", "user_group/g1")).json["total_users"] == {"count": 2}
        # A group that is deleted before its time is no error later.
        await fynd("POST", "user_group/g1/refresh")
        await fynd("PATCH", "user_group/g1", {"file_url": FILE})
        await fynd("DELETE", "user_group/g1")
        box.sandbox.advance(10)
        assert box.sandbox.fynd.groups == {}


async def test_users_come_in_pages_of_cursors(running):
    ids = [f"u{number:02}" for number in range(25)]
    async with running() as box:
        fynd = await _fynd(box, *ids, groups=[{"_id": "g1", "name": "a", "members": ids}])

        async def page(**query):
            reply = await fynd("GET", "user_group/g1/users", **query)
            return reply.json["page"], [user["user_id"] for user in reply.json["items"]]

        first, seen = await page()
        assert first.pop("sandbox_property")
        assert first == {
            "type": "cursor",
            "current": 1,
            "size": 10,
            "has_next": True,
            "has_prev": False,
            "next_cursor": "u09",
            "prev_cursor": None,
        }
        cursor, pages = first["next_cursor"], 1
        while cursor is not None:
            after, found = await page(cursor=cursor, direction="next")
            seen += found
            pages += 1
            cursor = after["next_cursor"]
        assert (seen, pages) == (ids, 3)
        assert (after["has_next"], after["has_prev"], after["prev_cursor"]) == (False, True, "u20")
        before, found = await page(cursor="u20", direction="prev")
        assert (found, before["has_next"], before["current"]) == (ids[10:20], True, 2)
        third, found = await page(page_no="3")
        assert (found, third["current"], third["next_cursor"]) == (ids[20:], 3, None)
        whole, found = await page(page_size="25")
        assert (len(found), whole["has_next"], whole["next_cursor"]) == (25, False, None)
        beyond, found = await page(page_no="9")
        assert (found, beyond["has_next"], beyond["prev_cursor"]) == ([], False, None)
        for query in ({"cursor": "nobody"}, {"direction": "up"}, {"page_size": "0"}):
            assert (await fynd("GET", "user_group/g1/users", **query)).status == 400


async def test_an_empty_group_has_no_cursor(running):
    async with running() as box:
        fynd = await _fynd(box, groups=[{"_id": "g1", "name": "a"}])
        reply = (await fynd("GET", "user_group/g1/users")).json
        assert reply["items"] == []
        assert (reply["page"]["next_cursor"], reply["page"]["prev_cursor"]) == (None, None)


async def test_blacklisted_users_are_listed_apart_and_users_are_searched(running):
    people = ["u1", {"user_id": "u2", "emails": ["ada@example.com"]}, "u3"]
    groups = [{"_id": "g1", "name": "a", "members": ["u1", "u2", "u3"], "blacklisted": ["u3"]}]
    async with running() as box:
        fynd = await _fynd(box, *people, groups=groups)
        assert await _members(fynd, "g1") == ["u1", "u2"]
        assert await _members(fynd, "g1", blacklisted_users="false") == ["u1", "u2"]
        assert await _members(fynd, "g1", blacklisted_users="true") == ["u3"]
        assert await _members(fynd, "g1", q="ADA") == ["u2"]
        assert (await fynd("GET", "user_group/g1/users", blacklisted_users="1")).status == 400
        user = (await fynd("GET", "user_group/g1/users", q="u2")).json["items"][0]
        assert user["emails"] == [
            {"email": "ada@example.com", "primary": True, "verified": True, "active": True}
        ]


async def test_groups_are_filtered_tagged_and_categorised(running):
    groups = [
        {"name": "Red one", "tags": ["a", "b"], "category": "l1", "status": "pending"},
        {"name": "Red two", "tags": ["b"], "category": "l2"},
        {"name": "Blue", "category": "own"},
    ]
    async with running() as box:
        fynd = await _fynd(box, groups=groups)

        async def uids(**query):
            reply = await fynd("GET", "user_group", **query)
            return [group["uid"] for group in reply.json["items"]]

        assert await uids() == [1, 2, 3]
        assert await uids(name="red") == [1, 2]
        assert await uids(tags="b") == [1, 2]
        assert await uids(category="own") == [3]
        assert await uids(group_uid="2") == [2]
        assert await uids(status="pending") == [1]
        assert await uids(type="conditional") == []
        assert await uids(type="bulk", page_size="2", page_no="2") == [3]
        assert (await fynd("GET", "user_group/tags")).json == {"items": ["a", "b"]}
        categorised = (await fynd("GET", "user_group/categorised")).json
        assert categorised == {"user_groups": {"l1": [1], "l2": [2], "own": [3]}}
        categories = (await fynd("GET", "user_group/categories")).json["items"]
        assert [category["key"] for category in categories] == ["l1", "l2", "own"]
        assert set(categories[0]) == {"name", "key", "description"}
        one = (await fynd("GET", "user_group/categories", category="l2")).json["items"]
        assert [category["key"] for category in one] == ["l2"]
