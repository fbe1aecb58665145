"""CleverTap's operations of several requests: counts that are asked for again, and custom lists by a file.

Sources, read 2026-11: https://developer.clevertap.com/docs/get-user-profiles-api and
https://developer.clevertap.com/docs/custom-list-endpoints
"""

from __future__ import annotations

from typing import Any

import pytest
from scripted_vendors import clevertap, reply
from yarl import URL

from netaudience import AnswerLost, CleverTapClient, ConfigurationError, Misconfigured, NotFound, Unreadable
from netaudience.errors import Unavailable
from netaudience.model.wire import Prepared
from netaudience.sandbox import Sandbox
from netaudience.vendors.clevertap.models import Count

pytestmark = pytest.mark.asyncio

SINCE: dict[str, Any] = {"event_name": "App Launched", "from_date": 20260101, "to_date": 20261231}
LIST: dict[str, Any] = {"name": "VIP", "email": "ops@example.com", "creator": "nightly"}
SIGNED = "https://files.example.com/f.csv?X-Amz-Signature=abc%2F"
ADDRESS = reply(200, {"status": "success", "presignedS3URL": SIGNED, "expiry": "7 May, 01:29 PM"})
MADE = reply(200, {"status": "success", "Segment ID": 7})


async def test_a_count_that_is_not_ready_is_asked_for_by_its_handle() -> None:
    partial = reply(200, {"status": "partial", "req_id": 384649162721759})
    client, transport = clevertap(partial, partial, reply(200, {"status": "success", "count": 0}))
    assert await client.count_profiles(**SINCE) == Count(status="success", count=0)
    assert [(sent.method, str(sent.url).rpartition("/1/")[2]) for sent in transport.sent] == [
        ("POST", "counts/profiles.json"),
        *[("GET", "counts/profiles.json?req_id=384649162721759")] * 2,
    ]
    assert transport.sent[1].body is None


@pytest.mark.parametrize("first_wait", [0.0, 0.001])
async def test_a_count_that_is_never_ready_ends(first_wait: float) -> None:
    client, _ = clevertap(*[reply(200, {"status": "partial", "req_id": 1})] * 200)
    client.settings = _with(client, first_wait=first_wait, longest_wait=0.01, throttle_patience=0.02)
    with pytest.raises(Unavailable, match="still not ready"):
        await client.count_events(**SINCE)


async def test_a_count_without_a_number_and_without_a_handle_is_unreadable() -> None:
    client, _ = clevertap(reply(200, {"status": "success"}))
    with pytest.raises(Unreadable):
        await client.count_profiles(**SINCE)


def _with(client: Any, **retry: Any) -> Any:
    import attrs  # noqa: PLC0415 - for this alone

    return attrs.evolve(client.settings, retry=attrs.evolve(client.settings.retry, **retry))


@pytest.mark.parametrize("options", [{}, {"members": []}, {"members": "abc"}, {"members": ["", "a"]}])
async def test_members_are_a_list_of_identifiers(options: dict[str, Any]) -> None:
    client, transport = clevertap()
    with pytest.raises((ConfigurationError, TypeError)):
        await client.create_custom_list(**LIST, **options)
    for wrong in ({"email": "nobody"}, {"name": ""}, {"creator": ""}, {"by": "email"}):
        with pytest.raises(ConfigurationError):
            await client.create_custom_list(**{**LIST, "members": ["a"], **wrong})
    assert transport.sent == []


@pytest.mark.parametrize("url", ["", "http://files.example.com/f", "file:///etc/hosts", "https://", "/f"])
async def test_a_file_goes_nowhere_where_the_address_is_none_or_not_encrypted(url: str) -> None:
    client, transport = clevertap(reply(200, {"status": "success", "presignedS3URL": url}))
    with pytest.raises((ConfigurationError, Unreadable)) as raised:
        await client.create_custom_list(**LIST, members=["a"])
    assert len(transport.sent) == 1
    assert not url or url not in str(raised.value)


async def test_none_of_our_headers_goes_to_the_host_of_the_file() -> None:
    client, transport = clevertap(ADDRESS, reply(200), MADE)
    await client.replace_custom_list(**LIST, members=["a"])
    _, put, done = transport.sent
    assert isinstance(put.url, URL)
    assert str(put.url) == SIGNED
    assert dict(put.headers) == {"Content-Type": "text/csv"}
    assert "PASS-CODE" in done.headers.values()


async def test_an_address_that_has_expired_says_so_and_does_not_show_it() -> None:
    client, transport = clevertap(ADDRESS, reply(403, b"<Error>AccessDenied</Error>", "application/xml"))
    with pytest.raises(Misconfigured, match="expired") as raised:
        await client.create_custom_list(**LIST, members=["a"])
    assert "Signature" not in f"{raised.value}{raised.value!r}{transport.sent!r}"
    assert len(transport.sent) == 2


@pytest.mark.parametrize(("operation", "requests"), [("create_custom_list", 3), ("replace_custom_list", 4)])
async def test_only_what_may_be_done_twice_is_sent_again(operation: str, requests: int) -> None:
    client, transport = clevertap(ADDRESS, reply(200), MADE, MADE)
    client.settings = _with(client, attempts=2, first_wait=0.0)
    scripted, lost = transport.send, []

    async def losing(request: Prepared) -> Any:
        answer = await scripted(request)
        if str(request.url).endswith("completed") and not lost:
            lost.append(request)
            raise AnswerLost("no answer")
        return answer

    transport.send = losing  # type: ignore[method-assign]
    if operation == "create_custom_list":
        with pytest.raises(AnswerLost):
            await client.create_custom_list(**LIST, members=["a"])
    else:
        assert (await client.replace_custom_list(**LIST, members=["a"])).segment_id == 7
    assert len(transport.sent) == requests


async def test_the_steps_before_the_last_are_sent_again_where_an_answer_is_lost() -> None:
    client, transport = clevertap(ADDRESS, ADDRESS, reply(200), reply(200), MADE)
    client.settings = _with(client, attempts=2, first_wait=0.0)
    scripted, seen = transport.send, set[str]()

    async def losing(request: Prepared) -> Any:
        answer = await scripted(request)
        if (key := str(request.url)) not in seen and not key.endswith("completed"):
            seen.add(key)
            raise AnswerLost("no answer")
        return answer

    transport.send = losing  # type: ignore[method-assign]
    assert (await client.create_custom_list(**LIST, members=["a"])).segment_id == 7
    assert len(transport.sent) == 5


@pytest.mark.parametrize(
    "answer",
    [
        reply(404, {"status": "fail", "error": "Profile not found", "code": 404}),
        reply(200, {"status": "fail", "error": "Profile does not exist"}),
        reply(200, {"status": "fail", "error": "No such profile", "code": 404}),
    ],
)
async def test_a_profile_that_is_not_there_is_not_found_and_stops_nothing(answer: Any) -> None:
    client, _ = clevertap(answer, answer)
    report = await client.get_profile.each(["a", "b"]).settled()
    assert [type(told.reason) for told in report.undelivered] == [NotFound, NotFound]
    assert report.stopped is None


async def test_all_of_it_against_the_sandbox() -> None:
    async with Sandbox(demo=True) as sandbox:
        sandbox.clevertap.slow_counts = 2
        async with CleverTapClient("sandbox", "sandbox", base_url=sandbox.url("clevertap")) as client:
            client.settings = _with(client, first_wait=0.001)
            made = await client.create_custom_list(**LIST, members=["client-19827239", "nobody"])
            assert made.segment_id == 1
            assert sandbox.clevertap.segments["VIP"].members == {"client-19827239"}
            again = await client.replace_custom_list(**LIST, members=["5555555555"])
            assert again.segment_id == 1
            assert sandbox.clevertap.segments["VIP"].members == {"5555555555"}
            assert (await client.count_profiles(**SINCE)).count == 2
            assert (await client.count_events(**SINCE)).count == 2
            found = await client.get_profile("john.brown@example.com", by="email")
            assert found.record.identity == "client-19827239"
            with pytest.raises(NotFound):
                await client.get_profile("nobody")
