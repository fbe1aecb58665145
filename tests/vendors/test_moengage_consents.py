"""MoEngage's consents and cohorts, from the client to its sandbox and back."""

from __future__ import annotations

import pytest

from netaudience import InvalidItem, MoEngageClient, NotFound, Refused
from netaudience.sandbox import Sandbox
from netaudience.vendors.moengage.consent_models import ChannelPreference, ErasureSubject

USERS = [
    {"customer_id": "user-1", "attributes": {"u_em": "a@example.com"}},
    {"customer_id": "user-2", "attributes": {"u_em": "a@example.com"}},
    {"customer_id": "user-3", "attributes": {"u_em": "b@example.com"}},
]


def client_of(box) -> MoEngageClient:
    box.moengage.seed({"users": USERS})
    return MoEngageClient("sandbox", "sandbox", base_url=box.url("moengage"), send_app_key=False)


async def said(client, user="user-1", channel="email"):
    """Return what a user agreed to: the channel as a whole, and each category."""
    data = (await client.get_subscription_preferences(user, channel=channel)).data
    assert data is not None
    return data.is_globally_unsubscribed, {one.name: one.status for one in data.categories}


@pytest.mark.asyncio
async def test_an_erasure_has_a_receipt_and_takes_all_who_share_an_address():
    async with Sandbox(delay={"moengage": 30}) as box, client_of(box) as client:
        answer = await client.request_erasure(ErasureSubject(email="a@example.com"), confirm=True)
        assert box.moengage.look("erasures", answer.request_id) == ["user-1", "user-2"]
        assert len(box.moengage.customers) == 3
        box.advance(30)
        assert set(box.moengage.customers) == {"user-3"}
        report = await client.export_users(["user-1", "user-3"]).settled()
        assert [type(outcome.reason) for outcome in report.undelivered] == [NotFound]
        # Nobody is meant, which nothing tells.
        assert (await client.request_erasure({"ID": "nobody"}, confirm=True)).request_id


@pytest.mark.asyncio
async def test_a_category_changes_and_a_global_unsubscribe_is_never_lifted_by_accident():
    async with Sandbox() as box, client_of(box) as client:
        assert await said(client) == (False, {"offers": "subscribed", "news": "subscribed"})
        assert await client.change_categories("user-1", {"offers": False}) is not None
        assert await said(client) == (False, {"offers": "unsubscribed", "news": "subscribed"})
        assert await said(client, channel="sms") == (False, {"offers": "subscribed"})

        off = ChannelPreference("user-1", is_globally_unsubscribed=True)
        await client.set_subscription_preferences(off)
        unsubscribed = (True, {"offers": "unsubscribed", "news": "unsubscribed"})
        assert await said(client) == unsubscribed
        assert await client.change_categories("user-1", {"offers": True}) is None
        on = ChannelPreference("user-1", is_globally_unsubscribed=False)
        with pytest.raises(InvalidItem, match="lift_unsubscribes=True"):
            await client.set_subscription_preferences(on)
        report = await client.set_subscription_preferences.each([on, on]).settled()
        assert (report.rejected, report.requests) == (2, 0)
        assert await said(client) == unsubscribed
        await client.set_subscription_preferences(on, lift_unsubscribes=True)
        assert (await said(client))[0] is False


@pytest.mark.asyncio
async def test_a_change_is_made_once_for_its_key():
    async with Sandbox() as box, client_of(box) as client:
        client._new_id = lambda: "0d1e2f30-4a5b-4c6d-8e7f-90a1b2c3d4e5"
        off = ChannelPreference("user-1", is_globally_unsubscribed=True)
        for _ in range(2):
            await client.set_subscription_preferences(off)
        with pytest.raises(Refused, match="Conflict"):
            await client.set_subscription_preferences(off, channel="sms")
        assert await said(client, channel="sms") == (False, {"offers": "subscribed"})


@pytest.mark.asyncio
async def test_what_is_not_known_is_told_or_passed_over_as_documented():
    async with Sandbox() as box, client_of(box) as client:
        with pytest.raises(NotFound):
            await client.get_subscription_preferences("nobody")
        with pytest.raises(Refused, match="BadArgument"):
            await client.change_categories("user-1", {"nothing": False})
        rows = [
            {"customer_id": "user-1", "categories": {"news": False, "nothing": False}},
            {"customer_id": "nobody", "unsubscribe_all": True},
        ]
        assert (await client.set_category_preferences(rows)).delivered == 2
        assert (await said(client))[1] == {"offers": "subscribed", "news": "unsubscribed"}
        lifting = {"customer_id": "user-1", "unsubscribe_all": False}
        assert (await client.set_category_preferences([lifting]).settled()).rejected == 1
        with pytest.raises(NotFound, match="No users found"):
            await client.set_opt_in_status({"customer_id": "nobody", "opt_in_status": "OPTED_OUT"})
        lifting["categories"] = {"news": True}
        assert (await client.set_category_preferences([lifting], lift_unsubscribes=True)).delivered == 1
        assert (await said(client))[1]["news"] == "subscribed"
        categories = await client.list_subscription_categories()
        assert [one.name for one in categories.data] == ["offers", "news"]


@pytest.mark.asyncio
async def test_resubscribing_lifts_what_each_address_said():
    async with Sandbox() as box, client_of(box) as client:
        await client.set_subscription_preferences(ChannelPreference("user-3", is_globally_unsubscribed=True))
        assert (await client.resubscribe(["b@example.com", "c@example.com"], confirm=True)).delivered == 2
        assert (await said(client, "user-3"))[0] is False


@pytest.mark.asyncio
async def test_a_cohort_holds_those_who_exist():
    cohort = {"cohort_id": "c1", "cohort_name": "VIPs", "partner": "shop"}
    async with Sandbox() as box, client_of(box) as client:
        added = await client.add_cohort_members(["user-1", "user-2", "nobody"], **cohort)
        assert added.delivered == 3
        assert box.moengage.look("cohorts", "c1") == ["user-1", "user-2"]
        await client.remove_cohort_members(["user-1", "nobody"], **cohort)
        assert box.moengage.look("cohorts", "c1") == ["user-2"]
