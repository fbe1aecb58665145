"""What Iterable refuses: by its documents, by its limits, and by a fault."""

from __future__ import annotations

import re

import pytest
from asking_iterable import DEVICE, JOHN, read, send

from netaudience.sandbox import Credentials

pytestmark = pytest.mark.asyncio

#: What each body does to the settings it needs, its HTTP status and code, and a part of its msg.
REFUSED = [
    ("users/update", {}, {"email": ""}, 400, "InvalidEmailAddressError", "Invalid email: "),
    ("users/update", {}, {"email": "foo@"}, 400, "InvalidEmailAddressError", "Invalid email: foo@"),
    ("users/update", {}, {"dataFields": {}}, 400, "BadParams", ""),
    ("users/update", {}, {"userId": "x" * 53}, 400, "InvalidUserIdError", ""),
    ("users/update", {}, {"userId": ""}, 400, "InvalidUserIdError", ""),
    ("users/update", {}, {"userId": "ü"}, 400, "InvalidUserIdError", ""),
    ("users/update", {}, {"userId": "a\n"}, 400, "InvalidUserIdError", ""),
    ("users/update", {}, {"userId": "a "}, 400, "InvalidUserIdError", ""),
    ("users/update", {"project": "email"}, {"userId": "new"}, 400, "UnknownUserIdError", ""),
    ("users/update", {"forgotten": ["a@b.c"]}, {"email": "A@B.c"}, 409, "ForgottenUserError", ""),
    ("users/update", {"forgotten": ["U"]}, {"userId": "U"}, 409, "ForgottenUserError", ""),
    ("users/update", {}, {"email": "user@example.com", "userId": "id1"}, 409, "ExternalKeyConflict", ""),
    ("users/update", {}, {"email": JOHN, "userId": "id2"}, 409, "ExternalKeyConflict", ""),
    ("users/update", {}, {"email": JOHN, "dataFields": {"name": 5}}, 400, "RequestFieldsTypesMismatched", ""),
    ("users/update", {}, {"email": 5}, 400, "BadJsonBody", "[/api/users/update] Invalid JSON body"),
    ("users/update", {}, [], 400, "BadJsonBody", ""),
    ("users/registerDeviceToken", {}, {"email": "a@b.c"}, 400, "BadJsonBody", ""),
    ("users/registerDeviceToken", {}, {"device": DEVICE}, 400, "BadParams", ""),
    (
        "users/registerDeviceToken",
        {},
        {"device": DEVICE, "email": "a@b.c", "userId": "u"},
        400,
        "BadParams",
        "not both",
    ),
    (
        "users/registerDeviceToken",
        {},
        {"device": {**DEVICE, "platform": "FCM"}, "email": "a@b.c"},
        400,
        "BadParams",
        "GCM",
    ),
    (
        "users/registerDeviceToken",
        {},
        {"device": {**DEVICE, "token": ""}, "email": "a@b.c"},
        500,
        "GenericError",
        "Unable to register token to user Some(a@b.c)",
    ),
    (
        "users/registerDeviceToken",
        {"forgotten": ["u"]},
        {"device": DEVICE, "userId": "u"},
        409,
        "ForgottenUserError",
        "",
    ),
    ("users/disableDevice", {}, {"token": None}, 400, "BadJsonBody", ""),
    ("users/disableDevice", {}, {"token": "t", "email": "foo@"}, 400, "InvalidEmailAddressError", ""),
    ("users/forget", {}, {}, 400, "BadParams", ""),
    ("users/forget", {"project": "email"}, {"userId": "id1"}, 400, "BadParams", "email"),
    ("users/forget", {"project": "userId"}, {"email": JOHN}, 400, "BadParams", "userId"),
    ("users/updateEmail", {}, {"currentEmail": JOHN, "newEmail": "n@b.c"}, 400, "BadParams", "email-based"),
    (
        "users/updateEmail",
        {"project": "email"},
        {"currentEmail": "foo@", "newEmail": "n@b.c"},
        400,
        "InvalidEmailAddressError",
        "Invalid currentEmail foo@",
    ),
    (
        "users/updateEmail",
        {"project": "email"},
        {"currentEmail": JOHN, "newEmail": "foo@"},
        400,
        "InvalidEmailAddressError",
        "Invalid newEmail foo@",
    ),
    (
        "users/updateEmail",
        {"project": "email"},
        {"currentEmail": "no@b.c", "newEmail": "n@b.c"},
        400,
        "UnknownEmailError",
        "",
    ),
    (
        "users/updateEmail",
        {"project": "email"},
        {"currentUserId": "no", "newEmail": "n@b.c"},
        400,
        "UnknownUserIdError",
        "",
    ),
    (
        "users/updateEmail",
        {"project": "email"},
        {"currentEmail": JOHN, "newEmail": "USER@example.com"},
        409,
        "EmailAlreadyExists",
        "",
    ),
    (
        "users/updateEmail",
        {"project": "email", "forgotten": ["gone@b.c"]},
        {"currentEmail": JOHN, "newEmail": "gone@b.c"},
        409,
        "ForgottenUserError",
        "",
    ),
]


@pytest.mark.parametrize(("route", "seed", "body", "status", "code", "message"), REFUSED)
async def test_a_refused_call_names_its_code_and_changes_nothing(
    running, route, seed, body, status, code, message
):
    async with running(demo=True) as box:
        iterable = box.sandbox.iterable
        if seed:
            iterable.seed(seed)
        before = [profile.to_json() for profile in iterable.profiles()], dict(iterable.schema)
        reply = await send(box, route, body)
        assert (reply.status, reply.json["code"]) == (status, code), reply.body
        assert set(reply.json) == {"code", "msg", "params"}
        assert message in reply.json["msg"]
        assert ([profile.to_json() for profile in iterable.profiles()], dict(iterable.schema)) == before
        assert not any(box.sandbox.ledger.applied.values())


async def test_every_operation_wants_the_key_and_says_so_with_ip_and_endpoint(running):
    async with running(credentials=Credentials(iterable_keys=frozenset({"right", "other"}))) as box:
        for operation in box.sandbox.iterable.operations:
            if operation.public:
                continue
            path = re.sub(r"\{\w+\}", "1", operation.path)
            for headers in ({}, {"Api-Key": "wrong"}):
                reply = await box.send(operation.method, f"/iterable{path}", headers=headers)
                assert (reply.status, reply.json["code"]) == (401, "BadApiKey"), path
                assert set(reply.json["params"]) == {"ip", "endpoint"}
                assert reply.json["params"]["endpoint"] == path
        reply = await box.send(
            "POST", "/iterable/api/users/update", json={"email": "a@b.c"}, headers={"Api_Key": "other"}
        )
        assert reply.status == 200


async def test_a_changed_type_names_the_field_and_the_offending_value(running):
    async with running(demo=True) as box:
        body = {"email": JOHN, "dataFields": {"name": 5, "age": 1, "nothing": None}}
        reply = await send(box, "users/update", body)
        errors = reply.json["params"]["validationErrors"]
        assert list(errors) == ["name"]
        assert errors["name"]["offendingValue"] == 5
        assert set(errors["name"]) == {
            "incomingTypes",
            "expectedType",
            "category",
            "offendingValue",
            "_type",
        }


async def test_a_full_schema_is_refused(running):
    async with running() as box:
        fields = {f"f{number}": 1 for number in range(1000)}
        assert (await send(box, "users/update", {"email": "a@b.c", "dataFields": fields})).status == 200
        for route, body in (
            ("users/update", {"email": "a@b.c", "dataFields": {"one more": 1}}),
            ("users/bulkUpdate", {"users": [{"email": "a@b.c", "dataFields": {"one more": 1}}]}),
        ):
            reply = await send(box, route, body)
            assert (reply.status, reply.json["code"]) == (400, "UniqueFieldsLimitExceeded")
        assert "one more" not in (await read(box, email="a@b.c"))["dataFields"]


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("getByEmail?email=foo@", "InvalidEmailAddressError"),
        ("getByEmail", "InvalidEmailAddressError"),
        ("byUserId", "BadParams"),
    ],
)
async def test_a_read_without_a_proper_identifier_is_refused(running, route, code):
    async with running() as box:
        reply = await send(box, f"users/{route}", None, "GET")
        assert (reply.status, reply.json["code"]) == (400, code)


async def test_the_limits_are_those_of_the_specification(running):
    async with running() as box:
        iterable = box.sandbox.iterable
        windows = {
            operation.name: [(window.count, window.seconds) for window in operation.limits.windows]
            for operation in iterable.operations
            if operation.limits is not None
        }
        assert windows == {
            "update": [(500, 1)],
            "registerDeviceToken": [(500, 1)],
            "bulkUpdate": [(5, 1)],
            "trackEvent": [(2000, 1)],
            "trackBulk": [(10, 1)],
            "forget": [(3, 1), (1000, 86_400)],
            "delete": [(100, 1)],
            "deleteByUserId": [(100, 1)],
            "getByEmail": [(100, 1)],
            "byUserId": [(100, 1)],
            "unforget": [(3, 1), (1000, 86_400)],
            "merge": [(50, 1)],
            **{name: [(1, 1)] for name in ("startExport", "getExportFiles", "cancelExport")},
            **{name: [(100, 1)] for name in ("getLists", "getChannels", "getMessageTypes")},
            **{name: [(3, 1)] for name in ("getFields", "getSentMessages", "forgotten", "forgottenUserIds")},
            **{name: [(5, 60)] for name in ("getListUsers", "previewListUsers", "getListSize")},
        }


@pytest.mark.parametrize(
    ("route", "body", "count"),
    [
        ("users/forget", {"userId": "u"}, 3),
        ("users/bulkUpdate", {"users": [{"userId": "u"}]}, 5),
        ("events/trackBulk", {"events": []}, 10),
    ],
)
async def test_one_request_more_than_the_rate_answers_429(running, monkeypatch, route, body, count):
    async with running() as box:
        moment = [0.0]
        monkeypatch.setattr(box.sandbox.clock, "now", lambda: moment[0])
        statuses = [(await send(box, route, body)).status for _ in range(count)]
        assert statuses == [200] * count
        reply = await send(box, route, body)
        assert reply.status == 429
        assert reply.json == {
            "code": "RateLimitExceeded",
            "msg": f"Exceeded rate limit for endpoint: /api/{route}, project: 1",
            "params": {},
        }
        assert (await send(box, "users/update", {"userId": "other"})).status == 200
        moment[0] = 1.0
        assert (await send(box, route, body)).status == 200


async def test_forget_takes_1000_in_24_hours(running):
    async with running() as box:

        async def forget(number):
            box.sandbox.advance(1)
            return (await send(box, "users/forget", {"userId": f"u{number}"})).status

        statuses = [await forget(number) for number in range(1001)]
        assert statuses == [*([200] * 1000), 429]
        box.sandbox.advance(86_400)
        assert await forget(1001) == 200


async def test_a_fault_answers_in_the_vendors_shape_and_its_code_may_lie(running):
    async with running() as box:
        for fault, expected in {
            "status=400": (400, "BadParams"),
            "status=400,code=0": (400, "Success"),
            "status=401": (401, "BadApiKey"),
            "status=403": (403, "Forbidden"),
            "status=413": (413, "BatchTooLarge"),
            "status=429": (429, "RateLimitExceeded"),
            "status=500": (500, "GenericError"),
            "poison=u": (400, "BadJsonBody"),
        }.items():
            box.sandbox.set_faults([fault])
            reply = await send(box, "users/update", {"userId": "u"})
            assert (reply.status, reply.json["code"]) == expected
        box.sandbox.set_faults(["status=503"])
        assert (await send(box, "users/update", {"userId": "u"})).body == b"503 Service Unavailable"
        assert box.sandbox.iterable.count() == 0
