"""Fynd's tokens and its attributes: 401 without a token, 201 for what is made, both kinds of `success`."""

from __future__ import annotations

from base64 import b64encode

import attrs
import orjson
import pytest
from yarl import URL

from netaudience.sandbox import Credentials, SandboxLimits

pytestmark = pytest.mark.asyncio

COMPANY = "/fynd/service/panel/authentication/v1.0/company/sandbox"
USERS = "/fynd/service/platform/user/v1.0/company/sandbox/application/sandbox"
GRANT = {"grant_type": "client_credentials"}
ERROR_KEYS = {"code", "message", "info", "request_id", "error", "meta", "authenticated"}
JOHN = "64f222222222222222222222"


def _basic(client="sandbox", secret="sandbox"):
    return {"Authorization": "Basic " + b64encode(f"{client}:{secret}".encode()).decode()}


async def _token(box):
    reply = await box.send("POST", f"{COMPANY}/oauth/token", json=GRANT, headers=_basic())
    return reply.json["access_token"]


@attrs.define
class Fynd:
    """A client with a token."""

    box: object
    token: str

    async def __call__(self, method, path, body=None, **query):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else orjson.dumps(body)
        return await self.box.send(method, f"{USERS}/{path}", data=data, headers=headers, params=query)

    async def definition(self, slug, type_="string"):
        body = {"name": slug.title(), "slug": slug, "description": "d", "type": type_}
        return (await self("POST", "user_attribute/definition", body)).json["_id"]


async def make_fynd(box):
    return Fynd(box, await _token(box))


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
async def test_a_client_gets_a_token_that_opens_every_operation(running, form):
    async with running(credentials=Credentials(fynd_clients={"id": "s:cret"})) as box:
        body = {"data": GRANT} if form else {"json": GRANT}
        reply = await box.send("POST", f"{COMPANY}/oauth/token", headers=_basic("id", "s:cret"), **body)
        assert reply.status == 200
        assert reply.json["expires_in"] == 3600
        for operation in box.sandbox.fynd.operations[1:]:
            path = "/fynd" + operation.path.replace("{company_id}", "sandbox")
            for name in ("application_id", "definition_id", "user_id", "group_id"):
                path = path.replace(f"{{{name}}}", "x")
            for header in ("", "Bearer ", "Bearer wrong", f"Basic {reply.json['access_token']}"):
                headers = {"Authorization": header} if header else {}
                refused = await box.send(operation.method, path, headers=headers)
                assert refused.status == 401
                assert set(refused.json) == ERROR_KEYS
                assert refused.json["authenticated"] is False
            headers = {"Authorization": f"Bearer {reply.json['access_token']}"}
            assert (await box.send(operation.method, path, headers=headers)).status in (200, 400, 404)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, GRANT, 401),
        (_basic("sandbox", "wrong"), GRANT, 401),
        (_basic("nobody"), GRANT, 401),
        ({"Authorization": "Basic !!"}, GRANT, 401),
        ({"Authorization": "Bearer sandbox:sandbox"}, GRANT, 401),
        (_basic(), {"grant_type": "authorization_code"}, 400),
        (_basic(), {}, 400),
        (_basic(), ["client_credentials"], 400),
    ],
)
async def test_no_token_without_client_secret_and_grant(running, headers, body, status):
    async with running() as box:
        reply = await box.send("POST", f"{COMPANY}/oauth/token", json=body, headers=headers)
        assert reply.status == status
        assert set(reply.json) == ERROR_KEYS
        assert box.sandbox.fynd.tokens.issued == 0


async def test_a_token_ends_by_the_clock_by_revocation_and_at_another_company(running):
    async with running() as box:
        box.sandbox.fynd.token_lifetime = 100.0
        fynd = await make_fynd(box)
        assert (await fynd("GET", "user_group/tags")).status == 200
        other = USERS.replace("company/sandbox", "company/559")
        headers = {"Authorization": f"Bearer {fynd.token}"}
        assert (await box.send("GET", f"{other}/user_group/tags", headers=headers)).status == 401
        box.sandbox.advance(90)
        assert (await fynd("GET", "user_group/tags")).status == 200
        second = await make_fynd(box)
        box.sandbox.advance(20)
        assert (await fynd("GET", "user_group/tags")).status == 401
        assert (await second("GET", "user_group/tags")).status == 200
        box.sandbox.fynd.revoke()
        assert (await second("GET", "user_group/tags")).status == 401
        assert (await (await make_fynd(box))("GET", "user_group/tags")).status == 200
        assert box.sandbox.fynd.tokens.issued == 3


async def test_a_definition_is_made_read_changed_and_deleted(running):
    async with running() as box:
        fynd = await make_fynd(box)
        body = {"name": "City", "slug": "city", "description": "Home", "type": "encrypted_string"}
        made = await fynd("POST", "user_attribute/definition", body)
        assert made.status == 201
        assert made.json == {
            **made.json,
            **body,
            "encrypted": True,
            "is_locked": False,
            "default_value": None,
            "application_id": "sandbox",
        }
        assert set(made.json) >= {"_id", "validations", "pinned", "pin_order", "created_at", "modified_at"}
        # The page allows further properties: there is one that no SDK knows.
        assert "sandbox_property" in made.json
        path = f"user_attribute/definition/{made.json['_id']}"
        assert (await fynd("GET", path)).json == made.json
        changed = await fynd("PUT", path, {"name": "Town", "customer_editable": False})
        assert (changed.status, changed.json["name"], changed.json["slug"]) == (200, "Town", "city")
        assert changed.json["customer_editable"] is False
        deleted = await fynd("DELETE", path)
        assert (deleted.status, deleted.json["success"]) == (200, "true")
        for method, sent in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
            assert (await fynd(method, path, sent)).status == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"slug": ""},
        {"type": "colour"},
        {"description": 5},
        {"slug": "taken"},
        "name",
        "type",
    ],
)
async def test_a_wrong_definition_is_refused(running, changes):
    body = {"name": "City", "slug": "city", "description": "Home", "type": "string"}
    async with running() as box:
        fynd = await make_fynd(box)
        await fynd.definition("taken")
        if isinstance(changes, str):
            del body[changes]
        else:
            body |= changes
        reply = await fynd("POST", "user_attribute/definition", body)
        assert reply.status == 400
        assert set(reply.json) == ERROR_KEYS
        assert len(box.sandbox.fynd.definitions) == 1


async def test_a_locked_definition_is_neither_changed_nor_deleted(running):
    async with running() as box:
        seed = {"definitions": [{"slug": "city", "_id": "d1", "is_locked": True}]}
        await box.send("POST", "/_sandbox/state/fynd", json=seed)
        fynd = await make_fynd(box)
        assert (await fynd("PUT", "user_attribute/definition/d1", {"name": "x"})).status == 400
        assert (await fynd("DELETE", "user_attribute/definition/d1")).status == 400
        assert (await fynd("GET", "user_attribute/definition/d1")).json["name"] == "city"


async def test_definitions_come_in_numbered_pages_and_are_filtered(running):
    async with running() as box:
        slugs = [{"slug": f"slug{number}", "name": f"Name {number}"} for number in range(23)]
        slugs.append({"slug": "number", "type": "encrypted_number", "is_locked": True})
        await box.send("POST", "/_sandbox/state/fynd", json={"definitions": slugs})
        fynd = await make_fynd(box)

        async def page(**query):
            reply = await fynd("GET", "user_attribute/definition", **query)
            return reply.json["page"], [item["slug"] for item in reply.json["items"]]

        first, found = await page()
        assert len(found) == 10
        sandbox = first.pop("sandbox_property")
        assert sandbox
        assert first == {
            "type": "number",
            "current": 1,
            "size": 10,
            "item_total": 24,
            "has_next": True,
            "has_previous": False,
        }
        last, found = await page(page_no="3", page_size="8")
        assert (last["has_next"], last["has_previous"], len(found)) == (False, True, 8)
        beyond, found = await page(page_no="4", page_size="8")
        assert (beyond["has_next"], found) == (False, [])
        assert (await page(name="NAME 2"))[1] == ["slug2", "slug20", "slug21", "slug22"]
        assert (await page(slug="slug2"))[1] == ["slug2"]
        assert (await page(type="encrypted_number"))[1] == ["number"]
        assert (await page(is_locked="true"))[1] == ["number"]
        assert (await page(encrypted="false"))[0]["item_total"] == 23
        for query in ({"page_no": "0"}, {"page_size": "x"}, {"pinned": "yes"}):
            assert (await fynd("GET", "user_attribute/definition", **query)).status == 400


async def test_the_sandbox_has_no_users_until_they_are_seeded(running):
    async with running() as box:
        fynd = await make_fynd(box)
        definition = await fynd.definition("city")
        path = f"user_attribute/definition/{definition}/user/u1"
        assert (await fynd("PUT", path, {"attribute": {"value": "Pune"}})).status == 404
        assert (await fynd("GET", "user_attribute/user/u1")).json["items"] == []
        await box.send("POST", "/_sandbox/state/fynd", json={"users": ["u1"]})
        assert (await fynd("PUT", path, {"attribute": {"value": "Pune"}})).status == 201


async def test_an_attribute_is_made_replaced_read_and_deleted(running):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        definition = await fynd.definition("age", "number")
        path = f"user_attribute/definition/{definition}/user/{JOHN}"
        assert (await fynd("GET", path)).status == 404
        made = await fynd("PUT", path, {"attribute": {"value": 34}})
        assert made.status == 201
        assert made.json["attribute"] == {"key": "age", "value": 34}
        assert made.json["user_attribute_definition_id"] == definition
        assert (made.json["user_id"], made.json["type"]) == (JOHN, "number")
        # Replacing answers 201 too, and keeps the attribute's own id.
        again = await fynd("PUT", path, {"attribute": {"value": None}})
        assert (again.status, again.json["_id"]) == (201, made.json["_id"])
        assert (await fynd("GET", path)).json["attribute"] == {"key": "age", "value": None}
        listed = (await fynd("GET", f"user_attribute/user/{JOHN}")).json
        assert [item["attribute"]["key"] for item in listed["items"]] == ["city", "points", "age"]
        assert (listed["page"]["item_total"], listed["page"]["has_previous"]) == (3, False)
        named = (await fynd("GET", f"user_attribute/user/{JOHN}", name="AGE", type="number")).json
        assert [item["attribute"]["key"] for item in named["items"]] == ["age"]
        deleted = await fynd("DELETE", path)
        assert (deleted.status, deleted.json["success"]) == (200, "true")
        assert (await fynd("DELETE", path)).status == 404
        assert box.sandbox.check("fynd", "updateUserAttribute", [JOHN]).ok


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("number", 1.5, True),
        ("encrypted_number", 1, "1"),
        ("boolean", False, 0),
        ("string", "x", 5),
        ("string_array", ["x"], ["x", 1]),
        ("number_array", [1], "1"),
        ("store_uid_array", [1], 1),
        ("date", "2023-10-17", 20231017),
    ],
)
async def test_a_value_must_fit_its_definition(running, type_, good, bad):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        path = f"user_attribute/definition/{await fynd.definition('x', type_)}/user/{JOHN}"
        assert (await fynd("PUT", path, {"attribute": {"value": bad}})).status == 400
        assert (await fynd("PUT", path, {"attribute": {"value": good}})).status == 201
        state = (await box.send("GET", f"/_sandbox/state/fynd/users/{JOHN}")).json
        assert state["attributes"]["x"] == good


@pytest.mark.parametrize("body", [{}, {"attribute": {}}, {"attribute": "x"}, {"value": 1}, []])
async def test_an_attribute_without_a_value_is_refused(running, body):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        path = f"user_attribute/definition/{await fynd.definition('x')}/user/{JOHN}"
        assert (await fynd("PUT", path, body)).status == 400
        unknown = path.replace("definition/", "definition/0")
        assert (await fynd("PUT", unknown, {"attribute": {"value": "x"}})).status == 404


async def test_a_deleted_definition_takes_its_values_along(running):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        city = (await fynd("GET", "user_attribute/definition", slug="city")).json["items"][0]["_id"]
        await fynd("DELETE", f"user_attribute/definition/{city}")
        items = (await fynd("GET", f"user_attribute/user/{JOHN}")).json["items"]
        assert [item["attribute"]["key"] for item in items] == ["points"]


async def test_several_attributes_of_one_user_are_set_all_or_none_and_removed(running):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        one, two = await fynd.definition("one"), await fynd.definition("two", "number")
        path = f"user_attribute/user/{JOHN}"

        async def values():
            items = (await fynd("GET", path)).json["items"]
            return {item["attribute"]["key"]: item["attribute"]["value"] for item in items}

        before = await values()
        for second, status in (("x", 400), (None, 404)):
            rows = [
                {"definition_id": one, "value": "a"},
                {"definition_id": two if second else "unknown", "value": second},
            ]
            assert (await fynd("POST", path, {"attributes": rows})).status == status
            assert await values() == before
        rows = [{"definition_id": one, "value": "a"}, {"definition_id": two, "value": 2}]
        reply = await fynd("POST", path, {"attributes": rows})
        assert (reply.status, reply.json["success"]) == (200, True)
        assert [each["attribute"]["value"] for each in reply.json["attributes"]] == ["a", 2]
        assert await values() == {**before, "one": "a", "two": 2}
        assert (await fynd("DELETE", path, {"definition_ids": [one, "unknown"]})).status == 404
        assert (await values())["one"] == "a"
        reply = await fynd("DELETE", path, {"definition_ids": [one, two]})
        assert (reply.status, reply.json["success"]) == (200, "true")
        assert (await fynd("DELETE", path, {"definition_ids": [one]})).status == 200
        assert await values() == before
        assert (await fynd("POST", "user_attribute/user/nobody", {"attributes": rows})).status == 404
        assert (await fynd("DELETE", path, {"definition_ids": []})).status == 400
        assert (await fynd("POST", path, {"attributes": []})).status == 400


async def test_a_bulk_update_is_accepted_and_takes_effect_later(running):
    url = "https://files.example/bulk.csv"
    async with running(demo=True, delay={"fynd": 60}) as box:
        csv = "email\njohn.brown@example.com\nnobody@example.com\n"
        await box.send("POST", "/_sandbox/state/fynd", json={"files": {url: csv}})
        fynd = await make_fynd(box)
        body = {"file_url": url, "attributes": [{"key": "city", "value": "Pune"}]}
        reply = await fynd("PATCH", "user_attribute/bulk_update", body)
        assert (reply.status, reply.json["success"]) == (202, True)
        assert set(reply.json) == {"success", "message", "processing_type", "job_id", "status_code"}
        assert box.sandbox.fynd.users[JOHN].attributes
        state = f"/_sandbox/state/fynd/users/{JOHN}"
        assert (await box.send("GET", state)).json["attributes"]["city"] == "Mumbai"
        box.sandbox.advance(60)
        assert (await box.send("GET", state)).json["attributes"] == {"city": "Pune", "points": 40}
        for wrong in (
            {"file_url": url},
            {"attributes": body["attributes"]},
            {**body, "attributes": [{"key": "no such slug", "value": "x"}]},
            {**body, "attributes": [{"key": "city"}]},
        ):
            assert (await fynd("PATCH", "user_attribute/bulk_update", wrong)).status == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "BROWN"}, [JOHN]),
        ({"q": "99999"}, [JOHN]),
        ({"q": "64f2"}, [JOHN, "64f222222222222222222223", "64f222222222222222222224"]),
        ({"query": "+919999999999"}, [JOHN]),
        ({"query[]": "user@example.com"}, ["64f222222222222222222223"]),
        ({"query": "user@example"}, []),
    ],
)
async def test_users_are_searched(running, query, found):
    async with running(demo=True) as box:
        fynd = await make_fynd(box)
        reply = await fynd("GET", "customers/search", **query)
        assert [user["user_id"] for user in reply.json["users"]] == found
        assert (await fynd("GET", "customers/search")).status == 400


async def test_ids_in_a_path_are_decoded(running):
    async with running() as box:
        user_id = "a/b+c@example.com"
        await box.send("POST", "/_sandbox/state/fynd", json={"users": [user_id]})
        fynd = await make_fynd(box)
        definition = await fynd.definition("city")
        path = f"user_attribute/definition/{definition}/user/a%2Fb%2Bc%40example.com"
        headers = {"Authorization": f"Bearer {fynd.token}"}
        url = URL(f"{box.sandbox.url()}{USERS}/{path}", encoded=True)
        async with box.session.put(url, json={"attribute": {"value": "x"}}, headers=headers) as reply:
            assert (reply.status, (await reply.json())["user_id"]) == (201, user_id)
        assert box.sandbox.check("fynd", "updateUserAttribute", [user_id]).ok


async def test_faults_have_the_error_body(running):
    async with running(faults=["status=503,operation=getUserGroupTags", "poison=u1"], demo=True) as box:
        fynd = await make_fynd(box)
        reply = await fynd("GET", "user_group/tags")
        assert (reply.status, reply.json["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert set(reply.json) == ERROR_KEYS
        reply = await fynd("GET", "user_attribute/user/u1")
        assert (reply.status, set(reply.json)) == (400, ERROR_KEYS)


async def test_a_configured_limit_answers_429(running):
    async with running(limits={"fynd": SandboxLimits.rate(2, 60)}) as box:
        fynd = await make_fynd(box)
        statuses = [(await fynd("GET", "user_group/tags")).status for _ in range(3)]
        assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"user": []},
        {"users": [{"id": "a"}]},
        {"users": [5]},
        {"users": [{"user_id": "a", "attributes": {"city": "x"}}]},
        {"users": ["new"], "definitions": [{"slug": "a"}, {"slug": "a"}]},
        {"definitions": [{"slug": "a", "type": "colour"}]},
        {"groups": [{"name": "a", "members": "b"}]},
        {"files": {"https://files.example/a.csv": 5}},
        {"users": [{"user_id": "a", "phone_numbers": [{"phone": "1"}]}]},
    ],
)
async def test_a_wrong_seed_adds_nothing(running, document):
    async with running() as box:
        reply = await box.send("POST", "/_sandbox/state/fynd", json=document)
        assert reply.status == 400
        assert reply.json["error"].endswith(".")
        assert set(box.sandbox.fynd.counts().values()) == {0}


async def test_a_reset_forgets_state_and_tokens(running):
    async with running() as box:
        fynd = await make_fynd(box)
        await fynd.definition("city")
        await box.send("POST", "/_sandbox/reset")
        assert (await fynd("GET", "user_group/tags")).status == 401
        assert box.sandbox.fynd.definitions == {}


@pytest.mark.parametrize("vendor", ["netmera", "clevertap", "fynd"])
async def test_every_rule_names_a_public_page_and_where_we_have_it_from(running, vendor):
    async with running() as box:
        rules = box.sandbox.vendor(vendor).rules
        assert len({rule.text for rule in rules}) == len(rules)
        for rule in rules:
            assert rule.provenance in ("documented", "reported", "assumed")
            assert rule.url.startswith("https://")
            assert rule.text.endswith((".", "}.", '".'))


async def test_every_path_and_method_is_that_of_the_documents(running):
    """A typing error in a path would serve nobody, so the table is written a second time."""
    prefix = "/service/platform/user/v1.0/company/{company_id}/application/{application_id}/"
    expected = """
        GET user_attribute/definition
        POST user_attribute/definition
        GET user_attribute/definition/{definition_id}
        PUT user_attribute/definition/{definition_id}
        DELETE user_attribute/definition/{definition_id}
        PATCH user_attribute/bulk_update
        GET user_attribute/user/{user_id}
        POST user_attribute/user/{user_id}
        DELETE user_attribute/user/{user_id}
        GET user_attribute/definition/{definition_id}/user/{user_id}
        PUT user_attribute/definition/{definition_id}/user/{user_id}
        DELETE user_attribute/definition/{definition_id}/user/{user_id}
        GET user_group/tags
        GET user_group/categories
        GET user_group/categorised
        GET user_group
        POST user_group
        GET user_group/{group_id}
        PATCH user_group/{group_id}
        DELETE user_group/{group_id}
        GET user_group/{group_id}/users
        POST user_group/{group_id}/refresh
        POST user_attribute/users
        GET user_attribute/attribute/{attribute_id}
        PUT user_group/{group_id}
        POST customers
        PUT customers/{user_id}
        PUT customers/activation
        PUT customers/archive
        PUT customers/undelete
        GET customers/sessions
        DELETE customers/sessions
        DELETE customers/session
        GET customers/search
        GET customers/list
        GET customers/{user_id}/timeline
        POST users/jobs/import
        GET users/jobs/import
        POST users/jobs/export
        GET users/jobs/export
        GET users/jobs/{job_id}
    """
    async with running() as box:
        token, *others = box.sandbox.fynd.operations
        path = "/service/panel/authentication/v1.0/company/{company_id}/oauth/token"
        assert (token.method, token.path, token.public) == ("POST", path, True)
        served = {f"{each.method} {each.path.removeprefix(prefix)}" for each in others}
        assert served == {line.strip() for line in expected.strip().splitlines()}
        assert not any(each.public for each in others)
