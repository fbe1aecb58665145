"""Never run: wrong uses that the type checkers must refuse; each is marked with the refusal expected.

A mark that is not needed is an error itself, so this fails as soon as a signature decays to Any.
"""

# ruff: noqa: B018 - nothing here is run

from __future__ import annotations

from netaudience import CleverTapClient, NetmeraClient, Settings
from netaudience.vendors.netmera.models import CategoryPreference, ProfileUpdateDict


async def arguments(client: NetmeraClient) -> None:
    await client.tag_users(["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.tag_users(["a"], "Sport")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.tag_users(["a"], tag=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.tag_users(["a"], tags="Sport")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.tag_users(["a"], tag=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.tag_users(tag="Sport")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.tag_users([1, 2], tag="Sport")  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await client.tag_users(5, tag="Sport")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.delete_users_permanently(["a"], confirm="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.enable_mail(["a"], by="mail")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.enable_sms(["a"], by="email")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.enable_push("a", by="token")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.enable_push(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.enable_push.each(["a"], by="token")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_segment_users()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.get_segment("5883")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_segment_users(segment_id="5883")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.get_devices("a", only_push_permitted="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.send_push_approval("97")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_device_tokens(page_size="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.get_device_tokens()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    client.tag_user(["a"], tag="x")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]


async def rows(client: NetmeraClient) -> None:
    await client.update_email("a@example.com")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.update_email({"extId": "a"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.update_email({"extId": "a", "mail": "a@example.com"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.update_whats_app({"extId": "a", "wpNumber": 5})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.set_profile_attributes([CategoryPreference("a", "c", enable=True)])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    CategoryPreference("a", "c", enable="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    row: ProfileUpdateDict = {"extId": "a", "profile": ["age"]}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
    await client.set_profile_attributes([row])


async def results(client: NetmeraClient) -> None:
    (await client.get_devices("a")).tokens  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    (await client.tag_users(["a"], tag="x")).lost  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    len(await client.get_segments())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with client.tag_users(["a"], tag="x") as outcomes:
        async for outcome in outcomes:
            outcome.reason  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
            outcome.position = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def clients() -> None:
    NetmeraClient()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NetmeraClient(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NetmeraClient("key", region="eu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    CleverTapClient("a", "b", region="us")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    CleverTapClient("a", "b", "eu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Settings(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Settings(rate="fast")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def batchers(netmera: NetmeraClient) -> None:
    netmera.tag_users.given(label="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    netmera.tag_users.given(tag=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await netmera.tag_users.given(tag="x")(["a"], tag="y")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    netmera.tag_users.batcher(when_full="drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    netmera.get_segments.batcher()  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    async with netmera.tag_users.given(tag="x").batcher() as sink:
        await sink.put(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        sink.put_nowait(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with netmera.batcher() as changes:
        await changes.put(netmera.delete_users, 5)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
