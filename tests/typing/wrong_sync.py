"""Never run: wrong uses of the blocking clients that the type checkers must refuse, as in `wrong`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import netaudience
from netaudience.sync import FyndClient, IterableClient, NetmeraClient


def arguments(client: NetmeraClient) -> None:
    client.tag_users(["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.tag_users(["a"], "Sport")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.tag_users(["a"], tag=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.tag_users([1, 2], tag="Sport")  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    client.tag_users.settled(["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.tag_users.outcomes(["a"], tags="Sport")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.tag_users.journaled("j", on_doubt="guess")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.tag_users.journaled("j")(["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.enable_push(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.enable_push.each(["a"], by="token")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_segment("5883")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.get_device_tokens(page_size="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.tag_user(["a"], tag="x")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]


def sources(client: NetmeraClient, ids: AsyncIterator[str]) -> None:
    client.tag_users(ids, tag="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def readings(client: NetmeraClient) -> None:
    for outcome in client.tag_users.outcomes(["a"], tag="x"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues,reportUnknownVariableType]
        print(outcome)  # pyright: ignore[reportUnknownArgumentType]  # noqa: T201 - never run
    client.tag_users(["a"], tag="x").settled()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]


async def awaited(client: NetmeraClient, user: IterableClient, shop: FyndClient) -> None:
    await client.tag_users(["a"], tag="x")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await client.get_devices("a")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await user.get_user("a")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await shop.search_customers(q="a")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    async for device in client.get_device_tokens():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues,reportUnknownVariableType]
        print(device)  # pyright: ignore[reportUnknownArgumentType]  # noqa: T201 - never run


def clients(client: netaudience.NetmeraClient) -> None:
    with client:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    NetmeraClient()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NetmeraClient("key", region="eu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
