"""Fynd's customers, who is found by attributes, and a group that is replaced."""

from __future__ import annotations

import pytest
import pytest_asyncio
from test_sandbox_fynd import make_fynd

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def fynd(running):
    async with running() as box:
        yield await make_fynd(box)


async def seed(fynd, document):
    reply = await fynd.box.send("POST", "/_sandbox/state/fynd", json=document)
    assert reply.status == 200, reply.body


async def test_customers_are_made_changed_blocked_archived_and_logged_out(fynd):
    made = await fynd("POST", "customers", {"email": "new@example.com", "first_name": "Ada"}, verified="true")
    user_id = made.json["user"]["user_id"]
    changed = {"emails": [{"email": "other@example.com"}], "dob": "1990-05-17"}
    shown = (await fynd("PUT", f"customers/{user_id}", changed)).json["user"]
    assert (shown["first_name"], shown["dob"]) == ("Ada", "1990-05-17")
    assert [each["email"] for each in shown["emails"]] == ["other@example.com"]
    assert (await fynd("PUT", "customers/activation", {"status": False, "user_id": [user_id]})).status == 200
    assert (await fynd("PUT", "customers/archive", {"user_id": user_id})).status == 200
    (found,) = (await fynd("GET", "customers/search", query="other@example.com")).json["users"]
    assert (found["active"], found["archive"]) == (False, True)
    assert (await fynd("GET", "customers/search", query="new@example.com")).json["users"] == []
    await fynd("PUT", "customers/undelete", {"user_id": user_id, "reason": "a mistake"})
    (found,) = (await fynd("GET", "customers/search", query=user_id)).json["users"]
    assert found["archive"] is False
    for method, path, body in (
        ("POST", "customers", {"first_name": "Ada"}),
        ("PUT", "customers/activation", {"user_id": [user_id]}),
        ("PUT", "customers/activation", {"status": True, "user_id": []}),
    ):
        assert (await fynd(method, path, body)).status == 400
    for path in ("customers/nobody", "customers/archive", "customers/undelete"):
        assert (await fynd("PUT", path, {"user_id": "nobody"})).status == 404


async def test_a_customers_sessions_are_listed_and_ended(fynd):
    users = [{"user_id": "u1", "sessions": ["s1", "s2", "s3"]}]
    await seed(fynd, {"users": users})
    listed = (await fynd("GET", "customers/sessions", id="u1")).json["items"]
    assert [each["session_id"] for each in listed] == ["s1", "s2", "s3"]
    assert (await fynd("DELETE", "customers/session", id="u1", session_id="s2")).json["session_id"] == "s2"
    assert (await fynd("DELETE", "customers/session", id="u1", session_id="s2")).status == 404
    assert (await fynd("DELETE", "customers/sessions", id="u1")).json["session_ids"] == ["s1", "s3"]
    assert (await fynd("GET", "customers/sessions", id="u1")).json["items"] == []
    assert (await fynd("GET", "customers/sessions")).status == 400


async def test_users_are_found_by_their_attributes(fynd):
    await seed(
        fynd,
        {
            "definitions": [{"_id": "d1", "slug": "tier"}],
            "users": [
                {"user_id": "u1", "emails": ["a@example.com"], "attributes": {"tier": "gold"}},
                {"user_id": "u2", "attributes": {"tier": "gold"}},
                {"user_id": "u3", "attributes": {"tier": "silver"}},
            ],
        },
    )

    async def found(**query):
        page = (await fynd("POST", "user_attribute/users", {"query": query})).json
        return [each["user_id"] for each in page["items"]], page["page"]["has_next"]

    gold = {"definition_id": "d1", "type": "eq", "value": "gold"}
    assert await found(limit=1, page=1, conditions=[gold]) == (["u1"], True)
    assert await found(limit=1, page=2, conditions=[gold]) == (["u2"], False)
    assert await found(limit=9, page=1, conditions=[{**gold, "type": "ne"}]) == (["u3"], False)
    assert await found(limit=9, page=1, conditions=[gold], has_email=False) == (["u2"], False)
    assert (await fynd("POST", "user_attribute/users", {"query": {"limit": 0}})).status == 400


async def test_a_group_is_replaced_with_the_members_of_its_file(fynd):
    users, files = ["u1", "u2"], {"https://f.example/a.csv": "user_id\nu2\n"}
    await seed(
        fynd, {"users": users, "files": files, "groups": [{"_id": "g1", "name": "n", "members": ["u1"]}]}
    )
    replaced = {"name": "m", "file_url": "https://f.example/a.csv"}
    shown = (await fynd("PUT", "user_group/g1", replaced)).json
    assert (shown["name"], shown["description"]) == ("m", "")
    members = (await fynd("GET", "user_group/g1/users")).json["items"]
    assert [each["user_id"] for each in members] == ["u2"]
