"""Iterable's calls about one user: each does what its page says, and is read back."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from asking_iterable import DEVICE, JOHN, read, send

pytestmark = pytest.mark.asyncio

SUCCESS = {"code": "Success", "msg": "", "params": None}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("null", {"code": "Success", "msg": "", "params": None}),
        ("absent", {"code": "Success", "msg": ""}),
        ("filled", {"code": "Success", "msg": "", "params": {"info": "accepted"}}),
    ],
)
async def test_the_params_of_a_success_are_null_absent_or_filled(running, params, expected):
    async with running() as box:
        box.sandbox.iterable.manners.params = params
        assert (await send(box, "users/update", {"email": "a@b.c"})).json == expected


async def test_an_update_keeps_what_it_leaves_out_and_merges_only_when_asked(running):
    async with running(demo=True) as box:

        async def update(fields, **flags):
            body = {"email": JOHN.upper(), "dataFields": fields, **flags}
            assert (await send(box, "users/update", body)).json == SUCCESS
            return (await read(box, email=JOHN))["dataFields"]

        fields = await update({"mySettings": {"email": True}}, mergeNestedObjects=True)
        assert fields["mySettings"] == {"mobile": True, "email": True}
        fields = await update({"mySettings": {"email": True}})
        assert fields["mySettings"] == {"email": True}
        assert fields["name"] == "John"
        fields = await update({"unknown": 1}, createNewFields=False)
        assert "unknown" not in fields


@pytest.mark.parametrize(
    ("project", "winner"),
    [("email", {"email": "a@b.c"}), ("userId", {"userId": "u"}), ("hybrid", {"userId": "u"})],
)
async def test_of_two_identifiers_the_projects_own_decides_and_the_other_is_attached(
    running, project, winner
):
    async with running() as box:
        box.sandbox.iterable.project = project
        assert (await send(box, "users/update", {**winner, "preferUserId": True})).status == 200
        body = {"email": "a@b.c", "userId": "u", "dataFields": {"n": 1}}
        assert (await send(box, "users/update", body)).status == 200
        assert box.sandbox.iterable.count() == 1
        user = await read(box, userId="u")
        assert user == {"email": "a@b.c", "userId": "u", "dataFields": {"n": 1}}
        assert box.sandbox.ledger.applied["iterable", "update"][next(iter(winner.values()))] == 2


async def test_user_ids_are_case_sensitive_and_emails_are_not(running):
    async with running() as box:
        for body in ({"userId": "a"}, {"userId": "A"}, {"email": "X@b.c"}, {"email": "x@B.c"}):
            assert (await send(box, "users/update", body)).status == 200
        assert box.sandbox.iterable.count() == 3
        assert await read(box, userId="b") is None


async def test_prefer_user_id_makes_a_placeholder_in_an_email_based_project(running):
    async with running() as box:
        box.sandbox.iterable.project = "email"
        for _ in range(2):
            reply = await send(box, "users/update", {"userId": "Ann", "preferUserId": True})
            assert reply.json == SUCCESS
        assert (await read(box, userId="Ann"))["email"] == "ann@placeholder.email"
        assert box.sandbox.iterable.count() == 1


async def test_a_user_appears_only_after_the_delay_and_a_device_at_once(running):
    async with running(delay={"iterable": 60.0}) as box:
        assert (await send(box, "users/update", {"email": "a@b.c"})).json == SUCCESS
        box.sandbox.advance(30)
        assert await read(box, email="a@b.c") is None
        assert (
            await send(box, "users/registerDeviceToken", {"device": DEVICE, "email": "d@b.c"})
        ).status == 200
        assert (await read(box, email="d@b.c"))["dataFields"]["devices"][0]["token"] == "t"
        box.sandbox.advance(30)
        assert await read(box, email="a@b.c") == {"email": "a@b.c", "dataFields": {}}


async def test_a_deletion_shows_after_the_delay_and_does_not_prevent_a_new_user(running):
    async with running(delay={"iterable": 60.0}, demo=True) as box:
        assert (await send(box, f"users/{JOHN}", None, "DELETE")).json == SUCCESS
        assert await read(box, email=JOHN) is not None
        box.sandbox.advance(60)
        assert await read(box, email=JOHN) is None
        assert box.sandbox.iterable.counts()["users"] == 1
        await send(box, "users/update", {"email": JOHN})
        box.sandbox.advance(60)
        assert await read(box, email=JOHN) == {"email": JOHN, "dataFields": {}}


@pytest.mark.parametrize("email", ["a/b+c@example.com", "ü%2F@example.com", JOHN.upper()])
async def test_an_email_in_the_path_is_decoded(running, email):
    async with running() as box:
        assert (await send(box, "users/update", {"email": email})).status == 200
        from_path = await send(box, f"users/{quote(email, safe='')}", None, "DELETE")
        assert from_path.json == SUCCESS
        assert box.sandbox.iterable.count() == 0
        assert box.sandbox.check("iterable", "delete", [email]).ok


async def test_deleting_by_user_id_takes_all_who_share_it(running):
    async with running() as box:
        box.sandbox.iterable.seed(
            {
                "users": [{"email": "a@b.c", "userId": "s"}, {"email": "c@b.c", "userId": "s"}],
                "project": "email",
            }
        )
        reply = await send(box, "users/byUserId/s", None, "DELETE")
        assert reply.json["msg"] == "All users associated with s were successfully deleted"
        assert box.sandbox.iterable.count() == 0
        reply = await send(box, "users/byUserId/s", None, "DELETE")
        assert (reply.status, reply.json["code"]) == (404, "error.users.noUserWithIdExists")
        reply = await send(box, "users/a@b.c", None, "DELETE")
        assert (reply.status, reply.json["code"]) == (404, "NotFound")


async def test_a_token_is_disabled_where_it_is_asked_for(running):
    async with running() as box:
        for email in ("a@b.c", "c@b.c", "e@b.c"):
            reply = await send(box, "users/registerDeviceToken", {"device": DEVICE, "email": email})
            assert reply.json == SUCCESS

        async def enabled():
            devices = box.sandbox.iterable.look("devices", "t")
            return {device["email"] for device in devices if device["endpointEnabled"]}

        for body in ({"email": "A@B.c"}, {"email": "nobody@b.c"}, {"email": "c@b.c", "userId": "other"}):
            assert (await send(box, "users/disableDevice", {"token": "t", **body})).json == SUCCESS
        assert await enabled() == {"c@b.c", "e@b.c"}
        assert (await send(box, "users/disableDevice", {"token": "t"})).json == SUCCESS
        assert await enabled() == set()
        again = {"device": {**DEVICE, "dataFields": {"model": "x"}}, "email": "e@b.c"}
        await send(box, "users/registerDeviceToken", again)
        assert await enabled() == {"e@b.c"}
        assert (await read(box, email="e@b.c"))["dataFields"]["devices"] == [
            {**DEVICE, "endpointEnabled": True, "dataFields": {"model": "x"}}
        ]


async def test_a_profile_holds_500_devices(running):
    async with running() as box:
        users = [{"email": "a@b.c", "devices": [{**DEVICE, "token": str(number)} for number in range(500)]}]
        box.sandbox.iterable.seed({"users": users})
        reply = await send(box, "users/registerDeviceToken", {"device": DEVICE, "email": "a@b.c"})
        assert (reply.status, reply.json["code"]) == (400, "BadParams")
        again = {"device": {**DEVICE, "token": "499"}, "email": "a@b.c"}
        assert (await send(box, "users/registerDeviceToken", again)).status == 200
        assert len((await read(box, email="a@b.c"))["dataFields"]["devices"]) == 500


async def test_a_forgotten_user_is_refused_under_both_identifiers(running):
    async with running(demo=True) as box:
        assert (await send(box, "users/forget", {"email": JOHN})).json == SUCCESS
        assert await read(box, email=JOHN) is None
        for body in ({"email": JOHN}, {"userId": "id1"}):
            assert (await send(box, "users/update", body)).json["code"] == "ForgottenUserError"
        assert (await send(box, "users/forget", {"email": JOHN})).json == SUCCESS


async def test_who_is_forgotten_before_an_update_is_stored_does_not_come_back(running):
    async with running(delay={"iterable": 60.0}) as box:
        rows = [{"email": "a@b.c", "eventName": "x"}]
        for route, body in (
            ("users/update", {"email": "a@b.c", "userId": "u"}),
            ("users/bulkUpdate", {"users": rows}),
            ("users/bulkUpdateSubscriptions", {"updateSubscriptionsRequests": rows}),
            ("events/trackBulk", {"events": rows}),
            ("users/forget", {"email": "a@b.c"}),
        ):
            assert (await send(box, route, body)).status == 200
        assert box.sandbox.pending()["iterable"] == 5
        box.sandbox.advance(60)
        counts = {"users": 0, "devices": 0, "events": 0, "fields": 0, "forgotten": 1}
        assert box.sandbox.iterable.counts() == counts
        assert box.sandbox.iterable.look("forgotten", "A@b.c") == {"forgotten": True}


async def test_an_email_is_replaced(running):
    async with running(demo=True) as box:
        box.sandbox.iterable.project = "email"
        body = {"currentEmail": JOHN.upper(), "currentUserId": "ignored", "newEmail": "New@b.c"}
        assert (await send(box, "users/updateEmail", body)).json == SUCCESS
        assert await read(box, email=JOHN) is None
        assert (await read(box, email="new@b.c"))["userId"] == "id1"


async def test_every_rule_names_a_public_page(running):
    async with running() as box:
        for rule in (*box.sandbox.iterable.rules, *box.sandbox.moengage.rules):
            assert rule.url.startswith("https://")
            assert rule.provenance in ("documented", "reported", "assumed")
            assert rule.text.endswith(".")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"users": [{}]},
        {"users": [{"email": "foo@"}]},
        {"users": [{"email": "a@b.c", "extra": 1}]},
        {"users": [{"email": "a@b.c", "devices": [{"token": "t"}]}]},
        {"users": ["a@b.c"]},
        {"project": "both"},
        {"lists": ["1"]},
        {"answers": {"style": "old"}},
        {"answers": {"failCount": "0"}},
        {"answers": {"colour": 1}},
        {"other": []},
    ],
)
async def test_a_seed_that_is_not_understood_is_refused_with_a_sentence(running, document):
    async with running() as box:
        reply = await box.send("POST", "/_sandbox/state/iterable", json=document)
        assert reply.status == 400
        assert reply.json["error"].endswith(".")
        assert box.sandbox.iterable.count() == 0


async def test_a_seed_adds_users_and_settings_that_outlive_a_reset(running):
    async with running() as box:
        document = {
            "users": [{"email": "A@b.c", "dataFields": {"n": 1}, "devices": [DEVICE], "lists": [3]}],
            "createNewFields": False,
            "answers": {"params": "absent", "failCount": None},
        }
        reply = await box.send("POST", "/_sandbox/state/iterable", json=document)
        assert reply.json == {"users": 1, "devices": 1, "events": 0, "fields": 1, "forgotten": 0}
        body = {"email": "a@b.c", "dataFields": {"n": 2, "new": 1}}
        assert (await send(box, "users/update", body)).json == {"code": "Success", "msg": ""}
        fields = (await read(box, email="a@b.c"))["dataFields"]
        assert fields == {"n": 2, "devices": [{**DEVICE, "endpointEnabled": True}], "emailListIds": [3]}
        box.sandbox.reset()
        assert box.sandbox.iterable.counts()["users"] == 0
        assert (await send(box, "users/update", body)).json == {"code": "Success", "msg": ""}
        assert (await read(box, email="a@b.c"))["dataFields"] == {}
        with pytest.raises(ValueError, match="was forgotten"):
            box.sandbox.iterable.seed({"forgotten": ["f@b.c"], "users": [{"email": "f@b.c"}]})


@pytest.mark.parametrize("collection", ["users", "devices", "lists", "events", "forgotten", "other"])
async def test_looking_for_what_is_not_there_gives_404(running, collection):
    async with running(demo=True) as box:
        reply = await box.send("GET", f"/_sandbox/state/iterable/{collection}/99")
        assert reply.status == 404
