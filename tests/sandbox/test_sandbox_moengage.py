"""MoEngage's routes: accepted without proof, stored later, and read back by the export."""

from __future__ import annotations

import os
import time
from pathlib import Path

import orjson
import pytest
from asking_moengage import ACCEPTED, CUSTOMER, DEVICE, EVENT, authorization, export, post, stored

from netaudience.sandbox.moengage import MoEngage

pytestmark = pytest.mark.asyncio

#: Not ours, and not in the project: the examples of the vendor's own documents.
CASES = os.environ.get("NETAUDIENCE_CASES")
DAY = 86_400


async def test_a_merge_that_another_one_overtook_does_nothing(running):
    async with running(demo=True, delay={"moengage": 60.0}) as box:
        pairs = {"merge_data": [{"merged_user": "id1", "retained_user": "id2"}]}
        for _ in range(2):
            assert (await post(box, "customer/merge", pairs)).status == 200
        box.sandbox.advance(60)
        assert (await stored(box, "id2"))["points"] == 20
        assert box.sandbox.moengage.counts()["users"] == 1


async def test_a_profile_appears_only_after_the_delay(running):
    async with running(delay={"moengage": 120.0}) as box:
        body = {**CUSTOMER, "attributes": {"points": 20}}
        assert (await post(box, "customer", body)).json == ACCEPTED
        box.sandbox.advance(60)
        assert await export(box, "id1") == {"users": [], "users_not_found": ["id1"]}
        box.sandbox.advance(60)
        assert await stored(box, "id1") == {"customer_id": "id1", "points": 20}


async def test_a_customer_is_updated_by_the_rules_of_its_attributes(running):
    async with running() as box:

        async def write(**attributes):
            assert (await post(box, "customer", {**CUSTOMER, "attributes": attributes})).json == ACCEPTED
            found = await stored(box, "id1")
            return {name: value for name, value in found.items() if name != "customer_id"}

        assert await write(a=1, cr_t=1) == {"a": 1, "cr_t": 1}
        assert await write(b=[1], cr_t=2) == {"a": 1, "b": [1], "cr_t": 1}
        added = await write(addValueToArrayField={"b": [1, 2], "c": ["x"]})
        assert added == {"a": 1, "b": [1, 2], "c": ["x"], "cr_t": 1}
        removed = await write(removeValueFromArrayField={"b": [1], "none": [1]})
        assert removed == {"a": 1, "b": [2], "c": ["x"], "cr_t": 1}
        platforms = [{"platform": "web", "active": "false"}]
        assert (await write(platforms=platforms))["platforms"] == platforms
        # An empty array unsets, several types and reserved names are not taken.
        assert "b" not in await write(b=[], d=["a", 1], user_id="x", MOE_GAID="y")
        assert {"d", "user_id", "MOE_GAID"}.isdisjoint(await stored(box, "id1"))


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"type": "equals", "attr": "Temp_a"}, {"Temp_b", "points", "x_temp"}),
        ({"type": "equals", "attr": "temp_a"}, {"Temp_a", "Temp_b", "points", "x_temp"}),
        ({"type": "prefix", "attr": "temp_", "case_sensitive": False}, {"points", "x_temp"}),
        ({"type": "suffix", "attr": "temp"}, {"Temp_a", "Temp_b", "points"}),
        ({"type": "contains", "attr": "emp"}, {"points"}),
    ],
)
async def test_unsetting_wins_over_setting_where_the_workspace_has_it(running, rule, left):
    attributes = {"Temp_a": 1, "Temp_b": 2, "points": 3, "x_temp": 4}
    body = {**CUSTOMER, "attributes": attributes, "unset_attributes": [rule]}
    async with running() as box:
        assert (await post(box, "customer", body)).json == ACCEPTED
        assert set(attributes) <= set(await stored(box, "id1"))
        box.sandbox.moengage.seed({"unset_attributes": True})
        assert (await post(box, "transition", {"type": "transition", "elements": [body]})).json == ACCEPTED
        assert set(await stored(box, "id1")) == {*left, "customer_id"}


async def test_a_device_keeps_what_is_documented_and_takes_its_token_from_another(running):
    async with running(demo=True) as box:
        attributes = {"platform": "ANDROID", "push_id": "token-1", "idfv": "i", "moe_gaid": "g", "custom": 1}
        await post(box, "device", {**DEVICE, "customer_id": "id2", "attributes": attributes})
        devices = {name: box.sandbox.moengage.look("users", name)["devices"] for name in ("id1", "id2")}
        assert devices["id1"] == {}
        assert devices["id2"]["d1"] == {
            "platform": "ANDROID", "push_id": "token-1", "moe_gaid": "g", "blocked": False
        }  # fmt: skip


async def test_every_answer_of_a_limited_route_tells_its_window(running):
    async with running() as box:
        reply = await post(box, "devices/manage", {})
        told = {name: int(reply.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")}
        assert reply.status == 400
        assert told == {"limit": 1000, "remaining": 999, "reset": 60}
        box.sandbox.advance(59)
        again = await post(box, "devices/manage", {})
        assert again.headers["x-ratelimit-remaining"] == "998"
        assert "x-ratelimit-limit" not in (await post(box, "transition", {})).headers


async def test_what_the_policy_forbids_is_cut_or_dropped_without_a_word(running):
    async with running() as box:
        attributes = {
            "id": 1,
            "_id": 1,
            "": 1,
            "object": {"a": 1},
            "link": "https://example.com/" + "x" * 512,
            "text": "x" * 600,
            "n" * 300: 1,
            "many": list(range(60)),
        }
        assert (await post(box, "customer", {**CUSTOMER, "attributes": attributes})).json == ACCEPTED
        assert await stored(box, "id1") == {
            "customer_id": "id1",
            "text": "x" * 512,
            "n" * 200: 1,
            "many": list(range(50)),
        }
        attributes = {f"a{number}": 1 for number in range(300)}
        assert (await post(box, "customer", {**CUSTOMER, "attributes": attributes})).json == ACCEPTED
        assert len(await stored(box, "id1")) == 1 + 256


async def test_update_existing_only_never_creates(running):
    async with running(demo=True) as box:
        for customer_id in ("id1", "new"):
            body = {**CUSTOMER, "customer_id": customer_id, "update_existing_only": True}
            reply = await post(box, "customer", {**body, "attributes": {"points": 21}})
            assert reply.json == ACCEPTED
        assert (await stored(box, "id1"))["points"] == 21
        assert await stored(box, "new") is None


async def test_identity_resolution_takes_an_identifier_instead_of_the_id(running):
    async with running() as box:
        box.sandbox.moengage.seed({"identifiers": ["moe_mobile"]})
        for attributes in ({"moe_mobile": "9188", "a": 1}, {"moe_mobile": "9188", "b": 2}):
            reply = await post(box, "customer", {"type": "customer", "attributes": attributes})
            assert reply.json == ACCEPTED
        found = (await export(box, "9188", kind="moe_mobile"))["users"]
        assert found == [{"user_attributes": {"customer_id": "9188", "moe_mobile": "9188", "a": 1, "b": 2}}]
        reply = await post(box, "customer", {"type": "customer", "attributes": {"a": 1}})
        assert reply.json["error"]["attribute"] == "customer_id"
        pairs = {"merge_data": [{"merged_user": "9188", "retained_user": "id1"}]}
        assert (await post(box, "customer/merge", pairs)).status == 400


async def test_a_device_needs_its_user_and_is_blocked_alone_or_with_all(running):
    async with running(demo=True) as box:
        for device in (DEVICE, {**DEVICE, "customer_id": "nobody"}):
            assert (await post(box, "device", device)).json == ACCEPTED
        assert await stored(box, "nobody") is None

        async def blocked(action, **more):
            body = {
                "user_identifier_type": "customer_id",
                "user_identifier_value": "id1",
                "action_type": action,
                **more,
            }
            assert (await post(box, "devices/manage", body)).json == ACCEPTED
            devices = box.sandbox.moengage.look("users", "id1")["devices"]
            return {name for name, device in devices.items() if device["blocked"]}

        assert set(box.sandbox.moengage.look("users", "id1")["devices"]) == {"device-1", "d1"}
        assert await blocked("block", device_identifiers=["d1", "unknown"]) == {"d1"}
        assert await blocked("block") == {"d1", "device-1"}
        assert await blocked("unblock", device_identifiers=[{"id": "d1"}]) == {"device-1"}
        assert await blocked("unblock") == set()


async def test_events_are_kept_in_their_order_and_may_be_of_now(running):
    async with running() as box:
        moments = ["2020-05-31T16:33:35Z", "1708939453396", int(time.time() * 1000), "yesterday", None]
        actions = [{"action": f"a{number}", "current_time": each} for number, each in enumerate(moments)]
        assert (await post(box, "event", {**EVENT, "actions": actions})).json == ACCEPTED
        assert box.sandbox.moengage.look("events", "id1") == actions


async def test_a_bulk_body_is_applied_in_its_order(running):
    async with running() as box:
        elements = [
            {**CUSTOMER, "attributes": {"a": 1}},
            DEVICE,
            EVENT,
            {**CUSTOMER, "attributes": {"a": 2}},
        ]
        reply = await post(box, "transition", {"type": "transition", "elements": elements})
        assert reply.json == ACCEPTED
        assert (await stored(box, "id1"))["a"] == 2
        assert box.sandbox.moengage.counts() == {
            "users": 1,
            "devices": 1,
            "events": 1,
            "attributes": 1,
            "cohorts": 0,
            "erasures": 0,
            "segments": 0,
        }
        assert box.sandbox.check("moengage", "transition", ["id1"])["applied"].ok
        box.sandbox.set_faults(["blame=id1"])
        reply = await post(box, "transition", {"type": "transition", "elements": elements})
        assert (reply.status, reply.json["error"]["type"]) == (400, "AttributeError")


async def test_a_deleted_user_goes_24_hours_later_on_the_clock(running):
    async with running(demo=True) as box:
        body = {"identity_type": "customer_id", "identity_value": "id1"}
        for _ in range(2):
            assert (await post(box, "customer/delete", body)).json == ACCEPTED
        box.sandbox.advance(DAY - 60)
        assert (await post(box, "customer", CUSTOMER)).json == ACCEPTED
        assert await stored(box, "id1") is not None
        box.sandbox.advance(60)
        assert await stored(box, "id1") is None
        assert (await post(box, "customer/delete", body)).json["error"]["type"] == "Not Found"
        assert box.sandbox.moengage.counts()["users"] == 1


async def test_a_user_is_found_by_any_identifier(running):
    async with running(demo=True) as box:
        moengage_id = box.sandbox.moengage.customers["id1"].moengage_id
        for kind, identifier in (
            ("customer_id", "id1"),
            ("id", "id1"),
            ("moengage_id", moengage_id),
            ("u_em", "john.brown@example.com"),
        ):
            data = await export(box, identifier, "nobody", kind=kind, user_fields_to_export=["u_fn"])
            assert data == {"users": [{"user_attributes": {"u_fn": "John"}}], "users_not_found": ["nobody"]}


async def test_merging_skips_the_pairs_that_fail(running):
    async with running(demo=True) as box:
        pairs = [
            {"merged_user": "nobody", "retained_user": "id1"},
            {"merged_user": "id1", "retained_user": "id1"},
            {"merged_user": "id1", "retained_user": "id2"},
            {"merged_user": "id2", "retained_user": "id1"},
        ]
        reply = await post(box, "customer/merge", {"merge_data": pairs})
        assert reply.json == {"status": "success", "operation": "created"}
        assert await stored(box, "id1") is None
        retained = await stored(box, "id2")
        assert (retained["u_fn"], retained["points"]) == ("Ada", 20)
        assert set(box.sandbox.moengage.look("users", "id2")["devices"]) == {"device-1"}
        assert dict(box.sandbox.ledger.applied["moengage", "mergeUsers"]) == {"id1": 1}


SEGMENTS = tuple(
    f"{verb}Segment" for verb in ("create", "addTo", "removeFrom", "replace", "archive", "unarchive")
)
AN_HOUR = [(10, 3600, "requests"), (100, 86_400, "requests")]
A_DAY = [(100, 60, "requests"), (360_000, 86_400, "requests")]


async def test_the_limits_are_those_of_the_documents(running):
    async with running() as box:
        windows = {
            operation.name: [(each.count, each.seconds, each.counts) for each in operation.limits.windows]
            for operation in box.sandbox.moengage.operations
            if operation.limits is not None
        }
        assert windows == {
            "customer": [(10_000, 60, "records")],
            "device": [(10_000, 60, "records")],
            "event": [(30_000, 60, "records")],
            "deleteUser": [(5_000, 60, "requests")],
            "mergeUsers": [(1_000, 60, "records")],
            "exportUsers": [(1_000, 60, "records")],
            "manageDevices": [(1_000, 60, "requests")],
            "cohortSync": [(300, 60, "requests")],
            "bulkResubscribe": [(10, 60, "requests"), (14_400, 86_400, "requests")],
            "subscriptionCategories": A_DAY,
            "getPreferences": A_DAY,
            "setPreferences": A_DAY,
            "categoryPreferences": A_DAY,
            "optInStatus": [(1_000, 60, "requests"), (360_000, 86_400, "requests")],
            "testConnection": [],
            **dict.fromkeys(SEGMENTS, AN_HOUR),
        }
        assert box.sandbox.moengage.bulk_limits == {"customer": 60_000, "device": 10_000, "event": 60_000}


async def test_an_export_weighs_its_users_and_an_event_its_actions(running):
    async with running() as box:
        ids = [f"id{number}" for number in range(20)]
        for _ in range(50):
            await export(box, *ids)
        identifiers = [{"identifier_type": "customer_id", "identifier": "id1"}]
        reply = await post(box, "customers/export", {"data": {"identifiers": identifiers}})
        assert (reply.status, reply.json["error"]["type"]) == (429, "RateLimitError")
        box.sandbox.advance(60)
        await export(box, "id1")
        actions = [{"action": "a"}] * 4_000
        statuses = [(await post(box, "event", {**EVENT, "actions": actions})).status for _ in range(8)]
        assert statuses == [200] * 7 + [429]
        assert (await post(box, "event", {**EVENT, "actions": actions[:2_000]})).status == 200


async def test_bulk_counts_each_kind_of_element_apart(running):
    async with running() as box:
        box.sandbox.moengage.bulk_limits.update(customer=3, event=4)

        async def send(*elements):
            reply = await post(box, "transition", {"type": "transition", "elements": elements})
            return reply.status, reply.json.get("error", {}).get("type")

        two_events = {**EVENT, "actions": [{"action": "a"}] * 2}
        assert await send(CUSTOMER, CUSTOMER, two_events) == (200, None)
        assert await send(CUSTOMER, CUSTOMER, two_events) == (429, "RateLimitError")
        # What was refused whole has used up nothing, of neither kind.
        assert await send(CUSTOMER, two_events) == (200, None)
        assert await send(two_events) == (429, "RateLimitError")
        assert await send(DEVICE) == (200, None)
        box.sandbox.advance(60)
        assert await send(two_events, CUSTOMER) == (200, None)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"users": [{}]},
        {"users": [{"customer_id": "a", "extra": 1}]},
        {"users": [{"customer_id": "a", "attributes": []}]},
        {"suspended": "yes"},
        {"identifiers": "u_em"},
        {"other": []},
    ],
)
async def test_a_seed_that_is_not_understood_is_refused_with_a_sentence(running, document):
    async with running() as box:
        reply = await box.send("POST", "/_sandbox/state/moengage", json=document)
        assert reply.status == 400
        assert reply.json["error"].endswith(".")
        assert box.sandbox.moengage.counts()["users"] == 0


def _examples():
    if CASES is None:
        return []
    cases = orjson.loads((Path(CASES) / "moengage.json").read_bytes())["cases"]
    return [case for case in cases if case["request"]["body"] is not None]


@pytest.mark.skipif(CASES is None, reason="NETAUDIENCE_CASES names no folder of examples")
@pytest.mark.parametrize("case", _examples(), ids=lambda case: case["id"])
async def test_an_example_of_the_documents_gets_its_answer(running, case):
    async with running() as box:
        asked, documented = case["request"], case["response"]
        if documented["status"] != 200:
            box.sandbox.set_faults([f"status={documented['status']}"])
        box.sandbox.moengage.seed({"users": [{"customer_id": "6416d1a318r98264512c0f89"}]})
        route = case["operation"].partition("/v1/")[2].removesuffix("/{app_id}")
        reply = await post(box, route, asked["body"])
        answer, expected = reply.json, documented["body"]
        if "error" in expected:
            answer["error"]["request_id"] = expected["error"]["request_id"]
        # The specification's example lacks what the overview's has.
        answer.pop("request_id", None)
        assert (reply.status, answer) == (documented["status"], expected)


async def test_a_seed_adds_users_with_devices(running):
    async with running() as box:
        users = [{"customer_id": "id7", "attributes": {"a": 1}, "devices": {"d": {"platform": "web"}}}]
        reply = await box.send("POST", "/_sandbox/state/moengage", json={"users": users})
        assert reply.json == {
            "users": 1,
            "devices": 1,
            "events": 0,
            "attributes": 1,
            "cohorts": 0,
            "erasures": 0,
            "segments": 0,
        }
        reply = await box.send("GET", "/_sandbox/state/moengage/users/id7")
        assert reply.json["devices"] == {"d": {"platform": "web", "blocked": False}}
        for collection in ("users", "events", "other"):
            assert (await box.send("GET", f"/_sandbox/state/moengage/{collection}/none")).status == 404


async def test_a_clock_of_its_own_ends_the_24_hours_without_a_request():
    moment = [0.0]
    moengage = MoEngage({}, lambda: moment[0])
    moengage.demo()
    moengage.delete("id1", 0.0)
    assert moengage.look("users", "id1")["deletion_pending"]
    moment[0] = float(DAY)
    assert moengage.look("users", "id1") is None
    assert moengage.counts()["users"] == 1


async def test_an_opt_in_is_of_one_user_or_of_everybody_with_an_address(running):
    path = "/moengage/v1.0/opt-in-management/user-preferences"
    headers = {**authorization(), "Content-Type": "application/json", "MOE-APPKEY": "sandbox"}

    async def put(box, **row):
        body = {"user_preferences": {"channel": "email", **row}}
        return await box.send("PUT", path, json=body, headers=headers)

    async with running() as box:
        for number in (1, 2):
            box.sandbox.moengage.write(f"id{number}", {"u_em": "a@example.com"}, existing_only=False)
        one = await put(box, customer_id="id1", opt_in_status="DOUBLE_OPTED_IN")
        assert one.status == 200
        assert (await stored(box, "id1"))["moe_email_optin_status"] == "DOUBLE_OPTED_IN"
        assert "moe_email_optin_status" not in await stored(box, "id2")
        await put(box, email_id="a@example.com", categories={"offers": False, "news": False})
        for name in ("id1", "id2"):
            assert (await stored(box, name))["moe_email_optin_status"] == "OPTED_OUT"
        for row in (
            {"customer_id": "nobody", "opt_in_status": "OPTED_OUT"},
            {"customer_id": "id1", "opt_in_status": "MAYBE"},
            {"customer_id": "id1", "categories": {"unknown": True}},
        ):
            reply = await put(box, **row)
            assert (reply.status, reply.json["error"]["code"]) == (400, "400 Bad Request")
            assert reply.json["error"]["details"].keys() == {"target", "message"}
        assert (await put(box, customer_id="id1", opt_in_status="opt_in_pending")).status == 200
        assert (await stored(box, "id1"))["moe_email_optin_status"] == "OPT_IN_PENDING"


async def test_a_connection_is_tested(running):
    async with running() as box:
        path = "/moengage/v1/integrations/authentication"
        reply = await box.send("POST", path, headers={**authorization(), "MOE-APPKEY": "sandbox"})
        assert reply.json == {"status": "success", "app_name": "sandbox"}
